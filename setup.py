"""What pyproject.toml cannot say: a wheel of one source is the same, byte for byte, whoever builds it and when; and the
modules that a `.pxd` stands beside are compiled, where that is possible and wanted.

In a wheel only the content of files counts: not when they were checked out, and not the umask of who did it or builds.
Without Cython, a C compiler or Python's headers, and with GATEPOST_PURE=1 in the environment, nothing is compiled: the
wheel is for every machine, and the program does the same.
"""

import os
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

os.environ.setdefault("SOURCE_DATE_EPOCH", "315532800")  # 1980-01-01, the first date that ZIP can say
os.umask(0o022)

DIRECTIVES = {
    "language_level": 3,
    # Types are those of the .pxd alone: annotations are for mypy, and C would hold them to the letter.
    "annotation_typing": False,
    # What is None, has no value yet or stands beyond an end raises as in Python, where C would read wild memory.
    "nonecheck": True,
    "boundscheck": True,
    "initializedcheck": True,
    # Arithmetic and integers as in Python: a division by zero or a number that does not fit raises.
    "cdivision": False,
    "overflowcheck": True,
}
FLAGS = ["-O2", "-g0", "-fstack-protector-strong"]


def compiled() -> list[Extension]:
    """The modules to compile; none where that is not possible or not wanted."""
    if os.environ.get("GATEPOST_PURE"):
        return []
    try:
        import Cython  # noqa: F401
    except ImportError:
        return []
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or ""
    headers = Path(sysconfig.get_path("include"), "Python.h")
    if not compiler or shutil.which(compiler.split()[0]) is None or not headers.exists():
        return []
    modules = (path.with_suffix(".py") for path in sorted(Path("proxy").rglob("*.pxd")))
    return [
        Extension(".".join(path.with_suffix("").parts), [path.as_posix()], extra_compile_args=FLAGS) for path in modules
    ]


class PlainBuild(build_py):
    """Copies every file with the mode of a new one; data files keep that of the source otherwise."""

    def copy_file(self, infile: Any, outfile: Any, preserve_mode: Any = True, *others: Any, **named: Any) -> Any:
        return super().copy_file(infile, outfile, False, *others, **named)


class AllOrNone(build_ext):
    """The compiled modules know each other's memory: one alone would not fit to the others' Python."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or True

    def run(self) -> None:
        if self.editable_mode:
            return  # they would go on as they are when their sources change: see scripts/compile
        try:
            super().run()
        except Exception as exc:  # whatever it is: the same program is there without
            for path in map(Path, self.get_outputs()):
                path.unlink(missing_ok=True)
            print(f"Gatepost is not compiled, and does the same at less speed: {exc}", file=sys.stderr)
            if self.inplace:
                raise

    def build_extensions(self) -> None:
        from Cython.Build import cythonize

        copies = [Extension(each.name, each.sources) for each in self.extensions]
        made = cythonize(copies, build_dir="build/cython", compiler_directives=DIRECTIVES, quiet=True)
        sources = {each.name: each.sources for each in made}
        for each in self.extensions:
            each.sources = sources[each.name]
        super().build_extensions()


setup(cmdclass={"build_py": PlainBuild, "build_ext": AllOrNone}, ext_modules=compiled())
