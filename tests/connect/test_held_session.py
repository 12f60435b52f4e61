"""The session that is added, over the real API: kept alive by use alone, warned of, begun again in place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import ClientSession

from proxy.connect.api_client import APIClient
from proxy.connect.conversation import NobodySignedIn
from proxy.connect.held_session import LOOK_SECONDS, WARN_SECONDS, HeldSession
from proxy.connect.kept_token import KeptTokens
from proxy.connect.terminal import NobodyThere
from tests.api.stage import HOST, running_api
from tests.portal.stage import PASSWORD, Stage
from tests.support.eventually import eventually

WIKI = "https://wiki.corp.example"


class Person:
    """Answers as a test says, and remembers what was asked and said."""

    def __init__(self, stage: Stage) -> None:
        self.asked: list[tuple[str, bool]] = []
        self.said: list[str] = []
        self.answers: dict[str, Callable[[], str]] = {"Password": lambda: PASSWORD, "Code": lambda: stage.passcode}

    async def ask(self, question: str, *, is_hidden: bool) -> str:
        self.asked.append((question, is_hidden))
        for beginning, answer in self.answers.items():
            if question.startswith(beginning):
                return answer()
        raise NobodyThere("the terminal was closed")

    def say(self, text: str) -> None:
        self.said.append(text)


class Desk:
    def __init__(self, stage: Stage, http: ClientSession, kept: KeptTokens | None) -> None:
        self.stage = stage
        self.person = Person(stage)
        self.later = 0.0
        self.api = APIClient(http=http, origin=str(stage.client.make_url("")).rstrip("/"))
        self.held = HeldSession(
            self.api,
            self.person,
            kept,
            app_origin=WIKI,
            app_host="wiki.corp.example",
            username="alice",
            monotonic=lambda: self.later,
        )

    def goes_on(self, seconds: float) -> None:
        """At both sides."""
        self.later += seconds
        self.stage.now += seconds

    def said(self, event: str) -> bool:
        return event in self.stage.log_text

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        watching = asyncio.create_task(self.held.watch())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError, NobodyThere):
                await watching


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    headers = {
        "X-Gatepost-Client-Address": "192.0.2.7",
        "X-Gatepost-Client-Scheme": "https",
        "X-Gatepost-Client-Host": HOST,
        "X-Gatepost-Incident": "incident",
    }
    (tmp_path / "run").mkdir(mode=0o700)
    async with running_api(tmp_path) as stage, ClientSession(headers=headers) as http:
        yield Desk(stage, http, KeptTokens(tmp_path / "run"))


async def test_secrets_are_asked_for_unseen(desk: Desk) -> None:
    await desk.held.begin("somebody")
    assert [hidden for _, hidden in desk.person.asked] == [True, True]
    assert (await desk.api.session(desk.held.token))[0] == "alice"  # type: ignore[index]


async def test_it_warns_before_the_end_and_begins_again_in_place(desk: Desk) -> None:
    await desk.held.begin("somebody")
    first = desk.held.token
    desk.goes_on(desk.stage.settings.sessions.idle - WARN_SECONDS + 1)
    async with desk.watched():
        await eventually(lambda: desk.held.token != first)
        await eventually(lambda: desk.stage.log_text.count("sign_in.succeeded") == 2)
        await eventually(lambda: desk.said("sign_out.done"))
    warned, done = desk.person.said
    assert ("The session ends in 119 seconds." in warned, done) == (True, "You are signed in again.")
    assert (await desk.api.session(desk.held.token))[0] == "alice"  # type: ignore[index]
    assert len(await desk.stage.store.sessions.sessions()) == 1, "the one before is signed out"


async def test_without_a_use_nothing_keeps_it_alive(desk: Desk) -> None:
    await desk.held.begin("somebody")
    idle = desk.stage.settings.sessions.idle
    async with desk.watched():
        desk.goes_on(idle / 2)
        for _ in range(50):
            await asyncio.sleep(0)
    (session,) = await desk.stage.store.sessions.sessions()
    assert session.last_used_at == session.created_at


async def test_after_a_use_it_looks_how_long_it_lasts_now(desk: Desk) -> None:
    await desk.held.begin("somebody")
    desk.goes_on(LOOK_SECONDS)
    async with desk.watched():
        desk.held.used()
        await eventually(lambda: desk.held.ends_at == desk.later + desk.stage.settings.sessions.idle)
    desk.goes_on(desk.stage.settings.sessions.idle - WARN_SECONDS - 2)
    async with desk.watched():
        for _ in range(50):
            await asyncio.sleep(0)
    assert desk.person.said == [], "it lasts a minute longer than it did at first"


async def test_what_passes_in_between_asks_nothing(desk: Desk) -> None:
    """Each look is a use: on its own it would keep a session alive that nobody uses any more."""
    await desk.held.begin("somebody")
    ends_at = desk.held.ends_at
    desk.goes_on(LOOK_SECONDS - 1)
    async with desk.watched():
        reads = desk.stage.clock_reads
        desk.held.used()
        for _ in range(100):
            await asyncio.sleep(0.001)
        assert (desk.held.ends_at, desk.stage.clock_reads) == (ends_at, reads)


async def test_a_session_that_stands_is_reused_and_one_that_is_over_is_not(desk: Desk, tmp_path: Path) -> None:
    await desk.held.begin("somebody")
    asked = len(desk.person.asked)
    other = Desk(desk.stage, desk.api.http, KeptTokens(tmp_path / "run"))
    await other.held.begin("somebody")
    assert (other.held.token, other.person.asked) == (desk.held.token, [])
    await desk.api.sign_out(desk.held.token)
    third = Desk(desk.stage, desk.api.http, KeptTokens(tmp_path / "run"))
    await third.held.begin("somebody")
    assert third.held.token != desk.held.token
    assert len(third.person.asked) == asked
    desk.held.is_refused(desk.held.token)
    async with desk.watched():
        await eventually(lambda: desk.held.token == third.held.token)
    assert len(desk.person.asked) == asked, "the session of another connect is taken instead"


async def test_what_is_kept_nowhere_is_signed_out_at_the_end(desk: Desk, tmp_path: Path) -> None:
    alone = Desk(desk.stage, desk.api.http, None)
    await alone.held.begin("somebody")
    await alone.held.end()
    assert await desk.stage.store.sessions.sessions() == []
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    unsafe = Desk(desk.stage, desk.api.http, KeptTokens(tmp_path / "open"))
    await unsafe.held.begin("somebody")
    await unsafe.held.end()
    assert await desk.stage.store.sessions.sessions() == [], "nor is one that could not be kept"
    await desk.held.begin("somebody")
    await desk.held.end()
    assert len(await desk.stage.store.sessions.sessions()) == 1


async def test_after_three_wrong_passwords_it_gives_up(desk: Desk) -> None:
    desk.person.answers["Password"] = lambda: "wrong"
    with pytest.raises(NobodySignedIn):
        await desk.held.begin("somebody")
    assert len(desk.person.asked) == 3
    assert desk.held.token == ""
