"""What strangers and the impatient cannot do: crowd the jump host, stay without signing in, answer out of turn."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from structlog.testing import capture_logs

from proxy.ssh import words
from proxy.ssh.host_key import load_or_create_host_key
from proxy.ssh.transport import SSHTransport, create_options
from proxy.ssh.visitor import Visitor
from tests.portal.test_password_change import NAME, OLD
from tests.ssh.stage import JumpStage, Person, TargetServer, jump_stage
from tests.support.eventually import eventually

LOCAL = {"host": "127.0.0.1", "ports": (22,)}


async def greeted(stage: JumpStage, stack: AsyncExitStack) -> bytes:
    """What a connection is told first."""
    reader, writer = await asyncio.open_connection(*stage.address)
    stack.callback(lambda kept: writer.transport.abort(), reader)  # without its reader it would be closed
    return await reader.readline()


def turned_away(lines: list[Any]) -> int:
    return sum(line["count"] for line in lines if line["event"] == "ssh.turned_away")


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_unauthenticated_per_address": 10}, "connections of one address that are not signed in"),
        ({"max_unauthenticated": 10, "max_unauthenticated_per_address": 200}, "connections that are not signed in"),
        ({"max_connections": 10, "max_unauthenticated_per_address": 200}, "connections in all"),
    ],
)
async def test_a_hundred_connections_that_do_not_sign_in_are_turned_away(
    tmp_path: Path, limits: dict[str, int], reason: str
) -> None:
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(jump_stage(tmp_path, targets=(LOCAL,), **limits))
        with capture_logs() as lines:
            told = [await greeted(stage, stack) for _ in range(100)]
            assert told.count(b"SSH-2.0-Gatepost\r\n") == 10
            assert told.count(b"Too many connections. Try again later.\r\n") == 90
            assert stage.jump_host.open_connections == 10
            await eventually(lambda: turned_away(lines) == 90)
        told_of = [line for line in lines if line["event"] == "ssh.turned_away"]
        assert {(line["reason"], line["last_client"]) for line in told_of} == {(reason, "127.0.0.1")}


async def test_a_place_is_given_back_by_signing_in_and_by_leaving(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(
            jump_stage(tmp_path, targets=(LOCAL,), max_unauthenticated_per_address=1)
        )
        for _ in range(3):
            await stage.person(stack)
        async with AsyncExitStack() as inner:
            assert await greeted(stage, inner) == b"SSH-2.0-Gatepost\r\n"
            assert (await greeted(stage, stack)).startswith(b"Too many")
        await eventually(lambda: stage.jump_host.open_connections == 3)
        assert await greeted(stage, stack) == b"SSH-2.0-Gatepost\r\n"


async def test_a_sign_in_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(jump_stage(tmp_path, targets=(LOCAL,), login_timeout=60.0))

        conn, _ = await stage.person(stack)
        with capture_logs() as lines:
            reader, writer = await asyncio.open_connection(*stage.address)
            stack.callback(writer.transport.abort)
            await reader.readline()
            stage.service.now += 61
            assert b"You did not sign in in time." in await reader.read()
        assert [(line["event"], line["reason"]) for line in lines] == [
            ("ssh.not_signed_in", "You did not sign in in time.")
        ]
        assert not conn.is_closed()


async def test_one_connection_has_so_many_channels(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(TargetServer())
        targets = ({**LOCAL, "ports": (target.port,)},)
        stage = await stack.enter_async_context(jump_stage(tmp_path, targets=targets, max_channels=3))
        conn, _ = await stage.person(stack)
        opened = [await conn.open_connection("127.0.0.1", target.port) for _ in range(3)]
        with capture_logs() as lines, pytest.raises(asyncssh.ChannelOpenError, match="Too many connections are open"):
            await conn.open_connection("127.0.0.1", target.port)
        assert [line["reason"] for line in lines] == ["too many channels"]
        opened[0][1].close()
        await eventually(lambda: stage.jump_host.open_channels == 2)
        await conn.open_connection("127.0.0.1", target.port)


async def test_a_worker_has_so_many_channels(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(TargetServer())
        targets = ({**LOCAL, "ports": (target.port,)},)
        stage = await stack.enter_async_context(jump_stage(tmp_path, targets=targets, max_connections=2))
        people = [await stage.person(stack) for _ in range(2)]
        for conn, _ in people:
            for _ in range(4):
                await conn.open_connection("127.0.0.1", target.port)
        with pytest.raises(asyncssh.ChannelOpenError, match="Too many connections are open"):
            await people[0][0].open_connection("127.0.0.1", target.port)


class Impatient(Person):
    """Sends the same answer several times at once, and something else meanwhile."""

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str]:
        answers = super().kbdint_challenge_received(name, instructions, lang, prompts)
        return answers * 2 if "code" in prompts[0][0] else answers


async def test_more_answers_than_questions_end_the_sign_in(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(jump_stage(tmp_path, targets=(LOCAL,)))
        person = Impatient(stage.usual)
        with pytest.raises(asyncssh.DisconnectError, match="More than one answer"):
            await asyncssh.connect(
                *stage.address, known_hosts=None, username=NAME, client_factory=lambda: person, config=None,
                client_keys=None, agent_path=None,
            )  # fmt: skip
        await _until_no_session(stage)


async def test_a_connection_is_for_one_name_or_a_few(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(jump_stage(tmp_path, targets=(LOCAL,)))
        visitors: list[Visitor] = []
        with capture_logs() as lines:
            conn = SSHTransport(asyncio.get_running_loop(), await _options(stage, visitors), address="192.0.2.7")
            near, far = socket.socketpair()
            stack.callback(far.close)
            await asyncio.get_running_loop().connect_accepted_socket(lambda: conn, near)
            (visitor,) = visitors
            assert all(visitor.begin_auth(f"name {number}") for number in range(5))
            assert not conn.is_closed()
            visitor.begin_auth("one more")
            await eventually(conn.is_closed)
        assert [line["reason"] for line in lines] == [words.OUT_OF_TURN]


async def _options(stage: JumpStage, visitors: list[Visitor]) -> Any:
    def visitor() -> Visitor:
        visitors.append(Visitor(stage.jump_host.parts, stage.jump_host))
        return visitors[-1]

    return await create_options(load_or_create_host_key(stage.folder / "host_key"), visitor, login_seconds=60.0)


async def test_two_answers_at_once_are_one_try(tmp_path: Path) -> None:
    """asyncssh hands on whatever a client sends, whether it was asked or not."""
    async with jump_stage(tmp_path, targets=(LOCAL,)) as stage:
        visitor = Visitor(stage.jump_host.parts, stage.jump_host)
        await visitor.get_kbdint_challenge(NAME, "", "")
        answers = [visitor.validate_kbdint_response(NAME, [OLD]) for _ in range(5)]
        found = await asyncio.gather(*answers, visitor.get_kbdint_challenge("nobody@corp", "", ""))
        assert [each for each in found if each is False] == [False] * 5
        assert stage.corp.binds == 1
        visitor.connection_lost(None)
        await _until_no_session(stage)


async def test_an_answer_that_nobody_waits_for_any_more_leaves_no_session(tmp_path: Path) -> None:
    async with jump_stage(tmp_path, targets=(LOCAL,)) as stage:
        visitor = Visitor(stage.jump_host.parts, stage.jump_host)
        await visitor.get_kbdint_challenge(NAME, "", "")
        await visitor.validate_kbdint_response(NAME, [OLD])
        answering = asyncio.create_task(visitor.validate_kbdint_response(NAME, [stage.service.passcode]))
        await asyncio.sleep(0)
        answering.cancel()
        visitor.connection_lost(None)
        await _until_no_session(stage)


async def test_passwords_without_a_question_and_keys_are_not_taken(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(jump_stage(tmp_path, targets=(LOCAL,)))
        key = asyncssh.generate_private_key("ssh-ed25519")
        options: list[dict[str, Any]] = [
            {"preferred_auth": "password", "password": OLD},
            {"preferred_auth": "publickey", "client_keys": [key]},
            {"preferred_auth": "hostbased"},
        ]
        for each in options:
            with capture_logs() as lines:
                with pytest.raises(asyncssh.PermissionDenied):
                    await asyncssh.connect(
                        *stage.address, known_hosts=None, username=NAME, config=None, agent_path=None, **each
                    )
                await eventually(lambda found=lines: found)  # type: ignore[misc]
            assert [line["reason"] for line in lines] == ["never asked to sign in by keyboard-interactive"]
        assert stage.corp.binds == 0


async def _until_no_session(stage: JumpStage) -> None:
    async with asyncio.timeout(10):
        while await stage.sessions():  # noqa: ASYNC110  # the store has no event for it
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    "offer", [{"kex_algs": ["diffie-hellman-group14-sha256"]}, {"encryption_algs": ["aes128-cbc"]}]
)
async def test_old_algorithms_are_not_spoken(tmp_path: Path, offer: dict[str, list[str]]) -> None:
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(jump_stage(tmp_path, targets=(LOCAL,)))
        with pytest.raises(asyncssh.KeyExchangeFailed):
            await stage.person(stack, **offer)


@pytest.mark.parametrize("exchange", ["mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org"])
async def test_what_is_documented_is_spoken(tmp_path: Path, exchange: str) -> None:
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(jump_stage(tmp_path, targets=(LOCAL,)))
        conn, _ = await stage.person(stack, kex_algs=[exchange], encryption_algs=["aes256-ctr"])
        assert conn.get_extra_info("send_mac") == "hmac-sha2-256-etm@openssh.com"


async def test_a_stop_lets_channels_finish_and_ends_the_rest(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(TargetServer())
        stage = await stack.enter_async_context(jump_stage(tmp_path, targets=({**LOCAL, "ports": (target.port,)},)))
        busy, at_work = await stage.person(stack)
        _, idle = await stage.person(stack)
        reader, writer = await busy.open_connection("127.0.0.1", target.port, encoding=None)
        draining = asyncio.create_task(stage.jump_host.drain(30))
        await idle.lost
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*stage.address)
        writer.write(b"still here\n")
        assert await reader.readline() == b"still here\n"
        assert not at_work.lost.done()
        writer.close()
        await draining
        await at_work.lost
        assert await stage.sessions() == []


async def test_a_stop_ends_what_does_not_finish_in_time(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(TargetServer())
        stage = await stack.enter_async_context(jump_stage(tmp_path, targets=({**LOCAL, "ports": (target.port,)},)))
        conn, person = await stage.person(stack)
        await conn.open_connection("127.0.0.1", target.port)
        await stage.jump_host.drain(0.1)
        await person.lost
        await eventually(lambda: target.connected == 0)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: jump\r\n\r\n",
        b"SSH-1.5-old\r\n",
        b"SSH-2.0-\xff\r\n",
        b"x" * 100_000,
        b"SSH-2.0-x\r\n" + bytes(1000),
        b"SSH-2.0-x\r\n" + b"\xff" * 1000,
        b"SSH-2.0-x\r\n" + b"\0\0\0\x0c\x0a\x32" + bytes(10),  # a sign-in before the key exchange
        b"SSH-2.0-x\r\n" + b"\0\0\0\x0c\x0a\x5a" + bytes(10),  # a channel
    ],
)
async def test_what_is_no_ssh_ends_the_connection_and_nothing_else(tmp_path: Path, sent: bytes) -> None:
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(jump_stage(tmp_path, targets=(LOCAL,)))
        await stage.person(stack)
        with capture_logs() as lines:
            reader, writer = await asyncio.open_connection(*stage.address)
            writer.write(sent)
            with suppress(ConnectionError):
                await reader.read()
            writer.close()
            await eventually(lambda: stage.jump_host.open_connections == 1)
        assert [line["event"] for line in lines] == ["ssh.not_signed_in"]
        await stage.person(stack)
