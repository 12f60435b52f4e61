"""Open channels follow a real domain, at two workers on a Redis store: account, group and password, in seconds."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from email import message_from_bytes, policy
from pathlib import Path

import asyncssh
import pytest

from tests.end_to_end.house import House, open_house
from tests.ssh.stage import Person, TargetServer
from tests.support import changes as admin
from tests.support.redis_server import PROGRAM, running_redis
from tests.support.samba import ALICE_PASSWORD, PASSWORD, person
from tests.support.samba_dc import SambaDC
from tests.support.samba_people import DomainGroup

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="redis-server is not installed")
GROUP, INNER = "Jump Users", "Jump Inner"
WITHIN_SECONDS = 5.0
MORE = """
[ssh]
listen = ["127.0.0.1:0"]
[[ssh.targets]]
host = "127.0.0.1"
ports = [{port}]
groups = ["{group}"]
"""


class Jumper:
    """Somebody with a channel that is open."""

    def __init__(self, conn: asyncssh.SSHClientConnection, person: Person) -> None:
        self.conn = conn
        self.person = person
        self.reader: asyncssh.SSHReader[bytes]
        self.writer: asyncssh.SSHWriter[bytes]

    async def open(self, port: int) -> None:
        self.reader, self.writer = await self.conn.open_connection("127.0.0.1", port, encoding=None)
        await self.works()

    async def works(self) -> None:
        self.writer.write(b"hello\n")
        assert await self.reader.readline() == b"hello\n"

    async def is_cut(self) -> None:
        async with asyncio.timeout(WITHIN_SECONDS):
            assert await self.reader.read() == b""


class Answering(Person):
    """Types the password, and then the passcode that the house sends."""

    def __init__(self, house: House, password: str) -> None:
        super().__init__(lambda told, label: "")
        self._house = house
        self._password = password

    async def kbdint_challenge_received(  # type: ignore[override]
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str]:
        if "Password" in prompts[0][0]:
            return [self._password]
        received = await self._house.sink.next_message(timeout=30)
        subject = str(message_from_bytes(received.content, policy=policy.default)["Subject"])
        found = re.match(r"[0-9]{6}", subject)
        assert found is not None
        return [found[0]]


@asynccontextmanager
async def jumping(
    stack: AsyncExitStack, house: House, address: tuple[str, int], name: str, port: int, password: str = PASSWORD
) -> AsyncIterator[Jumper]:
    answering = Answering(house, password)
    conn = await asyncssh.connect(
        *address, known_hosts=None, username=name, client_factory=lambda: answering, config=None, client_keys=None,
        agent_path=None,
    )  # fmt: skip
    stack.callback(conn.abort)
    jumper = Jumper(conn, answering)
    await jumper.open(port)
    yield jumper


async def test_open_channels_end_with_the_account_the_group_and_the_password(corp: SambaDC, tmp_path: Path) -> None:
    names = ("jump-disabled", "jump-group", "jump-password")
    persons = [person(name, mobile=f"07400 1237{at:02}") for at, name in enumerate(names)]
    groups = [DomainGroup(name=INNER, members=[*names, "alice"]), DomainGroup(name=GROUP, members=[INNER])]
    await asyncio.to_thread(corp.add, persons, groups)
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(TargetServer())
        redis = stack.enter_context(running_redis())
        environ = {"GATEPOST_STORE__URL": redis.url, "GATEPOST_SERVER__WORKERS": "2"}
        more = MORE.format(port=target.port, group=GROUP)
        house = await stack.enter_async_context(open_house(tmp_path, corp, more=more, environ=environ))
        started = next(json.loads(line) for line in house.process.log if '"server.started"' in line)
        host, _, port = started["ssh"][0].rpartition(":")
        people = {
            name: await stack.enter_async_context(jumping(stack, house, (host, int(port)), name, target.port, password))
            for name, password in (*((name, PASSWORD) for name in names), ("alice", ALICE_PASSWORD))
        }
        await asyncio.to_thread(admin.disable, corp, names[0])
        await people[names[0]].is_cut()
        await asyncio.to_thread(admin.remove_member, corp, INNER, names[1])
        await people[names[1]].is_cut()
        assert not people[names[1]].person.lost.done(), "the sign-in stands, and opens what is still permitted"
        await asyncio.to_thread(admin.set_password, corp, names[2], "An other pass-word 1")
        await people[names[2]].is_cut()
        await people["alice"].works()
