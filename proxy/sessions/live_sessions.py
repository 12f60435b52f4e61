"""Sessions kept in the worker: read from the store once, looked up per request without a wait.

A cookie is known here by its host and the SHA-256 of its token, so that the worker's memory holds no tokens.
The most recently used sessions are kept whole; of the others that were seen, only the instant of their end,
for the tunnels that still hang on them. Instants are epoch seconds. A session ends here when the store says so,
or by its limits; before one is idle-over, the store is asked whether another worker has used it.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from hashlib import sha256
from operator import attrgetter
from typing import TypeVar

from config.settings import SessionSettings
from proxy.sessions.expiry import ExpiryWheel
from proxy.sessions.session import Level, Session
from proxy.sessions.tokens import is_token, token_digest
from proxy.store.store import Store, StoreUnavailable

T = TypeVar("T")

FLUSH_SECONDS = 1.0
"""How far what the store knows of last uses may lag behind: as much as the limits may be off for another worker."""
TICK_SECONDS = 0.25
"""How soon after a session's end its listeners hear of it."""
ASK_SECONDS = 0.5
"""How long the store may take to say whether another worker used a session that is about to end."""
CLEAN_UP_SECONDS = 60.0
CLEAN_UP_SLACK_SECONDS = 60.0
"""Sessions are removed from the store only so long after their idle limit: uses that are not flushed yet count."""
MOST_WHOLE = 10_000
"""Sessions kept whole: about 1.3 kB each."""


CookieKey = tuple[str, bytes]
"""What a session is looked up by: a host and the SHA-256 of the cookie's token."""


def cookie_key(token: bytes, host: str) -> CookieKey:
    """For `LiveSessions.known_by`: worked out once per connection instead of once per request."""
    return host, sha256(token).digest()


class _Live:
    """A session in memory, with what a look-up needs worked out before."""

    __slots__ = ("absolute_end", "cookies", "ends_at", "idle", "is_unflushed", "last_used_at", "session")

    def __init__(self, session: Session, limits: SessionSettings) -> None:
        self.session = session
        self.cookies: tuple[CookieKey, ...] = ()
        self.last_used_at = session.last_used_at
        self.ends_at = session.ends_at(limits)
        # The life of a half signed-in session does not depend on its use: its idle limit is none.
        self.idle = limits.idle if session.level is Level.SIGNED_IN else float("inf")
        self.absolute_end = session.created_at + limits.absolute if session.level is Level.SIGNED_IN else self.ends_at
        self.is_unflushed = False

    def learn(self, stored: Session) -> None:
        """Take over what the store has: another worker may have used it or been told of a new principal."""
        self.session = stored
        if stored.last_used_at > self.last_used_at:
            self.used_at(stored.last_used_at)

    def used_at(self, now: float) -> None:
        self.last_used_at = now
        ends_at = now + self.idle
        self.ends_at = ends_at if ends_at < self.absolute_end else self.absolute_end


