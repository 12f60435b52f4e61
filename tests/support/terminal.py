"""A person at a terminal: a real program asks there, and is answered."""

from __future__ import annotations

import os
import pty
import select
import signal
import termios
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

Question = tuple[str, Callable[[], str]]
"""What the program asks, and what is typed then. A ``Password:`` is typed once the terminal does not show it: programs
throw away what was typed before."""


def conversation(command: Sequence[str], questions: Sequence[Question], *, until: str, seconds: float = 60.0) -> str:
    """All that it prints until it says `until`, or ends, or the time is over; then it is stopped."""
    process_id, terminal = pty.fork()
    if process_id == 0:
        os.execvp(command[0], command)
    told, waiting, give_up_at = "", list(questions), time.monotonic() + seconds
    with suppress(OSError):  # the end of a terminal
        while until not in told and time.monotonic() < give_up_at:
            if not select.select([terminal], [], [], 0.5)[0]:
                continue
            told += os.read(terminal, 4096).decode(errors="replace")
            if waiting and waiting[0][0] in told:
                while "Password:" in waiting[0][0] and _shows_typed(terminal) and time.monotonic() < give_up_at:
                    time.sleep(0.01)
                os.write(terminal, waiting.pop(0)[1]().encode() + b"\n")
    with suppress(ProcessLookupError):
        os.kill(process_id, signal.SIGTERM)
    os.close(terminal)
    os.waitpid(process_id, 0)
    return told


def _shows_typed(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
