"""`scripts/setup.sh`: interrupted at any moment, it leaves what was there, and the next run ends well."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WHEEL = "pretended-1.0-py3-none-any.whl"
BACKEND = """\
import zipfile
def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "house-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{wheel_directory}/{name}", "w") as wheel:
        wheel.writestr("house-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: house\\nVersion: 1\\n")
        wheel.writestr("house-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("house-1.dist-info/entry_points.txt", "[console_scripts]\\nhouse = pretended:main\\n")
        wheel.writestr("house-1.dist-info/RECORD", "")
    return name
"""
PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "house"
version = "1"
"""


def wheel() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("pretended.py", "import sys\ndef main(): print(sys.prefix)\n")
        archive.writestr("pretended-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: pretended\nVersion: 1.0\n")
        archive.writestr(
            "pretended-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("pretended-1.0.dist-info/RECORD", "")
    return content.getvalue()


class Index(http.server.ThreadingHTTPServer):
    """A package index of one package, whose download waits until it may go on."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.wheel = wheel()
        self.is_asked, self.may_answer = threading.Event(), threading.Event()


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Index)
        if self.path.endswith(".whl"):
            self.server.is_asked.set()
            self.server.may_answer.wait(60)
            body = self.server.wheel
        else:
            body = f'<a href="/{WHEEL}">{WHEEL}</a>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def index() -> Iterator[Index]:
    server = Index()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.may_answer.set()
        server.shutdown()
        server.server_close()
        thread.join()


class House:
    """A folder with the real script, one package to lock and a project to install."""

    def __init__(self, folder: Path, index: Index) -> None:
        self.folder = folder
        self._environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PIP_")},
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": f"http://127.0.0.1:{index.server_port}/simple/",
            "PIP_NO_CACHE_DIR": "1",
            "PYTHON": sys.executable,
        }
        (folder / "scripts").mkdir()
        (folder / "scripts/setup.sh").write_bytes((ROOT / "scripts/setup.sh").read_bytes())
        (folder / "backend.py").write_text(BACKEND)
        (folder / "pyproject.toml").write_text(PYPROJECT)
        digest = hashlib.sha256(index.wheel).hexdigest()
        (folder / "lock.txt").write_text(f"pretended==1.0 \\\n    --hash=sha256:{digest}\n")

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-c", "set -euo pipefail; . scripts/setup.sh; virtual_environment lock.txt; echo ready"],
            cwd=self.folder,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a terminal's foreground group: Ctrl-C reaches all of it
        )

    def run(self) -> tuple[str, str]:
        process = self.start()
        output, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors
        return output, errors

    def works(self) -> None:
        folder = self.folder / ".venv/bin"
        for command in (["./house"], ["./python", "-m", "pip", "--version"]):
            subprocess.run(command, cwd=folder, check=True, capture_output=True)

    def places(self) -> list[str]:
        return sorted(each.name for each in (self.folder / ".venvs").iterdir())


@pytest.fixture
def house(tmp_path: Path, index: Index) -> House:
    return House(tmp_path, index)


def interrupt(process: subprocess.Popen[str]) -> str:
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert output == ""
    return errors


def test_ctrl_c_breaks_no_later_run(house: House, index: Index) -> None:
    """Before pip is there ("No module named pip" in each later run), and while packages are fetched."""
    index.may_answer.set()
    # As an earlier release left it: a folder without pip. And a place whose maker was killed.
    (house.folder / ".venv/bin").mkdir(parents=True)
    (house.folder / ".venv/bin/python").symlink_to(sys.executable)
    finished = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    (house.folder / f".venvs/0123456789abcdef-{finished.stdout.strip()}").mkdir(parents=True)
    process = house.start()
    assert process.stderr is not None
    assert "Making a virtual environment" in process.stderr.readline()
    interrupt(process)

    assert house.run()[0] == "ready\n"
    house.works()
    assert house.run() == ("ready\n", "")  # nothing is left to do
    before = house.places()
    assert len(before) == 1

    lock = house.folder / "lock.txt"
    lock.write_text(lock.read_text() + "# another one\n")
    index.may_answer.clear()
    index.is_asked.clear()
    process = house.start()
    assert index.is_asked.wait(60)
    errors = interrupt(process)
    assert "Making a virtual environment" in errors
    assert "Installing the 1 packages of lock.txt" in errors
    assert house.places() == before
    house.works()
