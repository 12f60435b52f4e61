"""What pyproject.toml cannot say: a wheel of the same source is the same, byte for byte, whoever builds it and when.

In a wheel only the content of files counts: not when they were checked out, and not the umask of who did it or builds.
"""

import os
from typing import Any

from setuptools import setup
from setuptools.command.build_py import build_py

os.environ.setdefault("SOURCE_DATE_EPOCH", "315532800")  # 1980-01-01, the first date that ZIP can say
os.umask(0o022)


class PlainBuild(build_py):
    """Copies every file with the mode of a new one; data files keep that of the source otherwise."""

    def copy_file(self, infile: Any, outfile: Any, preserve_mode: Any = True, *others: Any, **named: Any) -> Any:
        return super().copy_file(infile, outfile, False, *others, **named)


setup(cmdclass={"build_py": PlainBuild})
