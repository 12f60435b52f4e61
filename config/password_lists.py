"""Lists of passwords that too many people have, searched on disk by the hashes of their entries.

A list is a sorted text file. Each line is a SHA-1 in hexadecimal, at least its first 12 digits; what follows a colon
does not count. Have I Been Pwned publishes its own in this form ("ordered by hash"). SHA-1 protects nothing here: it
only keeps the words themselves out of the file. All of it blocks.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from pathlib import Path
from typing import BinaryIO

from config.problems import UnusableFile
from config.system_errors import file_reason

COMMONEST_PASSWORDS = Path(__file__).with_name("commonest_passwords.txt")
"""The 6,000 that rank highest in two public counts of leaked passwords, in lower case."""
_DIGITS = 12
"""What is compared of a hash. By chance, one in 300,000 good passwords is taken for one of a billion entries."""
_LINE = re.compile(rb"[0-9A-Fa-f]{12,40}(:[0-9]*)?\s*")
_SAMPLES = 200


def is_listed(password: str, path: Path) -> bool:
    """Whether the list holds it, as it is or in lower case. Raises `OSError`."""
    with path.open("rb") as file:
        return any(_holds(file, spelling) for spelling in {password, password.lower()})


def _holds(file: BinaryIO, password: str) -> bool:
    wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest()[:_DIGITS].upper().encode()
    offsets = range(file.seek(0, 2))
    found = bisect_left(offsets, wanted, key=lambda offset: _digits(_line_from(file, offset)))
    return found < len(offsets) and _digits(_line_from(file, found)) == wanted


def _line_from(file: BinaryIO, offset: int) -> bytes:
    """The first line that begins at or after the offset; empty at the end."""
    file.seek(max(offset - 1, 0))
    if offset:
        file.readline()
    return file.readline()


def _digits(line: bytes) -> bytes:
    return line[:_DIGITS].upper() or b"\xff"  # after the last line


def require_list(path: Path) -> None:
    """Raises `UnusableFile`, unless samples of the file look like a list."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            samples = [_line_from(file, number * size // _SAMPLES) for number in range(_SAMPLES)]
    except OSError as error:
        raise UnusableFile(path, f"cannot be read: {file_reason(path, error)}") from error
    lines = [line for line in samples if line]
    if not lines or not all(map(_LINE.fullmatch, lines)):
        raise UnusableFile(path, "holds no SHA-1 hashes in hexadecimal, one on each line")
    if lines != sorted(lines, key=_digits):
        raise UnusableFile(path, "is not sorted by hash: sort it, or get the list that is ordered by hash")
