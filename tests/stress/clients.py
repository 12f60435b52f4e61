"""Who uses Gatepost in a stress run: each writes down what was asked, when, and what came back."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import Protocol

from proxy.operations.store_errors import StoreError
from tests.stress.history import Asked, Created, Ended, HistoryWriter, Outcome, PasscodeSent
from tests.stress.house import APP_HOST, APP_URL, PASSWORD, SIGN_IN_HOST, SIGN_IN_URL, Person
from tests.support.plain_browser import Address, NoAnswer, PlainBrowser, passcode_in
from tests.support.raw_http import read_message
from tests.support.smtp_sink import Received

COOKIE = "gatepost"
PROBES = 8
"""Connections on which sessions are asked for before their end, and as many for right after it."""
PROBED_OF_ONE_PERSON = 3
ANSWER_SECONDS = 10.0
PAUSE_SECONDS = 0.05
"""Before something that failed is tried again."""
_REDIRECTS = (302, 303)
SMS_SECONDS = 5.0
PARALLEL_ANSWERS = 3
HOT = 2000
"""Most requests are of the sessions given out first: workers answer those from memory."""


class Messages(Protocol):
    async def next_message(self, timeout: float = 10) -> Received: ...


class OperatorsStore(Protocol):
    async def end_sessions_of(self, guid: str) -> int: ...


class Place(Protocol):
    """What is put under stress, as its clients see it: a real `House`, or one that only pretends."""

    @property
    def address(self) -> Address: ...
    @property
    def sink(self) -> Messages: ...
    @property
    def operators(self) -> OperatorsStore: ...


@dataclass(slots=True, eq=False)
class Held:
    """A session as the browsers of its person hold it."""

    number: int
    person: Person
    cookies: dict[str, str]
    """Tokens by host."""
    is_left_alone: bool = False
    """Somebody is just ending it."""


@dataclass(slots=True)
class Sessions:
    """All that were given out, and those of which the end was asked for: they are asked for too."""

    standing: list[Held] = field(default_factory=list)
    over: list[Held] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def add(self, history: HistoryWriter, person: Person, cookies: dict[str, str], *, at: float) -> Held:
        held = Held(next(self._numbers), person, cookies)
        self.standing.append(held)
        history.write(Created(session=held.number, person=person.username, at=at))
        return held

    def of(self, person: Person) -> list[Held]:
        """All of this person's that stand, those that somebody is just ending among them."""
        return [each for each in self.standing if each.person is person]

    def any(self, chance: random.Random) -> Held:
        if self.over and (not self.standing or chance.random() < 0.2):
            # The latest most of all: somebody may not have heard of their end yet.
            latest = self.over[-20:] if chance.random() < 0.7 else self.over
            return chance.choice(latest)
        return self.standing[
            chance.randrange(min(HOT, len(self.standing)) if chance.random() < 0.8 else len(self.standing))
        ]

    def end(self, ended: Sequence[Held]) -> None:
        """They are asked for as before, and are no longer among those that stand."""
        gone = set(map(id, ended))
        self.standing = [each for each in self.standing if id(each) not in gone]
        self.over += ended


class Phone:
    """Every person's phone: the passcodes that came, by number."""

    def __init__(self, house: Place) -> None:
        self._house = house
        self._arrived: dict[str, asyncio.Queue[str]] = {}

    async def run(self) -> None:
        while True:
            received = await self._house.sink.next_message(timeout=86400)
            subject = str(message_from_bytes(received.content, policy=policy.default)["Subject"])
            self._queue(received.recipients[0].partition("@")[0]).put_nowait(passcode_in(subject))

    def forget(self, number: str) -> None:
        self._arrived.pop(number, None)

    async def next(self, number: str) -> str | None:
        try:
            async with asyncio.timeout(SMS_SECONDS):
                return await self._queue(number).get()
        except TimeoutError:
            return None

    def _queue(self, number: str) -> asyncio.Queue[str]:
        return self._arrived.setdefault(number, asyncio.Queue())


