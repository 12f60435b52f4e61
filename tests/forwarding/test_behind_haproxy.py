"""The PROXY protocol on the wire: from a real haproxy, and from those who are none."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from config.addresses import ListenAddress
from config.settings import CertificateSettings
from tests.forwarding.stage import HOST, Stage, StageMaker, get
from tests.support.gatepost import free_port
from tests.support.raw_http import RawClient

HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
PROXY = "127.0.0.1"
CLIENT = "127.0.0.9"
V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"

BEHIND = {"proxy_protocol": True, "trusted_proxies": (f"{PROXY}/32",)}
SECURE_GET = get().replace(b"Cookie: gatepost=", b"Cookie: __Host-gatepost=")
PUBLIC_URL = "https://signin.corp.example"


@pytest.fixture
def haproxy() -> str:
    if HAPROXY is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("haproxy is not installed: apt-get install haproxy")
    return HAPROXY


@asynccontextmanager
async def running_haproxy(program: str, folder: Path, stage: Stage, *, bind: str = "", server: str) -> Any:
    """haproxy in TCP mode in front of the stage; yields the address that it listens on."""
    port = free_port()
    host, to = stage.address
    (folder / "haproxy.cfg").write_text(
        f"""
global
    maxconn 100
defaults
    mode tcp
    timeout connect 5s
    timeout client 10s
    timeout server 10s
listen front
    bind {PROXY}:{port} {bind}
    server gatepost {host}:{to} {server}
