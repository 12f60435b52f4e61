"""Live sessions follow a real domain within seconds, as people, administrators and attackers would notice."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import pytest
import structlog

from config.addresses import ListenAddress, PublicURL, UpstreamURL
from config.settings import AppSettings, ServerSettings, SessionSettings, Settings, SMTPSettings, StoreSettings
from directory.active_directory.active_directory import ActiveDirectory
from directory.directory import AccountState, Changes, RefusalReason
from directory.errors import DirectoryUnavailable
from directory.principal import Principal
from directory.realms import Realms
from proxy.demo.app import start_demo_app
from proxy.operations.store_errors import StoreUnavailable
from proxy.secrets.tokens import new_token, token_digest
from proxy.server import running
from proxy.sessions.live_sessions import LiveSessions
from proxy.sessions.session import Session
from proxy.sessions.watch import RENEWAL_SECONDS, SessionWatch, has_other_password
from proxy.store.redis.pools import CONNECTIONS
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.directory.contract import found
from tests.store.contract.remembered import remembered
from tests.support import changes as admin
from tests.support.memory_store import MemoryStore
from tests.support.people import principal, session
from tests.support.samba import PASSWORD, person, settings_for
from tests.support.samba_dc import SambaDC
from tests.support.samba_people import DomainGroup

GROUP = "Live Users"
GROUPS = frozenset({GROUP})
WITHIN_SECONDS = 5.0
NAMES = ("disable", "expire", "lock", "delete", "password", "renew", "group", "mobile", "socket", "stay")
LOG = structlog.get_logger()


@pytest.fixture(scope="module")
def domain(corp: SambaDC) -> SambaDC:
    corp.add(
        [person(f"live-{name}") for name in NAMES],
        [
            DomainGroup(name="Live Inner", members=["live-group", "live-socket", "live-stay"]),
            DomainGroup(name=GROUP, members=["Live Inner"]),
        ],
    )
    return corp


async def principal_of(directory: ActiveDirectory, name: str) -> Principal:
    signed_in = await directory.authenticate(await found(directory, name), PASSWORD)
    assert isinstance(signed_in, Principal)
    return signed_in


def session_for(person: Principal) -> Session:
    return replace(session(created_at=time.time()), principal=person)


@dataclass
class Watched:
    """A store, a directory, and a watch that runs."""

    domain: SambaDC
    directory: ActiveDirectory
    store: SQLiteStore
    sessions: LiveSessions
    ended: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    changed: asyncio.Queue[Session] = field(default_factory=asyncio.Queue)

    async def signed_in(self, name: str) -> Session:
        made = session_for(await principal_of(self.directory, f"live-{name}"))
        token = new_token()
        await self.store.sessions.create_session(made, cookie=token_digest(token), host="wiki.corp.example")
        assert await self.sessions.find(token.encode(), "wiki.corp.example", time.time()) is not None
        return made


@pytest.fixture
async def watched(domain: SambaDC, tmp_path: Path) -> AsyncIterator[Watched]:
    store, directory = SQLiteStore(tmp_path / "state.db"), ActiveDirectory(settings_for(domain), GROUPS)
    sessions = LiveSessions(store.sessions, SessionSettings())
    made = Watched(domain, directory, store, sessions)
    sessions.on_end(made.ended.put_nowait)
    sessions.on_change(made.changed.put_nowait)
    watch = SessionWatch(
        store=store.sessions, browsers=store.browsers, sessions=sessions, realms=Realms([directory]), log=LOG
    )
    running = asyncio.create_task(watch.run())
    yield made
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await store.close()
    await directory.close()


async def in_thread(change: Callable[..., None], *arguments: object) -> None:
    await asyncio.to_thread(change, *arguments)


@pytest.mark.parametrize("what", ["disable", "expire", "lock", "delete"])
async def test_an_account_that_ends_has_no_session_seconds_later(watched: Watched, what: str) -> None:
    made, other = await watched.signed_in(what), await watched.signed_in("stay")
    await in_thread(getattr(admin, what), watched.domain, f"live-{what}")
    async with asyncio.timeout(WITHIN_SECONDS):
        assert await watched.ended.get() == made.session_id
    assert await watched.store.sessions.sessions(made.principal.guid) == []
    assert watched.ended.empty()
    assert [each.session_id for each in await watched.store.sessions.sessions(other.principal.guid)] == [
        other.session_id
    ]


async def test_a_changed_password_ends_the_sessions_of_the_old_one(watched: Watched) -> None:
    made = await watched.signed_in("password")
    await in_thread(admin.set_password, watched.domain, "live-password", "An other pass-word 1")
    async with asyncio.timeout(WITHIN_SECONDS):
        assert await watched.ended.get() == made.session_id


async def test_the_session_that_changed_the_password_stays(watched: Watched) -> None:
    made, older = await watched.signed_in("renew"), await watched.signed_in("renew")
    await in_thread(admin.set_password, watched.domain, "live-renew", "An other pass-word 2")
    now_is = await watched.directory.read(made.principal.guid)
    assert now_is is not None
    renewed = replace(made, session_id=new_token(), principal=now_is)
    await watched.store.sessions.replace_session(made.session_id, renewed, cookie=b"c", host="wiki.corp.example")
    async with asyncio.timeout(WITHIN_SECONDS):
        assert {await watched.ended.get(), await watched.ended.get()} == {made.session_id, older.session_id}
    assert [each.session_id for each in await watched.store.sessions.sessions(made.principal.guid)] == [
        renewed.session_id
    ]


async def test_a_nested_group_that_is_taken_away_and_given_back_reaches_the_session(watched: Watched) -> None:
    made = await watched.signed_in("group")
    assert made.principal.groups == GROUPS
    await in_thread(admin.remove_member, watched.domain, "Live Inner", "live-group")
    async with asyncio.timeout(WITHIN_SECONDS):
        while (changed := await watched.changed.get()).session_id != made.session_id:
            pass
    assert changed.principal.groups == frozenset()
    async with asyncio.timeout(WITHIN_SECONDS):
        while (await watched.store.sessions.sessions(made.principal.guid))[0].principal.groups:  # noqa: ASYNC110  # of another thread
            await asyncio.sleep(0.01)  # written after those who listen were told
    await in_thread(admin.add_member, watched.domain, "Live Inner", "live-group")
    async with asyncio.timeout(WITHIN_SECONDS):
        while (changed := await watched.changed.get()).session_id != made.session_id:
            pass
    assert changed.principal.groups == GROUPS


async def test_a_new_number_is_the_sessions_number(watched: Watched) -> None:
    await watched.signed_in("mobile")
    await in_thread(admin.modify, watched.domain, "live-mobile", "replace: mobile\nmobile: 07400 222222")
    async with asyncio.timeout(WITHIN_SECONDS):
        assert (await watched.changed.get()).principal.mobiles == ("07400 222222",)


async def test_what_is_open_ends_with_the_group_that_let_it_in(domain: SambaDC, tmp_path: Path) -> None:
    """Through the whole program: the app's WebSocket and stream end, the other app's goes on until the account ends."""
    runner, app_port = await start_demo_app()
    directory = ActiveDirectory(settings_for(domain), GROUPS)
    store = SQLiteStore(tmp_path / "state.db")
    token, other_token = new_token(), new_token()
    made = session_for(await principal_of(directory, "live-socket"))
    await store.sessions.create_session(made, cookie=token_digest(token), host="wiki.localhost")
    await store.sessions.add_cookie(made.session_id, cookie=token_digest(other_token), host="canteen.localhost")
    await store.close()
    await directory.close()
    upstream = UpstreamURL("http", "127.0.0.1", app_port, "")
    settings = Settings(
        server=ServerSettings(
            listen=(ListenAddress("127.0.0.1", 0),),
            public_url=PublicURL("http", "signin.localhost", 80),
            key_file=tmp_path / "key",
        ),
        store=StoreSettings(url=f"sqlite:{tmp_path}/state.db"),
        directories=(settings_for(domain),),
        smtp=(SMTPSettings.model_validate({"host": "127.0.0.1", "security": "none", "from": "otp@corp.example"}),),
        apps=(
            AppSettings(name="Wiki", host="wiki.localhost", upstream=upstream, groups=(GROUP,)),
            AppSettings(name="Canteen", host="canteen.localhost", upstream=upstream),
        ),
    )
    async with running(settings, log=LOG) as gatepost, aiohttp.ClientSession() as client:
        host, port = gatepost.addresses[0]

        async def open_socket(app: str, cookie: str) -> aiohttp.ClientWebSocketResponse:
            headers = {"Host": f"{app}.localhost", "Cookie": f"gatepost={cookie}"}
            return await client.ws_connect(f"http://{host}:{port}/ws", headers=headers)

        wiki, canteen = await open_socket("wiki", token), await open_socket("canteen", other_token)
        for each in (wiki, canteen):
            await each.send_str("hello")
            assert await each.receive_str() == "hello"
        headers = {"Host": "wiki.localhost", "Cookie": f"gatepost={token}"}
        stream = await client.get(f"http://{host}:{port}/events", headers=headers)
        assert await stream.content.readany()
        await in_thread(admin.remove_member, domain, "Live Inner", "live-socket")
        async with asyncio.timeout(WITHIN_SECONDS):
            assert (await wiki.receive()).type is aiohttp.WSMsgType.CLOSE
            with pytest.raises(aiohttp.ClientPayloadError):
                await stream.read()
        assert wiki.close_code == 4403
        await canteen.send_str("still here")
        assert await canteen.receive_str() == "still here"
        async with client.get(f"http://{host}:{port}/", headers=headers) as response:
            assert response.status == 403
        await in_thread(admin.disable, domain, "live-socket")
        async with asyncio.timeout(WITHIN_SECONDS):
            assert (await canteen.receive()).type is aiohttp.WSMsgType.CLOSE
        assert canteen.close_code == 4401
    await runner.cleanup()


# What needs no domain.


class FakeDirectory:
    """A `WatchedDirectory` that says what a test puts in it."""

    realm = "corp"
    recheck_seconds = 900.0

    def __init__(self) -> None:
        self.person: Principal | None = principal()
        self.refusals: tuple[RefusalReason, ...] = ()
        self.told: list[Changes] = []
        self.is_away = False
        self.reads = 0

    async def changes(self) -> list[Changes]:
        if self.is_away:
            raise DirectoryUnavailable("corp", "gone")
        told, self.told = self.told, []
        return told

    async def doubtful(self, guids: list[str]) -> frozenset[str]:
        return frozenset(guids) if self.person is None else frozenset()

    async def read_at(self, guid: str, seen_at: str) -> Principal | None:
        self.reads += 1
        if self.is_away:
            raise DirectoryUnavailable("corp", "gone")
        return self.person

    async def state(self, guid: str) -> AccountState:
        return AccountState(principal=principal(guid=guid), refusals=self.refusals, told_by="dc1")

    async def close(self) -> None: ...


@dataclass
class Still:
    """A watch that only looks when it is told to, at the time it is told."""

    store: MemoryStore
    directory: FakeDirectory
    watch: SessionWatch
    now: list[float]


@pytest.fixture
def still() -> Still:
    store, directory, now = MemoryStore(), FakeDirectory(), [0.0]
    watch = SessionWatch(
        store=store.sessions,
        browsers=store.browsers,
        sessions=LiveSessions(store.sessions, SessionSettings()),
        realms=Realms([directory]),  # type: ignore[list-item]  # what a watch does not use is left out
        log=LOG,
        clock=lambda: now[0],
    )
    return Still(store, directory, watch, now)


async def begun(still: Still, made: Session) -> Session:
    await still.store.sessions.create_session(made, cookie=b"cookie", host="wiki.corp.example")
    return made


async def test_a_directory_that_is_away_ends_nobody(still: Still) -> None:
    made = await begun(still, session())
    await still.watch.look()
    still.directory.is_away = True
    for still.now[0] in (10.0, 1000.0, 2000.0):
        await still.watch.look()
    assert await still.store.sessions.sessions() == [made]
    still.directory.is_away, still.directory.person = False, None
    still.now[0] = 2001.0
    await still.watch.look()
    assert await still.store.sessions.sessions() == []


@pytest.mark.parametrize("reason", [RefusalReason.DISABLED, RefusalReason.LOCKED])
async def test_with_the_sessions_of_a_disabled_account_its_remembered_browsers_go(
    still: Still, reason: RefusalReason
) -> None:
    made = await begun(still, session())
    guid = made.principal.guid
    await still.store.browsers.put_browser(remembered(guid=guid), digest=b"1", most=9)
    await still.watch.look()
    assert len(await still.store.browsers.browsers(guid)) == 1
    still.directory.person, still.directory.refusals = None, (reason,)
    still.now[0] = 2000.0
    await still.watch.look()
    assert await still.store.sessions.sessions() == []
    assert len(await still.store.browsers.browsers(guid)) == (reason is RefusalReason.LOCKED)


async def test_nobody_is_asked_about_where_nobody_is_signed_in(still: Still) -> None:
    still.directory.is_away = True
    await still.watch.look()
    assert still.directory.reads == 0


async def test_a_quiet_directory_is_read_from_once_in_the_interval(still: Still) -> None:
    await begun(still, session())
    for second in range(900):
        still.now[0] = float(second)
        await still.watch.look()
    assert 1 <= still.directory.reads <= 2


async def test_a_session_of_the_old_password_has_a_moment_to_be_renewed_and_no_more(still: Still) -> None:
    made = await begun(still, session(principal=principal(password_set_at=1.0)))
    still.directory.person = principal(password_set_at=2.0)
    still.directory.told = [Changes(seen_at="dc1", entries=frozenset({made.principal.guid}))]
    await still.watch.look()
    assert await still.store.sessions.sessions() == [made]
    still.now[0] = RENEWAL_SECONDS
    await still.watch.look()
    assert await still.store.sessions.sessions() == []


async def test_a_realm_that_the_configuration_has_no_more_vouches_for_nobody(still: Still) -> None:
    await begun(still, session(principal=principal(realm="gone")))
    await still.watch.look()
    assert await still.store.sessions.sessions() == []


async def test_a_store_that_is_away_loses_no_change(still: Still) -> None:
    made = await begun(still, session())
    await still.watch.look()
    still.directory.person = None
    still.directory.told = [Changes(seen_at="dc1", entries=frozenset({made.principal.guid}))]
    real_end = still.store.sessions.end_sessions_of

    async def broken(guid: str) -> int:
        still.store.away = True
        return await real_end(guid)

    still.store.sessions.end_sessions_of = broken  # type: ignore[method-assign]  # away just when it is needed
    with pytest.raises(StoreUnavailable):
        await still.watch.look()
    still.store.away = False
    still.store.sessions.end_sessions_of = real_end  # type: ignore[method-assign]
    await still.watch.look()
    assert await still.store.sessions.sessions() == []


async def test_many_new_persons_leave_most_of_the_store_to_requests(still: Still) -> None:
    """A worker that starts finds everybody new to it, and is asked for sessions that it does not know yet."""
    for number in range(100):
        await begun(still, session(principal=principal(guid=f"guid-{number}")))
    real_sessions, reading, most = still.store.sessions.sessions, 0, 0

    async def slow(guid: str | None = None) -> list[Session]:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        await asyncio.sleep(0)
        reading -= 1
        return await real_sessions(guid)

    still.store.sessions.sessions = slow  # type: ignore[method-assign]  # as a store over a network answers
    await still.watch.look()
    assert 1 < most <= CONNECTIONS / 4
    assert still.store.calls.count("sessions") >= 100


async def test_when_all_persons_are_listed_anew_only_the_sessions_of_new_ones_are_read(still: Still) -> None:
    """As after each gap: a restart of the store has nobody read again for it."""
    for number in range(20):
        await begun(still, session(principal=principal(guid=f"guid-{number}")))
    await still.watch.look()
    await begun(still, session(principal=principal(guid="new")))
    real_sessions, read = still.store.sessions.sessions, []

    async def noted(guid: str | None = None) -> list[Session]:
        read.append(guid)
        return await real_sessions(guid)

    still.store.sessions.sessions = noted  # type: ignore[method-assign]  # what is asked for is what this is about
    await still.watch.look()
    assert [guid for guid in read if guid is not None] == ["new"]


@pytest.mark.parametrize(
    ("held", "current", "is_other"),
    [
        (1.0, 1.0, False),
        (1.0, 2.0, True),
        (2.0, 1.0, True),
        (1.0, None, True),
        (None, None, False),
        (None, 1_800_000_001.0, True),
        (None, 1_799_999_999.0, False),
    ],
)
def test_what_the_session_holds_says_whether_the_password_is_another(
    held: float | None, current: float | None, is_other: bool
) -> None:
    assert has_other_password(
        session(principal=principal(password_set_at=held)), principal(password_set_at=current)
    ) is (is_other)


@pytest.mark.parametrize(
    ("held", "current", "is_other"), [("a", "a", False), ("a", "b", True), ("", "b", False), ("a", "", False)]
)
def test_where_nobody_tells_when_a_password_was_set_its_mark_decides(held: str, current: str, is_other: bool) -> None:
    begun_with = session(principal=principal(password_mark=held))
    assert has_other_password(begun_with, principal(password_mark=current)) is is_other