@dataclass(slots=True)
class Clients:
    house: Place
    history: HistoryWriter
    sessions: Sessions
    phone: Phone
    chance: random.Random
    is_over: Callable[[], bool]
    probes: Probes
    clock: Callable[[], float] = time.monotonic

    async def forward(self) -> None:
        """Requests of any session, one after the other, on connections that are kept."""
        connection = Connection(self.house)
        while not self.is_over():
            await self.ask(connection, self.sessions.any(self.chance))
        connection.close()

    async def ask(self, connection: Connection, held: Held) -> Outcome:
        sent = self.clock()
        outcome, served_as = await connection.get(APP_HOST, held.cookies[APP_HOST])
        self.history.write(
            Asked(session=held.number, sent=sent, answered=self.clock(), outcome=outcome, served_as=served_as)
        )
        if outcome in (Outcome.BROKEN, Outcome.AWAY):
            await asyncio.sleep(PAUSE_SECONDS)
        return outcome

    async def sign_in(self, people: Sequence[Person]) -> None:
        """One after the other; none of these people signs in elsewhere at the same time."""
        while not self.is_over():
            try:
                await self._sign_in_once(self.chance.choice(people))
            except NoAnswer:
                await asyncio.sleep(PAUSE_SECONDS)

    async def _sign_in_once(self, person: Person) -> None:
        """Given up wherever something is away, as people do who begin again. Raises `NoAnswer`."""
        browser = PlainBrowser(self.house.address)
        self.phone.forget(person.number)
        asked = await browser.get(f"{APP_URL}/")
        if asked.status != 302:
            return
        page = await browser.get(asked.next_url)
        filled = {**page.form, "username": person.username, "password": PASSWORD}
        page = await browser.post(f"{SIGN_IN_URL}/.gatepost/sign-in", filled)
        if page.status not in _REDIRECTS:
            await asyncio.sleep(PAUSE_SECONDS)
            return
        passcode_url = page.next_url
        page = await browser.get(passcode_url)
        passcode = await self.phone.next(person.number)
        if passcode is None or "challenge" not in page.form:
            return
        filled = {**page.form, "passcode": passcode}
        tabs = [browser.copy() for _ in range(PARALLEL_ANSWERS)]
        accepted = await asyncio.gather(*(self._answer(tab, filled) for tab in tabs))
        # Once more, by whoever kept what the first half of the sign-in left behind.
        accepted.append(await self._answer(browser.copy(), filled))
        for at, tab in (each for each in accepted if each is not None):
            held = self.sessions.add(self.history, person, {SIGN_IN_HOST: tab.cookies[SIGN_IN_HOST][COOKIE]}, at=at)
            # Only now: the app's host is told by a ticket, and until then nobody else may ask for it.
            self.sessions.standing.remove(held)
            await self._arrive(tab, held)

    async def _answer(self, tab: PlainBrowser, filled: dict[str, str]) -> tuple[float, PlainBrowser] | None:
        """When it was accepted, and by which tab; None if it was not, as far as is known."""
        before = tab.cookies[SIGN_IN_HOST].get(COOKIE)
        sent = self.clock()
        try:
            page = await tab.post(f"{SIGN_IN_URL}/.gatepost/passcode", filled)
        except NoAnswer:
            page = None
        answered = self.clock()
        after = tab.cookies[SIGN_IN_HOST].get(COOKIE)
        is_accepted = page is not None and bool(after) and after != before
        self.history.write(
            PasscodeSent(challenge=filled["challenge"], sent=sent, answered=answered, is_accepted=is_accepted)
        )
        return (answered, tab) if is_accepted else None

    async def _arrive(self, tab: PlainBrowser, held: Held) -> None:
        """From the sign-in pages to the app: whatever breaks on the way, the session that was given out is there."""
        while True:
            sent = self.clock()
            outcome, served_as = Outcome.BROKEN, ""
            with contextlib.suppress(NoAnswer):
                outcome, served_as = await self._way_to_app(tab)
            self.history.write(
                Asked(session=held.number, sent=sent, answered=self.clock(), outcome=outcome, served_as=served_as)
            )
            if outcome is Outcome.SERVED:
                held.cookies = {host: own[COOKIE] for host, own in tab.cookies.items()}
                self.sessions.standing.append(held)
                return
            if outcome is Outcome.REFUSED:
                return
            await asyncio.sleep(PAUSE_SECONDS)

    async def _way_to_app(self, tab: PlainBrowser) -> tuple[Outcome, str]:
        page = await tab.get(f"{APP_URL}/")
        for _ in range(6):
            if page.status in (502, 503, 504):
                return Outcome.AWAY, ""
            if page.status == 200:
                is_app = page.url.startswith(APP_URL) and "<html" not in page.text
                return (Outcome.SERVED, page.text) if is_app else (Outcome.REFUSED, "")
            if page.status not in _REDIRECTS:
                return Outcome.REFUSED, ""
            page = await tab.get(page.next_url)
        return Outcome.REFUSED, ""

    async def sign_out(self) -> None:
        """Now and then somebody leaves, by the button."""
        while not self.is_over():
            await asyncio.sleep(self.chance.expovariate(8))
            held = self.sessions.any(self.chance)
            if held not in self.sessions.standing or held.is_left_alone or SIGN_IN_HOST not in held.cookies:
                continue
            held.is_left_alone = True
            await self._make_known([held])
            browser = PlainBrowser(self.house.address, cookies={SIGN_IN_HOST: {COOKIE: held.cookies[SIGN_IN_HOST]}})
            self.sessions.over.append(held)
            while not await self._sign_out_once(browser, held):  # noqa: ASYNC110  # it is an action, not a wait
                await asyncio.sleep(PAUSE_SECONDS)
            self.sessions.standing.remove(held)
            self.probes.are_over([held], self.ask)

    async def _make_known(self, sessions: Sequence[Held]) -> None:
        """Something may happen to those who know them until they end."""
        self.probes.make_known(sessions, self.ask)
        await asyncio.sleep(self.chance.uniform(0.1, 1))

    async def _sign_out_once(self, browser: PlainBrowser, held: Held) -> bool:
        url = f"{SIGN_IN_URL}/.gatepost/sign-out"
        page, sent = None, self.clock()
        try:
            page = await browser.get(url)
            if page.status == 200 and page.form:
                page = await browser.post(url, page.form)
        except NoAnswer:
            page = None
        is_acknowledged = page is not None and page.status == 200
        self.history.write(
            Ended(session=held.number, sent=sent, answered=self.clock(), is_acknowledged=is_acknowledged)
        )
        return is_acknowledged

    async def end_persons(self, people: Sequence[Person]) -> None:
        """Now and then all sessions of one of these people are ended, as the operator's command does.

        That ends those too that their owner is just signing out. None of these people signs in meanwhile.
        """
        while not self.is_over():
            await asyncio.sleep(self.chance.expovariate(1))
            person = self.chance.choice(people)
            theirs = [each for each in self.sessions.standing if each.person is person and not each.is_left_alone]
            for each in theirs:
                each.is_left_alone = True
            some = self.chance.sample(theirs, min(len(theirs), PROBED_OF_ONE_PERSON))
            await self._make_known(some)
            is_acknowledged = False
            while theirs and not is_acknowledged:
                is_acknowledged = await self._end_person_once(person)
                if not is_acknowledged:
                    await asyncio.sleep(PAUSE_SECONDS)
            self.sessions.end(theirs)
            self.probes.are_over(some, self.ask)

    async def _end_person_once(self, person: Person) -> bool:
        stood, sent, is_acknowledged = self.sessions.of(person), self.clock(), True
        try:
            await self.house.operators.end_sessions_of(person.principal.guid)
        except StoreError:
            is_acknowledged = False
        answered = self.clock()
        for each in stood:
            self.history.write(
                Ended(session=each.number, sent=sent, answered=answered, is_acknowledged=is_acknowledged)
            )
        return is_acknowledged


