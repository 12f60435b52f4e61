"""The account that reads: its sign-in, and the growing waits after its password is refused.

Intervals are of a monotonic clock, in seconds.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from directory.active_directory.bind_result import refusal_reason, service_account_refusal
from directory.active_directory.connection import Connection
from directory.active_directory.deadline_socket import ConnectionFailed
from directory.active_directory.messages import SUCCESS, LDAPResult
from directory.active_directory.shared_tries import AloneTries, SharedTries
from directory.directory import RefusalReason
from directory.errors import DirectoryMisconfigured
from directory.refused_logins import LeftAlone, Turn, wait_seconds

FOR_THE_FIRST_SECONDS = 0.5
"""How long others wait for the first sign-in to be judged. Not for ever: its server may hang."""
_LOOK_AGAIN_SECONDS = 0.02
_NOT_COUNTED = frozenset(RefusalReason) - {
    RefusalReason.WRONG_PASSWORD,
    RefusalReason.UNKNOWN,
    RefusalReason.RESTRICTED,
    RefusalReason.OTHER,
}
"""Another try does not harm a locked, disabled or expired account, and finds out soon when it is fixed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refused:
    wrong_passwords: int
    """In a row; those in flight at the same time count once."""
    next_at: float
    told: str
    is_shared: bool
    """Whether other processes know of it, and so may report that it is over."""


class ServiceAccount:
    """The name and password that reads are made with. For all threads."""

    def __init__(
        self,
        name: str,
        password: str,
        *,
        shared: SharedTries | None = None,
        clock: Callable[[], float] = time.monotonic,
        patience_seconds: float = FOR_THE_FIRST_SECONDS,
    ) -> None:
        """`patience_seconds`: how long others wait for the first sign-in to be judged."""
        self._patience_seconds = patience_seconds
        self.name = name
        self._password = password
        self._shared = shared or AloneTries()
        self._digest = hashlib.sha256(f"{name}\0{password}".encode("utf-8", "surrogatepass")).digest()
        self._clock = clock
        self._refused: _Refused | None = None
        self._is_proven = False
        self._first = threading.Lock()

    def bind(self, connection: Connection, *, deadline: float) -> LDAPResult:
        return connection.bind(self.name, self._password.encode("utf-8"), deadline=deadline)

    def sign_in(self, connection: Connection, realm: str, *, deadline: float) -> None:
        """Raises `DirectoryMisconfigured` where the account is refused, `ConnectionFailed` else.

        While nobody knows whether the password is right, only one sign-in goes ahead: each costs a try.
        """
        if self._is_proven:
            self._heed(self._shared.left_alone(self._digest), realm)
            self._sign_in(connection, realm, deadline)
            return
        is_first = self._first.acquire(timeout=max(0.0, min(self._patience_seconds, deadline - time.monotonic())))
        try:
            self.require_not_refused(realm)
            self._await_turn(realm, deadline)
            self._sign_in(connection, realm, deadline)
        finally:
            if is_first:
                self._first.release()

    def require_not_refused(self, realm: str) -> None:
        """Raises `DirectoryMisconfigured` if it was refused recently."""
        refused = self._refused
        if refused is not None and self._clock() < refused.next_at:
            if refused.is_shared and self._shared.is_taken_since(self._digest):
                self._refused = None
                return
            raise DirectoryMisconfigured(realm, refused.told)

    def _await_turn(self, realm: str, deadline: float) -> None:
        """The same between processes: one goes ahead, and the others do not wait for ever."""
        give_up_at = min(deadline, time.monotonic() + self._patience_seconds)
        while True:
            turn = self._shared.begin(self._digest)
            if isinstance(turn, LeftAlone):
                self._heed(turn, realm)
            if turn is Turn.YOURS or time.monotonic() >= give_up_at:
                return
            time.sleep(_LOOK_AGAIN_SECONDS)

    def _heed(self, left_alone: LeftAlone | None, realm: str) -> None:
        """Raises `DirectoryMisconfigured` where it was refused elsewhere."""
        if left_alone is not None:
            self._is_proven = False
            self._refused = _told(0, "as another worker found", left_alone.seconds, self._clock(), is_shared=True)
            raise DirectoryMisconfigured(realm, self._refused.told)

    def _sign_in(self, connection: Connection, realm: str, deadline: float) -> None:
        try:
            outcome = self.bind(connection, deadline=deadline)
        except BaseException:
            self._shared.given_up(self._digest)
            raise
        reason = refusal_reason(outcome)
        if reason is not None:
            self._is_proven = False
            now = self._clock()
            if self._refused is None or now >= self._refused.next_at:  # otherwise both were in flight
                self._refused = self._refusal(self._refused, reason, now)
            raise DirectoryMisconfigured(realm, self._refused.told)
        if outcome.code != SUCCESS:
            self._shared.given_up(self._digest)
            raise ConnectionFailed(connection.server, f"the service account's bind was answered {outcome.code}")
        if not self._is_proven:
            self._shared.taken(self._digest)
        self._refused = None
        self._is_proven = True

    def _refusal(self, before: _Refused | None, reason: RefusalReason, now: float) -> _Refused:
        counts = reason not in _NOT_COUNTED
        wrong_passwords = before.wrong_passwords if before is not None else 0
        everywhere = self._shared.refused(self._digest, counts=counts)
        if counts:
            wrong_passwords = max(wrong_passwords + 1, everywhere)
        wait = wait_seconds(wrong_passwords if counts else 1)
        is_shared = self._shared.leave_alone(self._digest, seconds=wait)
        return _told(wrong_passwords, service_account_refusal(reason), wait, now, is_shared=is_shared)


def _told(wrong_passwords: int, reason: str, wait: float, now: float, *, is_shared: bool) -> _Refused:
    # An instant, not a duration, so that the text stays the same until then and is logged once.
    next_at = datetime.fromtimestamp(time.time() + wait, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    told = f"the service account was refused: {reason}. It is tried again after {next_at}, or with a new setting"
    return _Refused(wrong_passwords=wrong_passwords, next_at=now + wait, told=told, is_shared=is_shared)
