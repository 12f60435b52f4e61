"""The jump host on real parts (a real sign-in, SQLite, asyncssh as its client), with a set clock and no waits.

Names are resolved as a test says; what is connected to is real.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import asyncssh
import structlog

from config.settings import SSHSettings
from directory.realms import Realms
from proxy.audit.audited_log import audited
from proxy.operations.listening import bind
from proxy.sessions.session import Session
from proxy.ssh.connecting import Connector
from proxy.ssh.host_key import load_or_create_host_key
from proxy.ssh.jump_host import JumpHost
from proxy.ssh.targets import Address, create_targets
from proxy.ssh.visitor import JumpParts
from tests.portal.stage import FailingStore, portal_settings
from tests.portal.test_mail_for_sms import CHANNELS
from tests.portal.test_password_change import CORP, NAME, OLD
from tests.sign_in.headless import SCHEMES, Corp, Service

Answers = Callable[[str, str], str]
"""What is told, and the label, to what is typed."""


class TargetServer:
    """Something that a person connects to: it answers each line with the same, and says how many are connected."""

    def __init__(self) -> None:
        self.port = 0
        self.connected = 0
        self.greeting = b""
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> TargetServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        try:
            writer.write(self.greeting)
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self.connected -= 1
            writer.close()


class Person(asyncssh.SSHClient):
    """Somebody at a terminal: `answers` says what they type."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.told: list[str] = []
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def kbdint_auth_requested(self) -> str:
        return ""

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str]:
        assert all(not is_shown for _, is_shown in prompts)
        self.told += [instructions, *(label for label, _ in prompts)]
        return [self._answers(instructions, label) for label, _ in prompts]

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(exc)


class JumpStage:
    def __init__(self, folder: Path, corp: Corp, *, schemes: Sequence[Any] = SCHEMES, **ssh: Any) -> None:
        settings = portal_settings(
            folder, directories=[CORP], schemes=schemes, second_factor={"channels": tuple(CHANNELS)}
        )
        self.corp = corp
        self.folder = folder
        self.store = FailingStore(folder / "state.db")
        self.service = Service(settings, self.store, Realms([corp]))
        self.service.phone.channels = dict(CHANNELS)
        self.settings = SSHSettings.model_validate({"listen": ("127.0.0.1:0",), **ssh})
        self.names: dict[str, list[str]] = {}
        self.own: set[str] = set()
        self.looked_up: list[str] = []
        self.slept: list[float] = []
        self.own_ports: set[int] = set()
        self.jump_host: JumpHost
        self.address = ("", 0)

    async def start(self) -> None:
        (listener,) = bind("127.0.0.1", 0)
        self.address = listener.getsockname()
        parts = JumpParts(
            settings=self.settings,
            targets=create_targets(self.settings.targets),
            flow=self.service.parts.flow,
            sessions=self.service.sessions,
            connector=Connector({self.address[1], *self.own_ports}, look_up=self._look_up),
            host="signin.corp.example",
            change_url="https://signin.corp.example",
            log=audited(structlog.get_logger(), self.service.recorded),
            clock=lambda: self.service.now,
            sleep=self._sleep,
        )
        self.jump_host = JumpHost(parts, tick_seconds=0.05)
        self.service.sessions.on_end(self.jump_host.end_session)
        self.service.sessions.on_change(self.jump_host.judge_again)
        await self.jump_host.start([listener], load_or_create_host_key(self.folder / "host_key"))

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.service.now += seconds

    def _look_up(self, host: str, port: int) -> tuple[Sequence[Address], Collection[Address]]:
        self.looked_up.append(host)
        if host not in self.names:
            try:
                return [ip_address(host)], set()
            except ValueError:
                raise OSError("no such name") from None
        return [ip_address(each) for each in self.names[host]], {ip_address(each) for each in self.own}

    def usual(self, told: str, label: str) -> str:
        """What somebody types who has all that is asked for."""
        return OLD if "Password" in label else self.service.passcode

    async def person(
        self, stack: AsyncExitStack, answers: Answers | None = None, *, username: str = NAME, **options: Any
    ) -> tuple[asyncssh.SSHClientConnection, Person]:
        """Somebody who has signed in. Raises `asyncssh.Error`."""
        person = Person(answers or self.usual)
        options.setdefault("preferred_auth", "keyboard-interactive")
        conn = await asyncssh.connect(
            *self.address,
            known_hosts=None,
            username=username,
            client_factory=lambda: person,
            config=None,
            client_keys=None,
            agent_path=None,
            **options,
        )
        stack.push_async_callback(conn.wait_closed)
        stack.callback(conn.close)
        return conn, person

    async def sessions(self) -> list[Session]:
        return list(await self.store.sessions.sessions())

    async def regroup(self, *groups: str) -> None:
        """As the watch does when it reads them from the directory."""
        for session in await self.sessions():
            principal = replace(session.principal, groups=frozenset(groups))
            await self.service.sessions.update_principal(replace(session, principal=principal))


@asynccontextmanager
async def jump_stage(folder: Path, *, corp: Corp | None = None, **values: Any) -> AsyncIterator[JumpStage]:
    stage = JumpStage(folder, corp or Corp(), **values)
    stage.corp.is_now(mail="scripted@corp.example")
    await stage.start()
    try:
        yield stage
    finally:
        await stage.jump_host.close()
        await stage.store.close()


async def echoed(conn: asyncssh.SSHClientConnection, host: str, port: int) -> bytes:
    """What comes back through a channel."""
    reader, writer = await conn.open_connection(host, port, encoding=None)
    writer.write(b"hello\n")
    line: bytes = await reader.readline()
    writer.close()
    return line
