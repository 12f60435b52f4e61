"""A file system of the test's own that can be filled, or be made read-only under what is open on it. For root alone."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

MEGABYTE = 1 << 20


class SmallDisk:
    """`folder` is where it is mounted."""

    def __init__(self, folder: Path, *, device: str = "") -> None:
        self.folder = folder
        self._device = device
        self._filler = folder / "filler"
        self._is_replaced = False

    def fill(self) -> None:
        """To the last byte."""
        with open(self._filler, "wb", buffering=0) as filler:
            for size in (65536, 4096, 512, 1):
                with contextlib.suppress(OSError):
                    while filler.write(b"x" * size):
                        pass

    def empty(self) -> None:
        self._filler.unlink()

    def become_read_only(self) -> None:
        """As the kernel does it when the disk below answers with errors: files stay open and cannot be written."""
        Path(f"/sys/fs/ext4/{self._device}/trigger_fs_error").write_text("tried by a test")

    def be_replaced(self) -> None:
        """By another one with what could be read, as an operator does it."""
        with tempfile.TemporaryDirectory() as name:
            for each in self.folder.iterdir():
                if each.is_file():
                    shutil.copy2(each, name)
            _run("mount", "-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs", str(self.folder))
            shutil.copytree(name, self.folder, dirs_exist_ok=True)
            self._is_replaced = True

    def unmount(self) -> None:
        for _ in range(1 + self._is_replaced):
            _run("umount", "--lazy", str(self.folder))


@contextlib.contextmanager
def small_disk(folder: Path, *, megabytes: int = 16) -> Iterator[SmallDisk]:
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(folder))
    disk = SmallDisk(folder)
    try:
        yield disk
    finally:
        disk.unmount()


@contextlib.contextmanager
def failing_disk(folder: Path) -> Iterator[SmallDisk]:
    image = folder.with_suffix(".img")
    image.write_bytes(bytes(16 * MEGABYTE))
    folder.mkdir()
    _run("mkfs.ext4", "-q", "-O", "^has_journal", str(image))
    device = _run("losetup", "--find", "--show", str(image)).strip()
    try:
        _run("mount", "-o", "errors=remount-ro", device, str(folder))
        disk = SmallDisk(folder, device=Path(device).name)
        try:
            yield disk
        finally:
            disk.unmount()
    finally:
        _run("losetup", "--detach", device)


def can_mount() -> bool:
    """Root in a container may not."""
    if os.geteuid() != 0 or shutil.which("mount") is None or shutil.which("unshare") is None:
        return False
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def can_fail() -> bool:
    """Whether there are loop devices and ext4, for `failing_disk`."""
    return can_mount() and os.path.exists("/dev/loop-control") and shutil.which("mkfs.ext4") is not None


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
