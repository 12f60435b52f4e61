"""`gatepost hash-password`: a hash that the local directory accepts, and never of an unusable password."""

import argparse
import io
import os
import pty
import subprocess
import sys

import pytest
from argon2 import PasswordHasher

from proxy.commands import hash_password


def run(stdin: str) -> tuple[int, str]:
    out = io.StringIO()
    return hash_password.run(argparse.Namespace(), io.StringIO(stdin), out), out.getvalue()


@pytest.mark.parametrize("line", ["pass word\n", "pass word\r\n", "pass word", "pass word\nanother\n"])
def test_a_piped_line_is_hashed(line: str) -> None:
    code, out = run(line)
    assert code == 0
    assert out.startswith("$argon2id$")
    assert PasswordHasher().verify(out.removesuffix("\n"), "pass word")


@pytest.mark.parametrize(
    "line",
    ["", "\n", "abcdefg\0h\n", "x" * 1025, "\ud800 \n", "7 signs\n", "password1\n", "PASSWORD1\n"],
    ids=["nothing", "empty", "NUL", "too long", "no text", "too short", "a common one", "a common one in capitals"],
)
def test_an_unusable_password_is_refused(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line) == (2, "")
    assert "gatepost hash-password: the password" in capsys.readouterr().err


PROGRAM = (
    "import argparse, sys; from proxy.commands import hash_password;"
    "sys.exit(hash_password.run(argparse.Namespace(), sys.stdin, sys.stdout))"
)


@pytest.mark.parametrize(("again", "expected"), [("pass word", 0), ("pass-word", 2)])
def test_a_terminal_is_asked_twice_without_echo(again: str, expected: int) -> None:
    terminal, inner = pty.openpty()
    # In a session without a terminal of its own, getpass asks on the one that is its standard input.
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=inner, stdout=inner, stderr=inner, start_new_session=True
    )
    os.close(inner)
    shown = read_until(terminal, b"Password: ")
    os.write(terminal, b"pass word\n")
    shown += read_until(terminal, b"Again: ")
    os.write(terminal, again.encode() + b"\n")
    shown += read_until(terminal, None)
    assert child.wait(30) == expected
    os.close(terminal)
    assert b"pass word" not in shown
    assert b"pass-word" not in shown
    assert (b"$argon2id$" in shown) == (expected == 0)


def read_until(terminal: int, prompt: bytes | None) -> bytes:
    shown = b""
    while prompt is None or not shown.endswith(prompt):
        try:
            piece = os.read(terminal, 1024)
        except OSError:  # the program has ended: Linux says so with EIO
            break
        if not piece:
            break
        shown += piece
    return shown


def test_the_module_runs_by_itself_when_piped() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], input=b"pass word\n", capture_output=True, check=True)
    assert done.stdout.startswith(b"$argon2id$")
