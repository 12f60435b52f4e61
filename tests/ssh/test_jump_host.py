"""A sign-in by SSH and what it opens: permitted targets, and nothing else. With asyncssh as the client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from structlog.testing import capture_logs

from directory.errors import DirectoryBusy, DirectoryUnavailable
from proxy.sessions.way import Way
from proxy.ssh.connecting import Connector, Unreachable
from tests.ssh.stage import JumpStage, TargetServer, echoed, jump_stage
from tests.support.eventually import eventually

LOCAL = {"host": "127.0.0.1", "groups": ("Wiki Users",)}


@pytest.fixture
async def target() -> AsyncIterator[TargetServer]:
    async with TargetServer() as server:
        yield server


@pytest.fixture
async def stage(tmp_path: Path, target: TargetServer) -> AsyncIterator[JumpStage]:
    targets = (
        {**LOCAL, "ports": (target.port,)},
        {"host": "*.servers.corp.example", "ports": (22, target.port), "groups": ("Wiki Users",)},
        {"host": "db.corp.example", "groups": ("DBAs",)},
    )
    async with jump_stage(tmp_path, targets=targets) as made:
        yield made


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


def lines_of(lines: list[Any], event: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == event]


async def test_a_password_and_a_passcode_open_a_permitted_target(
    stage: JumpStage, target: TargetServer, stack: AsyncExitStack
) -> None:
    with capture_logs() as lines:
        conn, person = await stage.person(stack)
        assert await echoed(conn, "127.0.0.1", target.port) == b"hello\n"
    assert person.told == [
        "",
        "Password: ",
        "We sent a text message with a code to your mobile ******** 456.\n"
        "Press Enter alone to have the code sent again.\n"
        'Or type "email" (s***@corp.example) to use another way.',
        "6-digit code (******** 456): ",
    ]
    (session,) = await stage.sessions()
    assert session.way is Way.SSH
    assert session.user_agent.startswith("SSH-2.0-AsyncSSH")
    (done,) = lines_of(lines, "sign_in.succeeded")
    assert done["way"] == "ssh"
    (opened,) = lines_of(lines, "ssh.channel_opened")
    assert (opened["host"], opened["port"], opened["address"]) == ("127.0.0.1", target.port, "127.0.0.1")
    assert opened["guid"] == session.principal.guid


async def test_the_session_ends_with_the_connection(stage: JumpStage, stack: AsyncExitStack) -> None:
    conn, _ = await stage.person(stack)
    assert len(await stage.sessions()) == 1
    conn.close()
    async with asyncio.timeout(10):
        while await stage.sessions():  # noqa: ASYNC110  # the store has no event for it
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("10.9.9.9", 22, "no target permits it"),
        ("db.corp.example", 22, "no target permits it"),
        ("other.corp.example", 22, "no target permits it"),
        ("[::1]", 22, "no target permits it"),
        ("127.0.0.1", 1, "no target permits it"),
        ("127.1", 22, "no host and port"),
        ("a.servers.corp.example", 0, "no host and port"),
        ("loop.servers.corp.example", 22, "leads to this machine"),
        ("six.servers.corp.example", 22, "leads to this machine"),
        ("cloud.servers.corp.example", 22, "leads to a link-local address"),
        ("missing.servers.corp.example", 22, "cannot be resolved: no such name"),
    ],
)
async def test_everything_else_is_refused(
    stage: JumpStage, stack: AsyncExitStack, host: str, port: int, reason: str
) -> None:
    stage.names = {
        "loop.servers.corp.example": ["127.0.0.1"],
        "six.servers.corp.example": ["::1"],
        "cloud.servers.corp.example": ["169.254.169.254"],
    }
    conn, _ = await stage.person(stack)
    with capture_logs() as lines, pytest.raises(asyncssh.ChannelOpenError) as refused:
        await conn.open_connection(host, port)
    assert "may not open" in refused.value.reason or reason.startswith("cannot")
    (line,) = lines_of(lines, "ssh.channel_refused")
    assert line["reason"] == reason
    assert (line["port"], line["client_address"]) == (port, "127.0.0.1")
    assert stage.looked_up == ([host] if host.endswith("servers.corp.example") and port else [])


async def test_a_name_leads_to_what_was_judged(stage: JumpStage, target: TargetServer, stack: AsyncExitStack) -> None:
    """It is resolved once: a second answer of DNS leads nowhere."""
    stage.names = {"a.servers.corp.example": ["127.0.0.1"]}
    conn, _ = await stage.person(stack)
    with pytest.raises(asyncssh.ChannelOpenError, match="may not open"):
        await conn.open_connection("a.servers.corp.example", target.port)
    assert target.connected == 0


async def test_a_port_of_gateposts_own_is_refused(tmp_path: Path, stack: AsyncExitStack) -> None:
    targets = ({"host": "127.0.0.0/8", "ports": tuple(range(1024, 65536))},)
    async with jump_stage(tmp_path, targets=targets) as stage:
        conn, _ = await stage.person(stack)
        with capture_logs() as lines, pytest.raises(asyncssh.ChannelOpenError, match="may not open"):
            await conn.open_connection(*stage.address)
        assert [line["reason"] for line in lines] == ["leads to a port of Gatepost's own"]


async def test_a_target_that_does_not_answer_is_told_so(tmp_path: Path, stack: AsyncExitStack) -> None:
    async with TargetServer() as gone:
        port = gone.port
    async with jump_stage(tmp_path, targets=({**LOCAL, "ports": (port,)},)) as stage:
        conn, _ = await stage.person(stack)
        with capture_logs() as lines, pytest.raises(asyncssh.ChannelOpenError, match="The host does not answer"):
            await conn.open_connection("127.0.0.1", port)
    assert "cannot be connected to" in lines_of(lines, "ssh.channel_refused")[0]["reason"]


async def test_there_is_no_shell_command_subsystem_or_file_transfer(stage: JumpStage, stack: AsyncExitStack) -> None:
    conn, _ = await stage.person(stack)
    with capture_logs() as lines:
        for ask in (conn.run, conn.start_sftp_client):
            arguments = ("id",) if ask == conn.run else ()
            with pytest.raises(asyncssh.ChannelOpenError, match="jump host, with no shell"):
                await ask(*arguments)
    assert [line["reason"] for line in lines] == ["no shell, command, subsystem or file transfer"] * 2


async def test_there_is_no_remote_forwarding(stage: JumpStage, target: TargetServer, stack: AsyncExitStack) -> None:
    conn, _ = await stage.person(stack)
    with capture_logs() as lines:
        with pytest.raises(asyncssh.ChannelListenError):
            await conn.forward_remote_port("127.0.0.1", 0, "127.0.0.1", target.port)
        with pytest.raises(asyncssh.ChannelListenError):
            await conn.forward_remote_path(str(stage.folder / "socket"), "127.0.0.1")
        with pytest.raises(asyncssh.ChannelOpenError, match="Only connections to permitted hosts"):
            await conn.open_unix_connection("/run/docker.sock")
    assert [line["asked"] for line in lines] == ["tcpip-forward", "streamlocal-forward", "direct-streamlocal"]


async def test_a_socks_proxy_reaches_what_is_permitted_alone(
    stage: JumpStage, target: TargetServer, stack: AsyncExitStack
) -> None:
    """What `-D` asks for are `direct-tcpip` channels like all others."""
    conn, _ = await stage.person(stack)
    await conn.forward_socks("127.0.0.1", 0)
    assert await echoed(conn, "127.0.0.1", target.port) == b"hello\n"
    with pytest.raises(asyncssh.ChannelOpenError):
        await conn.open_connection("10.0.0.1", 80)


async def test_open_channels_end_with_the_session(
    stage: JumpStage, target: TargetServer, stack: AsyncExitStack
) -> None:
    conn, person = await stage.person(stack)
    reader, writer = await conn.open_connection("127.0.0.1", target.port, encoding=None)
    writer.write(b"hello\n")
    assert await reader.readline() == b"hello\n"
    (session,) = await stage.sessions()
    await stage.store.sessions.end_session(session.session_id)
    await person.lost
    await eventually(lambda: target.connected == 0)


async def test_what_is_connected_to_is_not_wanted_once_the_session_is_over(
    stage: JumpStage, target: TargetServer, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn, person = await stage.person(stack)
    wanted: asyncio.Future[Callable[[], bool]] = asyncio.get_running_loop().create_future()

    async def connect(*_: object, is_wanted: Callable[[], bool]) -> str:
        wanted.set_result(is_wanted)
        await person.lost
        raise Unreachable("", "")

    monkeypatch.setattr(Connector, "connect", connect)
    opening = asyncio.create_task(conn.open_connection("127.0.0.1", target.port))
    is_wanted = await wanted
    assert is_wanted()
    (session,) = await stage.sessions()
    await stage.store.sessions.end_session(session.session_id)
    await eventually(lambda: not is_wanted())
    with pytest.raises((asyncssh.ChannelOpenError, asyncssh.DisconnectError)):
        await opening


async def test_a_channel_ends_when_its_target_is_not_permitted_any_more(
    stage: JumpStage, target: TargetServer, stack: AsyncExitStack
) -> None:
    conn, person = await stage.person(stack)
    reader, writer = await conn.open_connection("127.0.0.1", target.port, encoding=None)
    writer.write(b"hello\n")
    assert await reader.readline() == b"hello\n"
    with capture_logs() as lines:
        await stage.regroup("Wiki Users", "Others")
        assert target.connected == 1
        await stage.regroup("Others")
        await eventually(lambda: target.connected == 0)
    assert await reader.read() == b""
    assert [line["reason"] for line in lines_of(lines, "ssh.channel_ended")] == ["not permitted any more"]
    assert not person.lost.done()
    with pytest.raises(asyncssh.ChannelOpenError, match="may not open"):
        await conn.open_connection("127.0.0.1", target.port)


async def test_a_session_that_is_over_opens_nothing(
    stage: JumpStage, target: TargetServer, stack: AsyncExitStack
) -> None:
    conn, person = await stage.person(stack)
    stage.service.now += stage.service.settings.sessions.idle
    with pytest.raises((asyncssh.ChannelOpenError, asyncssh.DisconnectError)):
        await conn.open_connection("127.0.0.1", target.port)
    await person.lost
    assert target.connected == 0


async def test_what_a_client_sends_counts_as_use(stage: JumpStage, target: TargetServer, stack: AsyncExitStack) -> None:
    conn, _ = await stage.person(stack)
    reader, writer = await conn.open_connection("127.0.0.1", target.port, encoding=None)
    idle = stage.service.settings.sessions.idle
    for _ in range(3):
        stage.service.now += idle - 60
        writer.write(b"hello\n")
        await reader.readline()
        now = stage.service.now
        (session_id,) = stage.service.sessions.kept.session_ids()

        def is_used(session_id: str = session_id, now: float = now) -> bool:
            live = stage.service.sessions.kept.get(session_id)
            return live is not None and live.last_used_at == now

        await eventually(is_used)
    assert await echoed(conn, "127.0.0.1", target.port) == b"hello\n"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (DirectoryUnavailable("corp", "away"), "Sign-in is unavailable."),
        (DirectoryBusy("corp", "full"), "Very busy."),
        (ZeroDivisionError(), "Something went wrong."),
    ],
)
async def test_what_goes_wrong_on_the_way_denies(
    stage: JumpStage, stack: AsyncExitStack, error: Any, told: str
) -> None:
    stage.corp.error = error
    with capture_logs() as lines, pytest.raises(asyncssh.DisconnectError, match=told) as refused:
        await stage.person(stack)
    incident = lines[0]["incident"]
    assert refused.value.reason.endswith(f"({incident})")
    assert await stage.sessions() == []


async def test_an_audit_that_has_to_be_written_and_cannot_denies_and_ends_nothing(
    stage: JumpStage, target: TargetServer, stack: AsyncExitStack
) -> None:
    conn, _ = await stage.person(stack)
    stage.service.recorded.is_full = True
    with pytest.raises(asyncssh.DisconnectError, match="Temporarily unavailable"):
        await stage.person(stack)
    assert await echoed(conn, "127.0.0.1", target.port) == b"hello\n"
    assert [each.way for each in stage.service.recorded.of("sign_in.succeeded")] == ["ssh"]
    opened = stage.service.recorded.one("ssh.channel_opened")
    assert opened.actor is not None
    assert (opened.actor.name, opened.facts) == ("scripted", {"port": target.port})
    assert opened.personal == {"host": "127.0.0.1", "address": "127.0.0.1"}


async def test_a_store_that_is_away_denies(stage: JumpStage, target: TargetServer, stack: AsyncExitStack) -> None:
    conn, _ = await stage.person(stack)
    looks = stage.service.sessions.looks  # a worker looks ten times a second
    await looks.look()
    stage.store.away = True
    await looks.look()
    with pytest.raises(asyncssh.DisconnectError, match="Temporarily unavailable"):
        await stage.person(stack)
    await looks.look()
    assert await echoed(conn, "127.0.0.1", target.port) == b"hello\n", "in memory, and within the grace"