class LiveSessions:
    """What the gate asks. Limits are checked here on every look-up, exact to the second; ends reach it at once."""

    def __init__(
        self,
        store: Store,
        limits: SessionSettings,
        *,
        clock: Callable[[], float] = time.time,
        most_whole: int = MOST_WHOLE,
    ) -> None:
        self._store = store
        self._limits = limits
        self._clock = clock
        self._most_whole = most_whole
        self._by_cookie: dict[CookieKey, _Live] = {}
        self._whole: dict[str, _Live] = {}
        self._put_aside: dict[str, float] = {}
        """Sessions that are live but not kept whole: `session_id` to the end that is known."""
        self._unflushed: list[_Live] = []
        self._used_aside: dict[str, float] = {}
        """When those that were put aside were last used, where the store does not know it yet."""
        self._wheel = ExpiryWheel()
        self._finding: list[set[str]] = []
        """For each look-up that waits for the store: the sessions that ended while it did."""
        self._listeners: dict[object, Callable[[str], None]] = {}
        self._change_listeners: dict[object, Callable[[Session], None]] = {}
        self.store_away_since: float | None = None
        """Since when flushing fails. Sessions in memory go on meanwhile; whoever bounds that grace looks here."""
        self._stop_listening = store.on_session_end(self._on_store_end)

    def __len__(self) -> int:
        """Live sessions that this worker knows of."""
        return len(self._whole) + len(self._put_aside)

    def cached(self, token: bytes, host: str, now: float) -> Session | None:
        """The session of this cookie if it is in memory and not over; marks it used. None says nothing: ask `find`.

        Its `last_used_at` may lag by a second; its limits were checked here, with all uses counted.
        """
        return self.known_by(cookie_key(token, host), now)

    def known_by(self, cookie: CookieKey, now: float) -> Session | None:
        """`cached`, for a cookie that was hashed before. Ends and limits are looked at as strictly."""
        live = self._by_cookie.get(cookie)
        if live is None or now >= live.ends_at:
            return None
        if now > live.last_used_at:
            self._use(live, now)
        return live.session

    def _use(self, live: _Live, now: float) -> None:
        live.used_at(now)
        if not live.is_unflushed:
            live.is_unflushed = True
            self._unflushed.append(live)

    async def find(self, token: bytes, host: str, now: float) -> Session | None:
        """The session of this cookie, from memory or store, unless it is over; marks it used.

        Malformed tokens are None without a look-up. Raises `StoreUnavailable`.
        """
        if not is_token(token):
            return None
        session = self.cached(token, host, now)
        if session is not None:
            return session
        ended_meanwhile: set[str] = set()
        self._finding.append(ended_meanwhile)
        digest = token_digest(token)
        try:
            found = await self._store.session_by_cookie(digest, host)
        finally:
            self._finding = [other for other in self._finding if other is not ended_meanwhile]
        # It may have ended after it was read and before this task went on.
        if found is None or found.session_id in ended_meanwhile:
            return None
        live = self._whole.get(found.session_id) or _Live(found, self._limits)
        live.learn(found)
        if now >= live.ends_at:
            return None
        self._keep(live, (host, digest))
        session = self.cached(token, host, now)
        self._put_least_used_aside()
        return session

    def is_live(self, session_id: str, now: float) -> bool:
        """Whether a session that was found before is still good: what a tunnel's timer asks."""
        live = self._whole.get(session_id)
        ends_at = live.ends_at if live is not None else self._put_aside.get(session_id)
        return ends_at is not None and now < ends_at

    def mark_used(self, session_id: str, now: float) -> None:
        """Count what passes through a tunnel as a use of its session. One that is over stays over."""
        live = self._whole.get(session_id)
        if live is not None:
            if live.last_used_at < now < live.ends_at:
                self._use(live, now)
        elif now < self._put_aside.get(session_id, 0.0):
            self._used_aside[session_id] = now  # its end is learned from the store, as it comes near

    async def update_principal(self, session: Session) -> None:
        """Write a principal that the directory describes anew; the very next look-up answers with it."""
        live = self._whole.get(session.session_id)
        if live is not None:
            live.session = replace(live.session, principal=session.principal)
        self._tell(self._change_listeners.values(), session)
        await self._store.update_principal(session)

    def on_end(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call `listener(session_id)` when a session ends, by its limits (within a second) or by anyone."""
        token = object()
        self._listeners[token] = listener

        def unsubscribe() -> None:
            self._listeners.pop(token, None)

        return unsubscribe

    def on_change(self, listener: Callable[[Session], None]) -> Callable[[], None]:
        """Call `listener(session)` when a session's principal is another than before: what is open may not stay so."""
        token = object()
        self._change_listeners[token] = listener

        def unsubscribe() -> None:
            self._change_listeners.pop(token, None)

        return unsubscribe

    async def flush(self) -> None:
        """Write the last uses to the store in one batch. Raises `StoreUnavailable`; then they are kept for later."""
        unflushed, self._unflushed = self._unflushed, []
        aside, self._used_aside = self._used_aside, {}
        for live in unflushed:
            live.is_unflushed = False
            live.session = replace(live.session, last_used_at=live.last_used_at)
        if not unflushed and not aside:
            return
        uses = [(live.session.session_id, live.last_used_at) for live in unflushed]
        try:
            await self._store.touch_sessions([*uses, *aside.items()])
        except BaseException:
            self._used_aside = aside | self._used_aside
            for live in unflushed:
                if not live.is_unflushed:
                    live.is_unflushed = True
                    self._unflushed.append(live)
            raise

    async def expire(self, now: float) -> None:
        """End here what is over by its limits, after asking the store for uses by other workers."""
        over = self._not_waiting(self._wheel.take_due(now), now)
        if not over:
            return
        try:
            async with asyncio.timeout(ASK_SECONDS):
                stored = await self._store.sessions_by_id(over)
        except (StoreUnavailable, TimeoutError):
            stored = {}  # what this worker knows decides, and it says "over"
        for session_id, session in stored.items():
            live = self._whole.get(session_id)
            if live is not None:
                live.learn(session)
            elif session_id in self._put_aside:
                self._put_aside[session_id] = session.ends_at(self._limits)
        for session_id in self._not_waiting(over, now):
            self._forget(session_id)

    async def clean_up(self, now: float) -> None:
        """Remove from the store what is over. Raises `StoreUnavailable`."""
        await self._store.remove_expired(
            now=now,
            idle_seconds=self._limits.idle + CLEAN_UP_SLACK_SECONDS,
            absolute_seconds=self._limits.absolute,
        )

    async def run(self) -> None:
        """Flush, expire and clean up at intervals, until cancelled; then flush once more."""
        try:
            async with asyncio.TaskGroup() as tasks:
                # Apart, so that a hanging disk does not keep sessions alive.
                tasks.create_task(self._expire_at_intervals())
                tasks.create_task(self._write_at_intervals())
        finally:
            self._stop_listening()
            with contextlib.suppress(StoreUnavailable):
                await self.flush()

    async def _expire_at_intervals(self) -> None:
        while True:
            await self.expire(self._clock())
            await asyncio.sleep(TICK_SECONDS)

    async def _write_at_intervals(self) -> None:
        next_clean_up = 0.0
        while True:
            now = self._clock()
            try:
                await self.flush()
                if now >= next_clean_up:
                    next_clean_up = now + CLEAN_UP_SECONDS
                    await self.clean_up(now)
                self.store_away_since = None
            except StoreUnavailable:
                if self.store_away_since is None:
                    self.store_away_since = now
            await asyncio.sleep(FLUSH_SECONDS)

    def _keep(self, live: _Live, cookie: CookieKey) -> None:
        session_id = live.session.session_id
        if session_id not in self._whole:
            self._whole[session_id] = live
            if self._put_aside.pop(session_id, None) is None:
                self._wheel.put(session_id, live.ends_at)
        if cookie not in self._by_cookie:
            self._by_cookie[cookie] = live
            live.cookies += (cookie,)

    def _put_least_used_aside(self) -> None:
        """A tenth at a time, so that the search for them is paid for by many look-ups."""
        if len(self._whole) <= self._most_whole:
            return
        count = max(1, self._most_whole // 10)
        for live in heapq.nsmallest(count, self._whole.values(), key=attrgetter("last_used_at")):
            session_id = live.session.session_id
            self._drop_whole(session_id)
            self._put_aside[session_id] = live.ends_at

    def _drop_whole(self, session_id: str) -> None:
        live = self._whole.pop(session_id, None)
        if live is not None:
            for cookie in live.cookies:
                del self._by_cookie[cookie]
            live.cookies = ()

    def _not_waiting(self, session_ids: Iterable[str], now: float) -> list[str]:
        """Those whose end has come; the others go back to the wheel, and the unknown ones are left out."""
        over = []
        for session_id in session_ids:
            live = self._whole.get(session_id)
            ends_at = live.ends_at if live is not None else self._put_aside.get(session_id)
            if ends_at is None:
                continue
            if now < ends_at:
                self._wheel.put(session_id, ends_at)
            else:
                over.append(session_id)
        return over

    def _on_store_end(self, session_id: str) -> None:
        for ended_meanwhile in self._finding:
            ended_meanwhile.add(session_id)
        self._forget(session_id)

    def _forget(self, session_id: str) -> None:
        self._drop_whole(session_id)
        self._put_aside.pop(session_id, None)
        self._used_aside.pop(session_id, None)
        self._tell(self._listeners.values(), session_id)

    def _tell(self, listeners: Iterable[Callable[[T], None]], what: T) -> None:
        for listener in tuple(listeners):
            try:
                listener(what)
            except Exception as exc:  # noqa: BLE001  # one tunnel's bug must not keep the others open
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "a listener for sessions failed", "exception": exc}
                )
