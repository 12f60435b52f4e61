"""Lists of passwords that too many people have: what is found in them, and which files are no such list."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from config.password_lists import COMMONEST_PASSWORDS, is_listed, require_list
from config.problems import UnusableFile


def sha1(word: str) -> str:
    return hashlib.sha1(word.encode()).hexdigest().upper()


def a_list(path: Path, words: list[str], *, digits: int = 40, count: str = ":7", end: str = "\r\n") -> Path:
    path.write_text("".join(sorted(f"{sha1(word)[:digits]}{count}{end}" for word in words)), newline="")
    return path


@pytest.mark.parametrize("password", ["123456", "password", "Password", "PASSWORD1", "letmein", "qwertyuiop", "dragon"])
def test_the_commonest_are_listed_in_any_case(password: str) -> None:
    assert is_listed(password, COMMONEST_PASSWORDS)


@pytest.mark.parametrize("password", ["", "correct horse battery staple", "Tr0ub4dor&3 more", "x" * 1024, "Grüße \0"])
def test_others_are_not(password: str) -> None:
    assert not is_listed(password, COMMONEST_PASSWORDS)


def test_the_list_that_ships_is_one_and_is_long_enough() -> None:
    require_list(COMMONEST_PASSWORDS)
    lines = COMMONEST_PASSWORDS.read_text().splitlines()
    assert lines == sorted(set(lines))
    assert len(lines) >= 3000


@pytest.mark.parametrize("digits", [12, 13, 40])
@pytest.mark.parametrize(("count", "end"), [("", "\n"), (":7", "\r\n")])
@pytest.mark.parametrize("length", [1, 2, 3, 500])
def test_each_entry_is_found_and_nothing_else(tmp_path: Path, digits: int, count: str, end: str, length: int) -> None:
    words = [f"word {number}" for number in range(length)]
    path = a_list(tmp_path / "list", words, digits=digits, count=count, end=end)
    require_list(path)
    assert all(is_listed(word, path) for word in words)
    assert not any(is_listed(f"other {number}", path) for number in range(500))


def test_counts_of_different_lengths_and_a_missing_last_line_end(tmp_path: Path) -> None:
    chosen = random.Random(1)
    words = [f"word {number}" for number in range(300)]
    lines = sorted(f"{sha1(word)}:{chosen.randrange(10 ** chosen.randrange(1, 9))}" for word in words)
    (tmp_path / "list").write_text("\n".join(lines))
    require_list(tmp_path / "list")
    assert all(is_listed(word, tmp_path / "list") for word in words)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "holds no SHA-1 hashes"),
        ("password\n123456\n", "holds no SHA-1 hashes"),
        (f"{sha1('a')}:1\nnot a hash\n", "holds no SHA-1 hashes"),
        ("".join(sorted((f"{sha1(str(n))}:1\n" for n in range(50)), reverse=True)), "is not sorted by hash"),
        ("".join(f"{sha1(str(n))}\n" for n in range(5000)), "is not sorted by hash"),
    ],
    ids=["empty", "words", "a line that is none", "backwards", "by count"],
)
def test_a_file_that_is_no_list_is_named_with_what_to_do(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "list"
    path.write_text(content)
    with pytest.raises(UnusableFile, match=reason) as caught:
        require_list(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="cannot be read"):
        require_list(tmp_path)
    with pytest.raises(OSError, match="No such file"):
        is_listed("password", tmp_path / "missing")