Ask = Callable[["Connection", Held], Awaitable[Outcome]]


class Probes:
    """Has every worker know some sessions, and asks it for them as soon as their end was acknowledged.

    A worker that stands still has these requests waiting when it goes on, sent after ends that it has not heard of.
    For that they need connections that it accepted before, and that nothing else waits on.
    """

    def __init__(self, house: Place) -> None:
        self._before, self._after = ([Connection(house) for _ in range(PROBES)] for _ in range(2))
        self._tasks: set[asyncio.Task[None]] = set()

    def make_known(self, sessions: Sequence[Held], ask: Ask) -> None:
        """Ask for each of these, on each connection that is free, without waiting for answers."""
        self._begin(self._before, sessions, ask)

    def are_over(self, sessions: Sequence[Held], ask: Ask) -> None:
        """The same, once their end was acknowledged."""
        self._begin(self._after, sessions, ask)

    def _begin(self, idle: list[Connection], sessions: Sequence[Held], ask: Ask) -> None:
        connections = idle.copy()
        idle.clear()

        async def one_after_the_other(connection: Connection) -> None:
            try:
                for held in sessions:
                    await ask(connection, held)
            finally:
                idle.append(connection)

        for connection in connections:
            task = asyncio.create_task(one_after_the_other(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)
        for connection in (*self._before, *self._after):
            connection.close()


class Connection:
    """One client's connection to whichever worker takes it; opened again whenever it broke."""

    def __init__(self, house: Place) -> None:
        self._address = house.address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, host: str, token: str) -> tuple[Outcome, str]:
        """What became of one request, and whom the app was told about."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                if self._streams is None:
                    self._streams = await asyncio.open_connection(*self._address)
                reader, writer = self._streams
                writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\nCookie: {COOKIE}={token}\r\n\r\n".encode())
                answer = await read_message(reader, is_response=True)
        except (OSError, EOFError):
            self.close()
            return Outcome.BROKEN, ""
        if answer.get("connection") == b"close":
            self.close()
        match answer.status:
            case 200:
                return Outcome.SERVED, answer.body.decode()
            case 302 | 401:
                return Outcome.REFUSED, ""
            case _:
                return Outcome.AWAY, ""

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None
