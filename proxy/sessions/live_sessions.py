"""Sessions kept in the worker: read from the store once, looked up per request without a wait.

Instants are epoch seconds. A session ends here when the store says so, or by its limits. Before one ends as idle, the
store is asked whether another worker has used it. Memory answers only while this worker has caught up with what others
ended (`freshness`), and without the store for no longer than the grace.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import islice

from config.settings import SessionSettings
from proxy.operations.store_errors import StoreUnavailable
from proxy.secrets.tokens import is_token
from proxy.sessions.asking import USUAL_LIMITS, AskingLimits
from proxy.sessions.kept_ends import Ends
from proxy.sessions.kept_sessions import CookieKey as CookieKey
from proxy.sessions.kept_sessions import KeptSessions, WholeSession
from proxy.sessions.last_uses import LastUses
from proxy.sessions.looks import StoreLooks
from proxy.sessions.readings import Readings
from proxy.sessions.session import Session, SessionEnds
from proxy.sessions.session_store import WatchedSessions
from proxy.sessions.subscribers import Subscribers

READ_AT_ONCE = 200
AGAIN_SECONDS = 1.0
"""When to look again at a session that is over unless others have used it, if that is not known."""
MOST_WHOLE = 10_000
"""Sessions kept whole: about 1.3 kB each."""


def cookie_key(token: bytes, host: str) -> CookieKey:
    """For `LiveSessions.known_by`: worked out once per connection instead of once per request."""
    return host, sha256(token).digest()


class LiveSessions:
    """What the gate asks. Limits are checked here on every look-up, exact to the second; ends reach it at once."""

    def __init__(
        self,
        store: WatchedSessions,
        limits: SessionSettings,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        most_whole: int = MOST_WHOLE,
        read_at_once: int = READ_AT_ONCE,
        asking: AskingLimits = USUAL_LIMITS,
        may_stand: Callable[[Session], bool] = lambda _: True,
    ) -> None:
        """`may_stand`: whether this configuration still lets a session be, asked when it is read from the store. One
        that may not is ended for everybody."""
        self._store = store
        self._may_stand = may_stand
        self._asking = asking
        self._limits = limits
        self._read_at_once = read_at_once
        self._monotonic = monotonic
        self.kept = KeptSessions(limits, most_whole)
        """Sessions in memory, whole or put aside."""
        self._by_cookie = self.kept.by_cookie
        self.looks = StoreLooks(store, asking, grace_seconds=limits.store_grace, monotonic=monotonic)
        self.heard = self.looks.heard
        self.uses = LastUses(store, limits, monotonic=monotonic)
        self._to_read: dict[str, bool] = {}
        """Kept sessions that have to be read again, and whether listeners are told even if nothing seems changed."""
        self.has_to_read = asyncio.Event()
        """Whether `read_anew` has something to do."""
        self._writing: set[str] = set()
        """Sessions whose principal this worker is writing now."""
        self._readings = Readings()
        self._of_ends: Subscribers[str] = Subscribers()
        self._of_changes: Subscribers[Session] = Subscribers()
        self.on_end = self._of_ends.add
        """Call `listener(session_id)` when a session ends, by its limits (within a second) or by anyone.

        Also when the store is away for longer than the grace: nothing stays open then.
        """
        self.on_change = self._of_changes.add
        """Call `listener(session)` when a session's principal has changed: what is open may not stay open."""
        self._stop_listening = (
            store.on_session_end(self._on_store_end),
            store.on_session_change(self._on_store_change),
            store.on_gap(self._on_store_gap),
        )

    def stop_listening(self) -> None:
        for stop in self._stop_listening:
            stop()

    def __len__(self) -> int:
        """Live sessions that this worker knows of."""
        return len(self.kept)

    def known_by(self, cookie: CookieKey, now: float) -> Session | None:
        """The session of this cookie if it is in memory and not over; marks it used. None means nothing: ask `find`.

        Its `last_used_at` may lag by a second; its limits were checked here, with all uses counted.
        """
        live = self._by_cookie.get(cookie)
        if live is None or now >= live.ends_at or self._monotonic() >= self.heard.until:
            return None
        if now > live.last_used_at:
            self.uses.note(live, now)
        return live.session

    async def find(self, token: bytes, host: str, now: float) -> Session | None:
        """The session of this cookie, from memory or store, unless it is over; marks it used.

        Malformed tokens are None without a look-up. Raises `StoreUnavailable`, for those in memory after the grace; and
        where it may have been used by a worker that could not write so.
        """
        return await self.find_by(cookie_key(token, host), now) if is_token(token) else None

    async def find_by(self, key: CookieKey, now: float) -> Session | None:
        """The same, by what names the session."""
        session = self.known_by(key, now)
        if session is not None:
            return session
        live, is_read = await self._read_in(key, now)
        if live is None:
            return None
        if now > live.last_used_at:
            self.uses.note(live, now, is_read=is_read)
        self.kept.put_least_used_aside()
        return live.session

    async def look_at(self, token: bytes, host: str, now: float, *, sure_for: float) -> SessionEnds | None:
        """How long the session of this cookie lasts, unless it is over; to look is no use of it.

        Other workers may have used it: within `sure_for` seconds of its end the store is asked. Raises as `find` does.
        """
        if not is_token(token):
            return None
        key = cookie_key(token, host)
        live = self._by_cookie.get(key)
        if live is None or live.ends_at - now < sure_for or self._monotonic() >= self.heard.until:
            live, _ = await self._read_in(key, now)
            self.kept.put_least_used_aside()
        if live is None:
            return None
        return SessionEnds(session=live.session, idle_at=live.last_used_at + live.idle, ends_at=live.absolute_end)

    async def _read_in(self, key: CookieKey, now: float) -> tuple[WholeSession | None, bool]:
        """What the store has of this cookie's session, kept from now on (None: nothing, or over), and if it said so."""
        is_read = True
        try:
            found = await self._read(key, is_in_memory=key in self._by_cookie)
        except StoreUnavailable as exc:
            live, is_read = self._by_cookie.get(key), False
            if live is None or not self.looks.may_do_without(exc):
                raise
        else:
            if found is not None and not self._may_stand(found):
                await self._store.end_session(found.session_id)
                found = None
            live = self._learn(found and self.kept.counted(found, now), key, now)
        if live is not None and now >= live.ends_at:
            if not self._is_known_to_be_over(live, now):
                raise StoreUnavailable("nobody knows when this session was last used: workers cannot write it")
            return None, is_read
        return live, is_read

    async def _read(self, key: CookieKey, *, is_in_memory: bool) -> Session | None:
        """What the store has, unless it ended after it was read and before this task went on."""
        while True:
            with self._readings.begun() as meanwhile:  # around all that lies between the answer and this task
                asking = self._store.session_by_cookie(key[1], key[0])
                found = await (self.looks.answer(asking) if is_in_memory else asking)
            if found is None or found.session_id in meanwhile.ended:
                return None
            if not meanwhile.has_gap and found.session_id not in meanwhile.changed:
                return found

    def _learn(self, found: Session | None, key: CookieKey, now: float) -> WholeSession | None:
        if found is None:
            ended = self._by_cookie.get(key)
            if ended is not None:
                self._forget(ended.session.session_id)
            return None
        live = self.kept.whole.get(found.session_id) or WholeSession(found, self._limits)
        live.learn(found)
        if now < live.ends_at:
            self.kept.keep(live, key)
        return live

    def ends_at(self, session_id: str) -> float | None:
        """When a session in memory is over unless it is used again, by the uses that are known here."""
        return self.kept.ends_at(session_id)

    def mark_used(self, session_id: str, now: float) -> None:
        """Count what passes through a tunnel as a use of its session. One that is over stays over."""
        live = self.kept.get(session_id)
        if live is None or now >= live.ends_at:
            return
        if isinstance(live, Ends):
            self.kept.use_aside(session_id, now)
            self.uses.note_aside(session_id, now)
        elif live.last_used_at < now:
            self.uses.note(live, now)

    async def update_principal(self, session: Session) -> None:
        """Write a principal that the directory has described again; the very next look-up answers with it."""
        session_id = session.session_id
        # Here at once, and before anybody waits: a request that comes meanwhile is judged by the new groups.
        self._take_principal(session)
        self._of_changes.tell(session)
        self._writing.add(session_id)
        try:
            await self._store.update_principal(session)
        finally:
            self._writing.discard(session_id)
        self._take_principal(session)  # what was read before it was written may have come between

    def _take_principal(self, session: Session) -> None:
        self._readings.note_change(session.session_id)
        live = self.kept.whole.get(session.session_id)
        if live is not None:
            live.session = replace(live.session, principal=session.principal)

    def go_on_from(self, seconds: float) -> None:
        """The clock was set by so much: what is kept ends neither sooner nor later than it would have."""
        self.kept.go_on_from(seconds)
        self.uses.clock_was_set(self.kept.whole.values())

    def _is_known_to_be_over(self, live: WholeSession | Ends, now: float) -> bool:
        """Its limits say so, by all uses that are known; none can have been missed."""
        return now >= live.absolute_end or self.uses.none_was_missed(now - live.ends_at)

    async def expire(self, now: float) -> None:
        """End here what is over by its limits, after asking the store for uses by other workers."""
        over = self.kept.take_over(now)
        if not over:
            return
        # Without an answer, what this worker knows decides, and it says "over".
        with contextlib.suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(self._asking.answer_seconds):
                await self._read_again(over, now)
        for session_id in self.kept.still_over(over, now):
            live = self.kept.get(session_id)
            if live is not None and not self._is_known_to_be_over(live, now):
                self.kept.look_again([session_id], now + AGAIN_SECONDS)
            else:
                self._forget(session_id)

    async def close_all(self) -> None:
        """The grace is over: close what is open, until the store is back. Sessions are kept: they work again then."""
        for number, session_id in enumerate(self.kept.session_ids()):
            if number % self._read_at_once == 0:
                await self.looks.look()
                if self.looks.is_in_grace:
                    return
            # Told of, not forgotten: nothing is known against these sessions.
            self._of_ends.tell(session_id)

    def draw_net(self) -> None:
        """Mark those that were used since the last call to be read again, even if nothing was heard of them."""
        used, aside = self.uses.take_used()
        # Those that were put aside since are read at their next request; what hangs on a tunnel is in `aside`.
        self._will_read([each for each in used if each in self.kept.whole], is_told=False)
        self._will_read(aside, is_told=False)

    async def read_anew(self, now: float) -> None:
        """Read what others changed, or everything if notices may have been missed. Raises `StoreUnavailable`."""
        gap, began_at = self.heard.gaps, self._monotonic()
        # What is marked meanwhile joins the same round.
        while self._to_read:
            batch = list(islice(self._to_read, self._read_at_once))
            for session_id in await self._read_again(batch, now):
                self._to_read.pop(session_id, None)
        self.has_to_read.clear()
        self.heard.read_anew(gap, began_at)

    async def _read_again(self, session_ids: Sequence[str], now: float) -> list[str]:
        """Take over what the store has of these; all but those that changed while it was read."""
        with self._readings.begun() as meanwhile:
            stored = await self._store.sessions_by_id(session_ids)
        settled = [] if meanwhile.has_gap else [each for each in session_ids if each not in meanwhile.changed]
        for session_id in settled:
            session = stored.get(session_id)
            if session_id in meanwhile.ended or session_id not in self.kept:
                continue
            if session is None:
                self._forget(session_id)
                continue
            live = self.kept.whole.get(session_id)
            is_changed = live is not None and live.session.principal != session.principal
            self.kept.learn(self.kept.counted(session, now))
            if is_changed or self._to_read.get(session_id, False):
                self._of_changes.tell(session)
        return settled

    def _on_store_end(self, session_id: str) -> None:
        self._readings.note_end(session_id)
        self._forget(session_id)

    def _on_store_change(self, session_id: str) -> None:
        self._readings.note_change(session_id)
        is_own = session_id in self._writing
        if not is_own:
            self.kept.put_aside(session_id)  # nobody may get the old answer
        self._will_read([session_id], is_told=not is_own)

    def _on_store_gap(self) -> None:
        self._readings.note_gap()
        self.heard.missed_some()
        self._will_read(self.kept.session_ids(), is_told=True)

    def _will_read(self, session_ids: Iterable[str], *, is_told: bool) -> None:
        for session_id in session_ids:
            if session_id in self.kept:
                self._to_read[session_id] = is_told or self._to_read.get(session_id, False)
        self.has_to_read.set()

    def _forget(self, session_id: str) -> None:
        self.kept.drop(session_id)
        self.uses.forget(session_id)
        self._of_ends.tell(session_id)
