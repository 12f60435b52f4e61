"""Sessions kept in the worker: read from the store once, looked up per request without a wait.

Instants are epoch seconds. A session ends here when the store says so, or by its limits. Before one ends as idle, the
store is asked whether another worker has used it. Memory answers only while this worker has caught up with what others
ended (`freshness`), and without the store for no longer than the grace.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import islice

from config.settings import SessionSettings
from proxy.operations.store_errors import NotHeard, Silent, StoreUnavailable
from proxy.secrets.tokens import is_token, token_digest
from proxy.sessions.asking import USUAL_LIMITS, AskingLimits, Asleep, StoreQuestion
from proxy.sessions.hearing import HeardChanges
from proxy.sessions.kept_sessions import AsideSession, KeptSessions, WholeSession
from proxy.sessions.kept_sessions import CookieKey as CookieKey
from proxy.sessions.last_uses import LastUses
from proxy.sessions.readings import Readings
from proxy.sessions.session import Session
from proxy.sessions.session_store import WatchedSessions
from proxy.sessions.subscribers import Subscribers
from proxy.sessions.written_uses import LAG_SECONDS, WrittenUses

MOST_WAITS = 4
"""How often to wait that long, if the store is not known to be down, or this worker was late itself."""
MOST_LATE = 8
"""How many late answers may still be outstanding."""
READ_AT_ONCE = 200
AGAIN_SECONDS = 1.0
"""When to look again at a session that is over unless others have used it, if that is not known."""
CLEAN_UP_SLACK_SECONDS = 60.0
"""How long after their idle limit sessions are removed from the store: uses that are not flushed yet count."""
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
        asking: AskingLimits = USUAL_LIMITS,
    ) -> None:
        self._store = store
        self._asking = asking
        self._limits = limits
        self._monotonic = monotonic
        self.kept = KeptSessions(limits, most_whole)
        """Sessions in memory, whole or put aside."""
        self._by_cookie = self.kept.by_cookie
        # Nothing is kept yet: nothing can have been missed.
        self.heard = HeardChanges(grace_seconds=limits.store_grace, current_at=monotonic())
        self.heard.caught_up(monotonic())
        """What was heard of others, and until when memory may answer."""
        self._uses = LastUses()
        self._written = WrittenUses(secrets.token_hex(8), monotonic())
        self._clock_set_at = float("-inf")
        """On the monotonic clock, when a jump of the other one was followed."""
        self._to_read: dict[str, bool] = {}
        """Kept sessions that have to be read again, and whether listeners are told even if nothing seems changed."""
        self.has_to_read = asyncio.Event()
        """Whether `read_anew` has something to do."""
        self._writing: set[str] = set()
        """Sessions whose principal this worker is writing now."""
        self._late: deque[StoreQuestion[None]] = deque()
        """Questions of `look` that were not answered in time."""
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
            self._uses.note(live, now)
        return live.session

    async def find(self, token: bytes, host: str, now: float) -> Session | None:
        """The session of this cookie, from memory or store, unless it is over; marks it used.

        Malformed tokens are None without a look-up. Raises `StoreUnavailable`, for those in memory after the grace; and
        where it may have been used by a worker that could not write so.
        """
        if not is_token(token):
            return None
        key = cookie_key(token, host)
        session = self.known_by(key, now)
        if session is not None:
            return session
        digest = token_digest(token)
        try:
            found = await self._read(digest, host, is_in_memory=key in self._by_cookie)
        except StoreUnavailable as exc:
            live = self._by_cookie.get(key)
            if live is None or not self._may_do_without(exc):
                raise
        else:
            live = self._learn(found and self.kept.counted(found, now), key, now)
        if live is None:
            return None
        if now >= live.ends_at:
            if not self._is_known_to_be_over(live, now):
                raise StoreUnavailable("nobody knows when this session was last used: workers cannot write it")
            return None
        if now > live.last_used_at:
            self._uses.note(live, now)
        self.kept.put_least_used_aside()
        return live.session

    def _may_do_without(self, error: StoreUnavailable) -> bool:
        is_silent = isinstance(error, Silent)
        return not isinstance(error, Asleep) and self.heard.may_do_without(self._monotonic(), is_silent=is_silent)

    async def _read(self, digest: bytes, host: str, *, is_in_memory: bool) -> Session | None:
        """What the store has, unless it ended after it was read and before this task went on."""
        while True:
            with self._readings.begun() as meanwhile:  # around all that lies between the answer and this task
                found = await self._ask(digest, host, is_in_memory=is_in_memory)
            if found is None or found.session_id in meanwhile.ended:
                return None
            if not meanwhile.has_gap and found.session_id not in meanwhile.changed:
                return found

    async def _ask(self, digest: bytes, host: str, *, is_in_memory: bool) -> Session | None:
        """What the store says; an error as soon as memory may do without it."""
        if not is_in_memory:
            return await self._store.session_by_cookie(digest, host)
        question = StoreQuestion(self._store.session_by_cookie(digest, host), self._asking)
        waits = 0
        try:
            while True:
                waits += 1
                try:
                    return await question.answer()
                except (Silent, Asleep) as exc:
                    is_known_away = self.heard.is_granted and not self.is_in_grace
                    if waits == MOST_WAITS or self._may_do_without(exc) or is_known_away:
                        raise
        finally:
            await question.drop()

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

    def mark_used(self, session_id: str, now: float) -> None:
        """Count what passes through a tunnel as a use of its session. One that is over stays over."""
        live = self.kept.get(session_id)
        if live is None or now >= live.ends_at:
            return
        if isinstance(live, AsideSession):
            live.used_at(now)
            self._uses.note_aside(session_id, now)
        elif live.last_used_at < now:
            self._uses.note(live, now)

    async def update_principal(self, session: Session) -> None:
        """Write a principal that the directory has described again; the very next look-up answers with it."""
        session_id = session.session_id
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
        self._clock_set_at = self._monotonic()
        self.kept.go_on_from(seconds)
        for live in self.kept.whole.values():
            self._uses.write_again(live)

    async def flush(self) -> None:
        """Write the last uses to the store in one batch. Raises `StoreUnavailable`; then they are kept for later."""
        began_at = self._monotonic()
        try:
            await self._uses.flush(self._store)
            counts = await self._store.count_flush(self._written.name)
        except BaseException:
            self._written.failed(self._monotonic())
            raise
        dead = self._written.wrote(counts, began_at)
        if dead:
            await self._store.forget_workers(dead)

    async def leave(self) -> None:
        """Write them for the last time: nobody waits for more from here. Raises `StoreUnavailable`."""
        await self._uses.flush(self._store)
        await self._store.forget_workers([self._written.name])

    def _is_known_to_be_over(self, live: WholeSession | AsideSession, now: float) -> bool:
        """Its limits say so, by all uses that are known; none can have been missed.

        Just after the clock was set, the uses that others wrote are of the clock before: they are about to follow.
        """
        if now >= live.absolute_end:
            return True
        at = self._monotonic()
        return at - self._clock_set_at >= LAG_SECONDS and self._written.is_known(now - live.ends_at, at)

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

    @property
    def all_uses_are_written(self) -> bool:
        """Whether every worker has recently written the uses that it knows of."""
        complete_at = self._written.complete_at()
        return complete_at is not None and self._monotonic() - complete_at <= LAG_SECONDS

    async def clean_up(self, now: float) -> None:
        """Remove from the store what was over when the last of all workers had written its uses.

        If that was not recently, nothing is removed. What is removed is gone for all nodes, so a node whose clock is
        far ahead must not take sessions from the others. Raises `StoreUnavailable`.
        """
        complete_at = self._written.complete_at()
        if complete_at is None or not self.all_uses_are_written:
            return
        server_time = await self._store.server_time()
        known_at = now if server_time is None else min(now, server_time)
        await self._store.remove_expired(
            now=known_at - (self._monotonic() - complete_at),
            # A worker that is cut off continues for the grace, and writes the uses of that time when it is back.
            limits=self._limits.model_copy(
                update={"idle": self._limits.idle + max(CLEAN_UP_SLACK_SECONDS, self._limits.store_grace)}
            ),
        )

    async def look(self) -> None:
        """Hear of everything that others did, or find out that the store is down."""
        began_at = self._monotonic()
        question = StoreQuestion(self._store.catch_up(), self._asking)
        try:
            await question.answer()
        except NotHeard:
            self.heard.hears_nothing()
        except Asleep:
            self._hear_late(question, began_at)  # the permission of memory to answer runs out by itself
        except Silent:
            self.heard.store_is_silent(began_at, self._monotonic())
            self._hear_late(question, began_at)
        except StoreUnavailable:
            self.heard.store_is_away(began_at, self._monotonic())
        except BaseException:
            await question.drop()
            raise
        else:
            self.heard.caught_up(began_at)
        while len(self._late) > MOST_LATE:
            await self._late.popleft().drop()

    def _hear_late(self, question: StoreQuestion[None], began_at: float) -> None:
        """A store that answers late is slow, not down: others may end sessions there."""

        def note(error: Exception | None) -> None:
            with contextlib.suppress(ValueError):
                self._late.remove(question)
            if error is None:
                self.heard.caught_up(began_at)
            elif isinstance(error, NotHeard) and self.heard.current_at <= began_at:
                self.heard.hears_nothing()

        self._late.append(question)
        question.when_late(note)

    async def drop_late(self) -> None:
        """Nothing that was asked is waited for any more."""
        while self._late:
            await self._late.popleft().drop()

    @property
    def is_in_grace(self) -> bool:
        """Whether what is kept may be answered from although the store does not answer."""
        return self.heard.is_in_grace(self._monotonic())

    async def close_all(self) -> None:
        """The grace is over: close what is open, until the store is back. Sessions are kept: they work again then."""
        for number, session_id in enumerate(self.kept.session_ids()):
            if number % READ_AT_ONCE == 0:
                await self.look()
                if self.is_in_grace:
                    return
            self._of_ends.tell(session_id)

    def draw_net(self) -> None:
        """Mark those that were used since the last call to be read again, even if nothing was heard of them."""
        used, aside = self._uses.take_used()
        # Those that were put aside since are read at their next request; what hangs on a tunnel is in `aside`.
        self._will_read([each for each in used if each in self.kept.whole], is_told=False)
        self._will_read(aside, is_told=False)

    async def read_anew(self, now: float) -> None:
        """Read what others changed, or everything if notices may have been missed. Raises `StoreUnavailable`."""
        gap, began_at = self.heard.gaps, self._monotonic()
        while self._to_read:
            batch = list(islice(self._to_read, READ_AT_ONCE))
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
        self._uses.forget(session_id)
        self._of_ends.tell(session_id)
