"""What a worker keeps of sessions: the latest used whole, of the others the end. Instants are epoch seconds.

Cookies are known by their host and the SHA-256 of their token, so that memory holds no tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from operator import attrgetter

from config.settings import SessionSettings
from proxy.factors.proof import Proof
from proxy.sessions.kept_ends import Ends, KeptEnds
from proxy.sessions.session import FIRST_FACTOR_SECONDS, Level, Session

CookieKey = tuple[str, bytes]
"""What a session is looked up by: a host and the SHA-256 of the cookie's token."""


class WholeSession:
    """A session in memory, with what a look-up needs worked out before."""

    __slots__ = ("absolute_end", "cookies", "ends_at", "idle", "is_unflushed", "last_used_at", "session")

    def __init__(self, session: Session, limits: SessionSettings) -> None:
        self.session = session
        self.cookies: tuple[CookieKey, ...] = ()
        # A half signed-in session does not live longer by being used, so it has no idle limit.
        self.idle = session.idle_by(limits) if session.level is Level.SIGNED_IN else float("inf")
        self.absolute_end = session.latest_end(limits)
        self.used_at(session.last_used_at)
        self.is_unflushed = False

    def learn(self, stored: Session) -> None:
        """Take over what the store has: another worker may have used it or been told of a new principal."""
        # Mostly nothing is new. Then the one that is held stays: others hold it too.
        used_at = self.session.last_used_at
        if stored.last_used_at > used_at or replace(stored, last_used_at=used_at) != self.session:
            self.session = stored
        if stored.last_used_at > self.last_used_at:
            self.used_at(stored.last_used_at)

    def go_on_from(self, seconds: float) -> None:
        """Move every instant by this many seconds, because the clock was set."""
        confined = self.session.confined
        self.session = replace(
            self.session,
            confined=confined and replace(confined, ends_at=confined.ends_at + seconds),
            created_at=self.session.created_at + seconds,
            last_used_at=self.last_used_at + seconds,
            proven=tuple(Proof(proof.factor, proof.at + seconds) for proof in self.session.proven),
        )
        self.last_used_at += seconds
        self.ends_at += seconds
        self.absolute_end += seconds

    @property
    def ends(self) -> Ends:
        """What is left of it when it is put aside."""
        return Ends(self.ends_at, self.absolute_end, self.idle)

    def used_at(self, now: float) -> None:
        self.last_used_at = now
        ends_at = now + self.idle
        self.ends_at = ends_at if ends_at < self.absolute_end else self.absolute_end


class KeptSessions:
    """Bounded: beyond `most_whole` the least recently used are put aside, for the tunnels that still depend on them."""

    def __init__(self, limits: SessionSettings, most_whole: int) -> None:
        self._limits = limits
        self._most_whole = most_whole
        self.by_cookie: dict[CookieKey, WholeSession] = {}
        self.whole: dict[str, WholeSession] = {}
        self._ends = KeptEnds()
        """Of all. Those of whole ones may be later by now: a use costs nothing here."""

    def __len__(self) -> int:
        return len(self._ends)

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._ends

    def session_ids(self) -> Iterator[str]:
        return iter(self._ends)

    def get(self, session_id: str) -> WholeSession | Ends | None:
        """`Ends`: it was put aside."""
        return self.whole.get(session_id) or self._ends.get(session_id)

    def ends_at(self, session_id: str) -> float | None:
        live = self.get(session_id)
        return None if live is None else live.ends_at

    def keep(self, live: WholeSession, cookie: CookieKey) -> None:
        session_id = live.session.session_id
        if session_id not in self.whole:
            self.whole[session_id] = live
            self._ends.put(session_id, live.ends)
        if cookie not in self.by_cookie:
            self.by_cookie[cookie] = live
            live.cookies += (cookie,)

    def learn(self, stored: Session) -> None:
        """Take over what the store has of a session that is kept."""
        live = self.whole.get(stored.session_id)
        if live is not None:
            live.learn(stored)
        elif stored.session_id in self._ends:
            self._ends.put(stored.session_id, WholeSession(stored, self._limits).ends)

    def use_aside(self, session_id: str, now: float) -> None:
        """A tunnel of one that was put aside goes on."""
        ends = self._ends.get(session_id)
        if ends is not None:
            self._ends.put(session_id, ends.used_at(now))

    def counted(self, stored: Session, now: float) -> Session:
        """`Session.counted_from`, with what was made of it before."""
        if not stored.is_from_the_future(now):
            return stored
        live = self.get(stored.session_id)
        if isinstance(live, WholeSession):
            return stored.counted_from(now, replace(live.session, last_used_at=live.last_used_at))
        if live is not None:
            # Aside, only ends are left: the instants that they came from are worked out again.
            longest = self._limits.absolute if stored.level is Level.SIGNED_IN else FIRST_FACTOR_SECONDS
            begun_at, used_at = live.absolute_end - longest, live.ends_at - stored.idle_by(self._limits)
            return stored.counted_from(now, replace(stored, created_at=begun_at, last_used_at=used_at))
        return stored.counted_from(now)

    def go_on_from(self, seconds: float) -> None:
        """The clock was set by so much."""
        for live in self.whole.values():
            live.go_on_from(seconds)
        self._ends.go_on_from(seconds)

    def put_aside(self, session_id: str) -> None:
        """The next look-up asks the store."""
        live = self._drop_whole(session_id)
        if live is not None:
            self._ends.put(session_id, live.ends)

    def drop(self, session_id: str) -> None:
        self._drop_whole(session_id)
        self._ends.drop(session_id)

    def take_over(self, now: float) -> list[str]:
        """Those whose end has come, as far as it is known. Each comes again until it is dropped or goes on."""
        return self.still_over(self._ends.due(now), now)

    def still_over(self, session_ids: Iterable[str], now: float) -> list[str]:
        """Those of these whose end has come; the others come again at theirs, and the unknown ones are left out."""
        over = []
        for session_id in session_ids:
            live = self.get(session_id)
            if live is None:
                continue
            if now >= live.ends_at:
                over.append(session_id)
            else:
                self._ends.put(session_id, live.ends if isinstance(live, WholeSession) else live)
        return over

    def look_again(self, session_ids: Iterable[str], at: float) -> None:
        """What became of these is not known yet: `take_over` hands them out again then."""
        for session_id in session_ids:
            ends = self._ends.get(session_id)
            if ends is not None:
                self._ends.put(session_id, ends, look_at=at)

    def put_least_used_aside(self) -> None:
        """If there are too many. A tenth at a time, so that many look-ups share the cost of the search."""
        if len(self.whole) <= self._most_whole:
            return
        count = max(1, self._most_whole // 10)
        for live in sorted(self.whole.values(), key=attrgetter("last_used_at"))[:count]:
            self.put_aside(live.session.session_id)

    def _drop_whole(self, session_id: str) -> WholeSession | None:
        live = self.whole.pop(session_id, None)
        if live is not None:
            for cookie in live.cookies:
                del self.by_cookie[cookie]
            live.cookies = ()
        return live