"""
    )
    process = await asyncio.create_subprocess_exec(program, "-db", "-q", "-f", str(folder / "haproxy.cfg"))
    try:
        async with asyncio.timeout(10):
            while True:
                try:
                    _, writer = await asyncio.open_connection(PROXY, port)
                    writer.transport.abort()
                    break
                except ConnectionRefusedError:
                    assert process.returncode is None, "haproxy did not start"
                    await asyncio.sleep(0.02)
        yield PROXY, port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def client_of(
    address: tuple[str, int], *, source: str = CLIENT, tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawClient]:
    reader, writer = await asyncio.open_connection(
        *address, local_addr=(source, 0), ssl=tls, server_hostname=HOST if tls else None
    )
    try:
        yield RawClient(reader, writer)
    finally:
        writer.transport.abort()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def pair(authority: trustme.CA, tmp_path: Path) -> CertificateSettings:
    issued = authority.issue_cert(HOST)
    pair = CertificateSettings(certificate=tmp_path / "both.pem", key=tmp_path / "both.pem")
    issued.private_key_and_cert_chain_pem.write_to_path(str(pair.certificate))
    return pair


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


# Through haproxy.


@pytest.mark.parametrize("sends", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
async def test_the_clients_own_address_comes_through_haproxy(
    staged: StageMaker, haproxy: str, tmp_path: Path, sends: str
) -> None:
    spoofed = get(lines="X-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Proto: https\r\n")
    async with (
        staged(server=BEHIND) as stage,
        running_haproxy(haproxy, tmp_path, stage, server=sends) as address,
        client_of(address) as client,
    ):
        for _ in range(2):
            assert (await client.ask(spoofed)).status == 200
    for request in stage.upstream.requests:
        assert request.get("x-forwarded-for") == CLIENT.encode()
        assert request.get("x-forwarded-proto") == b"http"


@pytest.mark.parametrize("sends", ["send-proxy", "send-proxy-v2"])
async def test_the_header_comes_before_tls(
    staged: StageMaker,
    haproxy: str,
    tmp_path: Path,
    sends: str,
    pair: CertificateSettings,
    trusting: ssl.SSLContext,
) -> None:
    server = {**BEHIND, "public_url": PUBLIC_URL, "certificates": (pair,)}
    async with (
        staged(server=server) as stage,
        running_haproxy(haproxy, tmp_path, stage, server=sends) as address,
        client_of(address, tls=trusting) as client,
    ):
        answer = await client.ask(SECURE_GET)
        assert answer.status == 200
        assert answer.get("strict-transport-security") is not None
    assert stage.upstream.requests[-1].get("x-forwarded-for") == CLIENT.encode()
    assert stage.upstream.requests[-1].get("x-forwarded-proto") == b"https"


async def test_tls_that_haproxy_took_off_still_is_https(
    staged: StageMaker, haproxy: str, tmp_path: Path, pair: CertificateSettings, trusting: ssl.SSLContext
) -> None:
    server = {**BEHIND, "public_url": PUBLIC_URL}
    async with (
        staged(server=server) as stage,
        running_haproxy(
            haproxy, tmp_path, stage, bind=f"ssl crt {pair.certificate}", server="send-proxy-v2-ssl"
        ) as address,
        client_of(address, tls=trusting) as client,
    ):
        answer = await client.ask(SECURE_GET)
        assert answer.status == 200
        assert answer.get("strict-transport-security") is not None
        assert stage.upstream.requests[-1].get("x-forwarded-proto") == b"https"


async def test_limits_count_the_clients_not_the_proxy(staged: StageMaker, haproxy: str, tmp_path: Path) -> None:
    server = {**BEHIND, "max_connections_per_address": 1}
    async with (
        staged(server=server) as stage,
        running_haproxy(haproxy, tmp_path, stage, server="send-proxy-v2") as address,
        client_of(address) as first,
    ):
        assert (await first.ask(get())).status == 200
        async with client_of(address) as second:
            assert (await second.response()).status == 503
        async with client_of(address, source="127.0.0.10") as other:
            assert (await other.ask(get())).status == 200


# Not through haproxy.


@pytest.mark.parametrize(
    "raw",
    [
        get(),
        b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\n" + get(),
        b"PROXY TCP4 192.0.2.700 198.51.100.1 40000 443\r\n" + get(),
        b"PROXY " + b"A" * 200,
        SIGNATURE + b"\x21\x11\xff\xff" + bytes(100),
        b"\x16\x03\x01\x02\x00",
    ],
)
async def test_whatever_is_no_header_closes_the_connection(staged: StageMaker, raw: bytes) -> None:
    async with staged(server=BEHIND) as stage, client_of(stage.address, source=PROXY) as client:
        await client.send(raw)
        assert await client.is_closed()
    assert not stage.upstream.requests


async def test_a_header_that_does_not_come_in_time_closes_the_connection(staged: StageMaker) -> None:
    async with (
        staged(server={**BEHIND, "handshake_timeout": 1.0}) as stage,
        client_of(stage.address, source=PROXY) as silent,
        client_of(stage.address, source=PROXY) as slow,
    ):
        await slow.send(V1[:10])
        assert await silent.is_closed()
        assert await slow.is_closed()


async def test_a_header_in_pieces_is_read_and_nothing_of_what_follows_is_lost(staged: StageMaker) -> None:
    async with staged(server=BEHIND) as stage:
        for header in (V1, SIGNATURE + b"\x21\x11\x00\x0c" + bytes((192, 0, 2, 7, 198, 51, 100, 1, 1, 2, 3, 4))):
            async with client_of(stage.address, source=PROXY) as client:
                for position in range(len(header) - 1):
                    await client.send(header[position : position + 1])
                    await asyncio.sleep(0)  # so that it is read alone
                assert (await client.ask(header[-1:] + get())).status == 200
    assert [request.get("x-forwarded-for") for request in stage.upstream.requests] == [b"192.0.2.7"] * 2


async def test_a_stranger_may_send_no_header(staged: StageMaker) -> None:
    async with staged(server=BEHIND) as stage, client_of(stage.address) as client:
        await client.send(V1 + get())
        assert await client.is_closed()
    assert not stage.upstream.requests


async def test_a_health_check_speaks_for_itself_and_for_nobody_else(staged: StageMaker) -> None:
    async with staged(server=BEHIND) as stage:
        for header in (LOCAL, b"PROXY UNKNOWN\r\n"):
            async with client_of(stage.address, source=PROXY) as client:
                raw = get(lines="X-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Proto: https\r\n")
                assert (await client.ask(header + raw)).status == 200
    for request in stage.upstream.requests:
        assert request.get("x-forwarded-for") == PROXY.encode()
        assert request.get("x-forwarded-proto") == b"http"


async def test_without_the_setting_a_header_is_no_request(staged: StageMaker) -> None:
    async with staged(server={"trusted_proxies": (f"{PROXY}/32",)}) as stage:
        assert (await stage.ask(V1 + get())).status == 400
    assert not stage.upstream.requests


async def test_redirects_take_the_header_too(staged: StageMaker) -> None:
    server = {**BEHIND, "public_url": PUBLIC_URL, "redirect_listen": (ListenAddress(PROXY, 0),)}
    async with staged(server=server) as stage, client_of(stage.redirects[0], source=PROXY) as client:
        assert (await client.ask(V1 + get())).status == 308
