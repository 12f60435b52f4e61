"""Lines to a syslog server over TLS: framed as RFC 5425 says, and none is lost while it is away, up to a bound."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from config.addresses import SyslogURL
from config.certificates import client_context
from config.settings import AuditSettings
from proxy.audit.anchors import by_name, public_keys
from proxy.audit.event import AuditEvent
from proxy.audit.lines import ChainEnd, line_of
from proxy.audit.syslog import SyslogLimits, SyslogOutlet, framed
from proxy.audit.verifying import judged, lines_within
from proxy.commands.check_audit import check_audit
from tests.audit.engine import Engine, signed_in
from tests.support.eventually import eventually
from tests.support.gatepost import free_port
from tests.support.people import NOW
from tests.support.rsyslog import is_there, running_rsyslog

QUICK = SyslogLimits(retry_seconds=0.05)


def lines(count: int, *, first: int = 0) -> list[bytes]:
    end, made = ChainEnd(chain="node-1", seq=first), []
    for _ in range(count):
        made.append(line_of(end, AuditEvent(event="sign_in.succeeded"), {}, time=NOW))
        end = end.after(made[-1])
    return made


def test_a_line_is_a_message_that_is_counted_by_its_octets() -> None:
    (line,) = lines(1)
    count, _, message = framed(line, host="node").partition(b" ")
    assert int(count) == len(message)
    head = b"<85>1 2027-01-15T08:00:00.000000Z node gatepost - sign_in.succeeded - "
    assert message == head + line
    assert b" - - - nonsense" in framed(b"nonsense", host="node")


class Server:
    """A syslog server over TLS that reads, or does not."""

    def __init__(self, folder: Path, *, name: str = "127.0.0.1") -> None:
        authority = trustme.CA()
        self.authority = folder / "authority.pem"
        authority.cert_pem.write_to_path(self.authority)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self.context)
        self.port = free_port()
        self.reads = True
        self.text = b""
        self.connections: list[asyncio.StreamWriter] = []

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections.append(writer)
            if not self.reads:
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                return
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):  # at the end of the test
                while chunk := await reader.read(65_536):
                    self.text += chunk
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", self.port, ssl=self.context, limit=1024)
        try:
            yield
        finally:
            server.close()
            self.cut_off()

    def cut_off(self) -> None:
        for each in self.connections:
            each.transport.abort()
        self.connections = []

    @property
    def numbers(self) -> list[int]:
        return [int(each) for each in re.findall(rb'"seq":(\d+)', self.text)]


@contextlib.asynccontextmanager
async def sending(
    engine: Engine, port: int, authority: Path, limits: SyslogLimits = QUICK
) -> AsyncIterator[tuple[SyslogOutlet, list[int]]]:
    gaps: list[int] = []
    outlet = SyslogOutlet(
        "127.0.0.1", port, tls=client_context(authority), log=engine.log, told_gap=gaps.append, limits=limits
    )
    task = asyncio.create_task(outlet.run())
    yield outlet, gaps
    task.cancel()
    await asyncio.wait({task})


async def test_what_waits_goes_out_when_the_server_is_there(engine: Engine, tmp_path: Path) -> None:
    server = Server(tmp_path)
    async with sending(engine, server.port, server.authority) as (outlet, gaps):
        outlet.put(lines(3))
        await eventually(lambda: outlet.trouble)
        async with server.serving():
            await eventually(lambda: server.numbers == [1, 2, 3])
            assert outlet.trouble is None
    assert gaps == []
    assert [each["event"] for each in engine.capture.entries] == ["audit.syslog_away", "audit.syslog_works"]


async def test_what_a_server_did_not_read_before_it_went_is_sent_again(engine: Engine, tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.reads = False
    async with sending(engine, server.port, server.authority) as (outlet, _), server.serving():
        outlet.put(lines(50))
        await eventually(lambda: outlet.waiting == 0 and server.connections)
        server.reads = True
        server.cut_off()
        await eventually(lambda: server.numbers == [*range(1, 51)])


async def test_what_is_beyond_the_bound_is_told(engine: Engine, tmp_path: Path) -> None:
    server = Server(tmp_path)
    limits = SyslogLimits(retry_seconds=0.05, most_waiting=5)
    async with sending(engine, server.port, server.authority, limits) as (outlet, gaps):
        outlet.put(lines(8))
        await eventually(lambda: outlet.trouble)
        async with server.serving():
            await eventually(lambda: gaps == [3] and server.numbers == [4, 5, 6, 7, 8])


async def test_nothing_goes_to_a_server_that_cannot_prove_who_it_is(engine: Engine, tmp_path: Path) -> None:
    server = Server(tmp_path, name="somebody.else.example")
    async with server.serving(), sending(engine, server.port, server.authority) as (outlet, _):
        outlet.put(lines(1))
        await eventually(lambda: outlet.trouble)
        assert "certificate" in str(outlet.trouble)
        assert server.text == b""


async def test_an_unknown_authority_is_told_with_the_key_that_names_it(engine: Engine, tmp_path: Path) -> None:
    server = Server(tmp_path)
    trustme.CA().cert_pem.write_to_path(tmp_path / "another.pem")
    url = SyslogURL("127.0.0.1", server.port)
    async with server.serving(), sending(engine, server.port, tmp_path / "another.pem") as (outlet, _):
        outlet.put(lines(1))
        await eventually(lambda: outlet.trouble)
        checked = await check_audit(AuditSettings(syslog=url, syslog_ca_file=tmp_path / "another.pem"))
    for told in (outlet.trouble, checked[0].detail):
        assert str(told).endswith("name the file of the authority that signed it as syslog_ca_file")


async def test_the_check_says_whether_the_audit_can_be_written(engine: Engine, tmp_path: Path) -> None:
    server, wrong = Server(tmp_path), tmp_path / "gone" / "audit" / "gatepost.jsonl"
    url, authority = SyslogURL("127.0.0.1", server.port), server.authority
    async with server.serving():
        good = await check_audit(AuditSettings(file=engine.base, syslog=url, syslog_ca_file=authority))
    bad = await check_audit(AuditSettings(file=wrong, syslog=url, syslog_ca_file=authority))
    assert [each.ok for each in good] == [True, True]
    assert not engine.base.parent.exists()
    assert [each.detail for each in bad] == [f"{tmp_path / 'gone'} is no folder", "connection refused"]
    assert await check_audit(AuditSettings()) == []


@pytest.mark.skipif(not is_there(), reason="needs rsyslogd with rsyslog-openssl")
async def test_rsyslog_gets_each_line_although_it_was_away_and_its_anchors_show_a_cut_tail(
    engine: Engine, tmp_path: Path
) -> None:
    with running_rsyslog(tmp_path / "rsyslog") as server:
        await eventually(lambda: server.listens)

        def held() -> set[bytes]:
            text = server.messages.read_bytes() if server.messages.exists() else b""
            return {line.digest.encode() for line in lines_within(text.split(b"\n"))}

        async with (
            sending(engine, server.port, server.authority) as (outlet, gaps),
            engine.recording(outlet) as recorder,
        ):
            for _ in range(20):
                recorder.record(signed_in())
            await recorder.flushed()
            await eventually(lambda: len(held()) == 21)
            server.stop()
            await eventually(lambda: outlet.trouble)
            for _ in range(20):
                recorder.record(signed_in())
            await recorder.flushed()
            server.start()
            await eventually(lambda: len(held()) == 41, seconds=30)
            engine.now += 3600
            recorder.record(signed_in())
            await recorder.flushed()
            await eventually(lambda: len(held()) == 43)
        assert gaps == []
    signers = by_name(public_keys(engine.keys))
    (file,) = engine.files
    whole = file.read_bytes().splitlines(keepends=True)
    assert judged([file], signers, outside=[server.messages]).wrong() == []
    file.write_bytes(b"".join(whole[:30]))
    assert judged([file], signers).wrong() == []
    (wrong,) = judged([file], signers, outside=[server.messages]).wrong()
    assert (wrong.place.number, "was cut off after this line" in wrong.what) == (30, True)
    file.unlink()
    (wrong,) = judged([], signers, outside=[server.messages]).wrong()
    assert "it was removed" in wrong.what
