"""OpenSSH through the jump host of a whole Gatepost with two workers: what gets through, and what is refused."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from tests.processes.house import WorkersHouse
from tests.support.gatepost import gatepost
from tests.support.openssh import PROBLEM, OpenSSH, openssh
from tests.support.smtp_sink import Sink, smtp_sink

pytestmark = pytest.mark.skipif(PROBLEM is not None, reason=str(PROBLEM))
PASSWORD = "correct horse 7"
REMOTE = ("-R", "0:127.0.0.1:1")
MORE = """
[ssh]
listen = ["127.0.0.1:0"]
[[ssh.targets]]
host = "127.0.0.1"
ports = [{target}]
groups = ["Admins"]
"""
USERS = """
[[users]]
username = "alice"
password_hash = "{password_hash}"
mobile = "07400 123456"
groups = ["Admins"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class JumpedHouse:
    house: WorkersHouse
    sink: Sink
    client: OpenSSH
    address: tuple[str, int]

    async def passcode(self) -> str:
        received = await self.sink.next_message(timeout=60)
        return str(message_from_bytes(received.content, policy=policy.default)["Subject"])[:6]

    async def signs_in(self) -> None:
        """Type the passcode that comes, whenever it is asked for."""
        self.client.type_passcode(await self.passcode())

    async def keeps_signing_in(self) -> None:
        while True:
            await self.signs_in()

    def sessions(self) -> list[dict[str, str]]:
        done = gatepost("sessions", "list", "--json", "--config", str(self.house.config))
        found: list[dict[str, str]] = json.loads(done.stdout)
        return found


@asynccontextmanager
async def jumped_house(folder: Path, *, more: str = "") -> AsyncIterator[JumpedHouse]:
    async with openssh(folder / "client") as client, smtp_sink() as sink:
        house = WorkersHouse(folder, "http://127.0.0.1:1", more=MORE.format(target=client.target_port) + more)
        password_hash = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        (folder / "users.toml").write_text(USERS.format(password_hash=password_hash))
        text = house.config.read_text().replace("port = 1\n", f"port = {sink.port}\n")
        house.config.write_text(text)
        try:
            await asyncio.to_thread(house.start)
            started = next(json.loads(line) for line in house.process.log if '"server.started"' in line)
            host, _, port = started["ssh"][0].rpartition(":")
            made = JumpedHouse(house=house, sink=sink, client=client, address=(host, int(port)))
            client.configure(made.address, "alice", PASSWORD)
            yield made
        finally:
            await asyncio.to_thread(house.process.__exit__)


async def test_ssh_scp_sftp_and_rsync_go_through_after_one_sign_in(tmp_path: Path) -> None:
    async with jumped_house(tmp_path) as made:
        client = made.client
        mux = f"    ControlMaster auto\n    ControlPath {client.folder}/mux\n    ControlPersist yes\n"
        client.configure(made.address, "alice", PASSWORD, more=mux)
        signing_in = asyncio.create_task(made.signs_in())
        ran = await client.run("ssh", "target", "echo hello; exit 3")
        await signing_in
        assert (ran.code, ran.out) == (3, "hello\n"), ran.err
        assert "6-digit code (******** 456): " in client.asked
        assert "We sent a text message with a code to your mobile ******** 456." in ran.err
        (listed,) = made.sessions()
        assert listed["way"] == "ssh"
        local = tmp_path / "big"
        local.write_bytes(bytes(range(256)) * 40_000)
        for command in (
            ("scp", str(local), f"target:{tmp_path}/by-scp"),
            ("scp", "-O", f"target:{local}", f"{tmp_path}/by-old-scp"),
            ("sftp", "-b", "-", "target"),
            ("rsync", "-a", str(local), f"target:{tmp_path}/by-rsync"),
        ):
            ran = await client.run(*command, text=f"put {local} {tmp_path}/by-sftp\n")
            assert ran.code == 0, ran.err
        for name in ("by-scp", "by-old-scp", "by-sftp", "by-rsync"):
            assert (tmp_path / name).read_bytes() == local.read_bytes(), name
        assert made.sink.messages == []
        key = tmp_path / "ssh_host_ed25519_key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600

        # An end by an administrator reaches the worker that has the connection.
        staying = await client.start("ssh", "target", "cat")
        assert staying.stdin is not None
        assert staying.stdout is not None
        staying.stdin.write(b"there\n")
        assert await staying.stdout.readline() == b"there\n"
        done = await asyncio.to_thread(gatepost, "sessions", "end", "--all", "--config", str(made.house.config))
        assert done.returncode == 0, done.stderr
        async with asyncio.timeout(30):
            assert await staying.wait() == 255
        assert made.sessions() == []


async def test_whatever_is_not_a_jump_is_refused_with_a_word(tmp_path: Path) -> None:
    async with jumped_house(tmp_path, more="[throttle]\nsends_per_person = 50\nsends_per_number = 50\n") as made:
        client = made.client
        ran = await client.run("ssh", "-o", "PreferredAuthentications=password,publickey", "jump")
        assert ran.code == 255
        assert "Permission denied (keyboard-interactive)" in ran.err
        made.house.wait_for("ssh.not_signed_in", reason="never asked to sign in by keyboard-interactive")
        signing_in = asyncio.create_task(made.keeps_signing_in())
        for arguments, event, told in (
            (("jump", "id"), {"asked": "session"}, "jump host, with no shell"),
            (("-A", "-X", "jump"), {"asked": "session"}, "jump host, with no shell"),
            (("-W", "[::1]:22", "jump"), {"host": "::1", "reason": "no target permits it"}, "may not open this host"),
            (("-W", "127.0.0.2:22", "jump"), {"host": "127.0.0.2"}, "may not open this host"),
            (
                ("-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", "jump"),
                {"asked": "tcpip-forward"},
                "remote",
            ),
        ):
            ran = await client.run("ssh", *arguments)
            assert ran.code == 255, (arguments, ran)
            assert told in ran.err
            made.house.wait_for("ssh.channel_refused", **event)
        signing_in.cancel()


async def test_wrong_passwords_are_told_as_on_the_page_and_end_the_connection(tmp_path: Path) -> None:
    async with jumped_house(tmp_path) as made:
        client = made.client
        for username, password in (("alice", "wrong"), ("nobody", "wrong")):
            client.configure(made.address, username, password)
            ran = await client.run("ssh", "jump")
            assert ran.code == 255
            assert "Your user name or password is not right." in ran.err
            assert client.asked.count("Password:") >= 3
        assert made.sink.messages == []
