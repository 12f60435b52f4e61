"""Searches as the service account, with LDAP's result codes sorted by what they mean for us."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from directory.active_directory.connection import Connection
from directory.active_directory.deadline_socket import ConnectionFailed
from directory.active_directory.filters import ANYTHING
from directory.active_directory.messages import (
    BUSY,
    NO_SUCH_OBJECT,
    REFERRAL,
    SUCCESS,
    UNAVAILABLE,
    Entry,
    PageRequest,
    Scope,
    Search,
    SearchAnswer,
)
from directory.active_directory.server_address import ServerAddress
from directory.active_directory.value_ranges import ValuesMissing, in_whole, is_in_ranges
from directory.errors import DirectoryMisconfigured

_OPERATIONS_ERROR = 1
_SIZE_LIMIT = 4
_INVALID_DN_SYNTAX = 34
_TRY_ANOTHER_SERVER = {
    # AD answers the first on a connection that it no longer considers bound (RFC 4511 appendix A.2).
    _OPERATIONS_ERROR: "no longer considers the service account signed in",
    3: "time limit exceeded",
    BUSY: "busy",
    UNAVAILABLE: "unavailable",
    80: "internal error",
}


class HeldElsewhere(DirectoryMisconfigured):
    """The base DN is another server's, such as one of another domain: its referral is not followed."""


class Reader:
    """What one piece of work in a thread reads with: a bound service connection and a deadline."""

    def __init__(
        self,
        realm: str,
        connection: Connection,
        deadline: float,
        patience_seconds: float | None = None,
        *,
        took: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        """`patience_seconds`: how long each single answer may take; None: until the deadline. `took` is told how long
        each did."""
        self._realm = realm
        self._connection = connection
        self._patience_seconds = patience_seconds
        self._took = took
        self._answers = 0
        self._answered_in = 0.0
        self.deadline = deadline
        self.is_cut = False
        """Whether the last search found more than the server returned."""

    @property
    def server(self) -> ServerAddress:
        return self._connection.server

    def mean_answer_seconds(self) -> float | None:
        """How long a search took on average; None before the first."""
        return self._answered_in / self._answers if self._answers else None

    def search(
        self,
        base_dn: str,
        filter_text: str,
        attributes: Sequence[str],
        *,
        scope: Scope = "subtree",
        size_limit: int = 0,
        page: PageRequest | None = None,
    ) -> list[Entry]:
        """The entries found, each with all values of what it was asked for; none too if the base does not exist.

        Raises `ConnectionFailed` if another server may succeed, `DirectoryMisconfigured` if none would: `HeldElsewhere`
        because the base is not in this domain.
        """
        found = self._ask(
            Search(
                base_dn=base_dn,
                filter_text=filter_text,
                attributes=attributes,
                scope=scope,
                size_limit=size_limit,
                page=page,
            )
        )
        code = found.outcome.code
        self.is_cut = code == _SIZE_LIMIT
        if code in (SUCCESS, _SIZE_LIMIT):
            return [self.in_whole(each) if is_in_ranges(each) else each for each in found.entries]
        if code in (NO_SUCH_OBJECT, _INVALID_DN_SYNTAX):
            return []
        if code in _TRY_ANOTHER_SERVER:
            raise ConnectionFailed(self.server, f"result {code}: {_TRY_ANOTHER_SERVER[code]}")
        if code == REFERRAL:
            raise HeldElsewhere(self._realm, "the base DN is another server's: its referral is not followed")
        raise DirectoryMisconfigured(self._realm, f"a search as the service account was answered with result {code}")

    def in_whole(self, entry: Entry) -> Entry:
        """`entry` with the values that AD left out of its first answer. Raises `ConnectionFailed`."""

        def more(attribute: str) -> Entry | None:
            found = self._ask(Search(base_dn=entry.dn, filter_text=ANYTHING, attributes=[attribute], scope="base"))
            return found.entries[0] if found.outcome.code == SUCCESS and len(found.entries) == 1 else None

        try:
            return in_whole(entry, more)
        except ValuesMissing as exc:
            raise ConnectionFailed(self.server, str(exc)) from exc

    def only(self, base_dn: str, filter_text: str, attributes: Sequence[str]) -> Entry | None:
        """The one entry below `base_dn` that the filter names; None if there is none, or more than one."""
        entries = self.search(base_dn, filter_text, attributes, size_limit=2)
        return entries[0] if len(entries) == 1 else None

    def at(self, base_dn: str, attributes: Sequence[str], filter_text: str = ANYTHING) -> Entry | None:
        """The entry with exactly this DN, if the filter holds for it."""
        entries = self.search(base_dn, filter_text, attributes, scope="base")
        return entries[0] if len(entries) == 1 else None

    def _ask(self, search: Search) -> SearchAnswer:
        asked_at = time.monotonic()
        patience = self.deadline if self._patience_seconds is None else asked_at + self._patience_seconds
        found = self._connection.search(search, deadline=min(self.deadline, patience))
        self._answers += 1
        seconds = time.monotonic() - asked_at
        self._answered_in += seconds
        self._took(seconds)
        return found
