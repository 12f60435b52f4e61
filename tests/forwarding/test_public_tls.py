"""TLS towards clients, on a real plane: the right certificate, fresh ones, bounded handshakes, HSTS."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from config.problems import UnusableFile
from config.settings import CertificateSettings
from proxy.audit.audited_log import event_of
from proxy.forwarding.certificate_names import choose_certificate, names_of
from proxy.forwarding.public_tls import PublicTLS, load_certificates
from tests.forwarding.stage import HOST, NOW, RecordingLog, Stage, StageMaker, get
from tests.support.eventually import eventually, settled
from tests.support.raw_http import RawClient, read_head
from tests.support.upstreams import UpstreamSide

SIGN_IN = "signin.corp.example"
PUBLIC_URL = "https://signin.corp.example"
SECURE_GET = get().replace(b"Cookie: gatepost=", b"Cookie: __Host-gatepost=")


def write_pair(folder: Path, name: str, issued: trustme.LeafCert) -> CertificateSettings:
    pair = CertificateSettings(certificate=folder / f"{name}.pem", key=folder / f"{name}.key")
    pair.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    pair.key.write_bytes(issued.private_key_pem.bytes())
    return pair


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def pairs(authority: trustme.CA, tmp_path: Path) -> tuple[CertificateSettings, ...]:
    return (
        write_pair(tmp_path, "signin", authority.issue_cert(SIGN_IN)),
        write_pair(tmp_path, "apps", authority.issue_cert("*.corp.example")),
        write_pair(tmp_path, "wiki", authority.issue_cert(HOST)),
    )


@asynccontextmanager
async def tls_client(stage: Stage, context: ssl.SSLContext, name: str | None = HOST) -> AsyncIterator[RawClient]:
    reader, writer = await asyncio.open_connection(*stage.address, ssl=context, server_hostname=name)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.transport.abort()


def names_shown(client: RawClient) -> set[str]:
    der = client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    found = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return set(found.value.get_values_for_type(x509.DNSName))


def serial_shown(client: RawClient) -> int:
    der = client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(der).serial_number


def secure(pairs: tuple[CertificateSettings, ...], **more: Any) -> dict[str, Any]:
    return {"public_url": PUBLIC_URL, "certificates": pairs, **more}


# Names.


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ("signin.corp.example", 0),
        ("SignIn.Corp.Example.", 0),
        ("wiki.corp.example", 2),
        ("other.corp.example", 1),
        ("a.other.corp.example", None),
        ("corp.example", None),
        (".corp.example", None),
        ("*.corp.example", None),
        ("", None),
        (".", None),
        ("example", None),
        ("xsignin.corp.example.evil", None),
        ("192.0.2.1", 3),
        ("192.0.2.2", None),
    ],
)
def test_a_host_gets_the_certificate_that_names_it_best(asked: str, chosen: int | None) -> None:
    certificates = [
        names_of(["signin.corp.example"]),
        names_of(["*.corp.example", "*.example", "*", "w*.corp.example", "*.*.example", "a.*.example"]),
        names_of(["wiki.corp.example"]),
        names_of([], ["192.0.2.1"]),
    ]
    assert choose_certificate(asked, certificates) == chosen


@given(st.text(max_size=30), st.lists(st.lists(st.text("ab.*", max_size=8), max_size=4), max_size=3))
def test_whatever_is_chosen_covers_what_was_asked_for(asked: str, names: list[list[str]]) -> None:
    certificates = [names_of(each) for each in names]
    position = choose_certificate(asked, certificates)
    host = asked.lower().removesuffix(".")
    if position is not None:
        assert certificates[position].cover(host)
    else:
        assert not any(each.cover(host) for each in certificates)


# The choice, on the wire.


async def test_the_certificate_follows_the_name_that_the_client_asks_for(
    staged: StageMaker, pairs: tuple[CertificateSettings, ...], trusting: ssl.SSLContext
) -> None:
    async with staged(server=secure(pairs)) as stage:
        for name, shown in [(SIGN_IN, SIGN_IN), (HOST, HOST), ("open.corp.example", "*.corp.example")]:
            async with tls_client(stage, trusting, name) as client:
                assert names_shown(client) == {shown}
                assert client.writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        trusting.check_hostname = False
        for name in (None, "127.0.0.1", "unknown.example"):
            async with tls_client(stage, trusting, name) as client:
                assert names_shown(client) == {SIGN_IN}


async def test_only_http_1_1_and_tls_1_2_and_later_are_spoken(
    staged: StageMaker, pairs: tuple[CertificateSettings, ...], trusting: ssl.SSLContext
) -> None:
    async with staged(server=secure(pairs)) as stage:
        trusting.set_alpn_protocols(["h2", "http/1.1"])
        async with tls_client(stage, trusting) as client:
            assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        trusting.maximum_version = ssl.TLSVersion.TLSv1_2
        async with tls_client(stage, trusting) as client:
            assert client.writer.get_extra_info("ssl_object").version() == "TLSv1.2"
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(OSError):  # noqa: PT011  # an alert, or a reset: either way no connection
            async with tls_client(stage, old):
                pass


async def test_a_host_that_the_certificate_asked_for_does_not_cover_is_misdirected(
    staged: StageMaker, pairs: tuple[CertificateSettings, ...], trusting: ssl.SSLContext
) -> None:
    ask = SECURE_GET.replace(HOST.encode(), b"open.corp.example")
    async with staged(server=secure(pairs)) as stage:
        async with tls_client(stage, trusting, HOST) as client:
            assert (await client.ask(SECURE_GET)).status == 200
            assert (await client.ask(ask)).status == 421
            assert (await client.ask(SECURE_GET)).status == 200
        async with tls_client(stage, trusting, "open.corp.example") as client:
            assert (await client.ask(ask)).status == 200
            assert (await client.ask(SECURE_GET)).status == 200  # the wildcard covers it
        # A client that named no host, or none that we have a certificate for, was promised nothing.
        trusting.check_hostname = False
        for name in (None, "127.0.0.1", "unknown.example"):
            async with tls_client(stage, trusting, name) as client:
                assert (await client.ask(ask)).status == 200
    assert len(stage.upstream.requests) == 7


async def test_a_trusted_proxy_vouches_for_the_host_whatever_name_it_asks_for(
    staged: StageMaker, pairs: tuple[CertificateSettings, ...], trusting: ssl.SSLContext
) -> None:
    async with (
        staged(server=secure(pairs, trusted_proxies=("127.0.0.0/8",))) as stage,
        tls_client(stage, trusting, HOST) as client,
    ):
        assert (await client.ask(SECURE_GET.replace(HOST.encode(), b"open.corp.example"))).status == 200


# Fresh certificates.


async def test_changed_files_are_taken_up_and_open_connections_stay(
    staged: StageMaker,
    pairs: tuple[CertificateSettings, ...],
    trusting: ssl.SSLContext,
    authority: trustme.CA,
    tmp_path: Path,
) -> None:
    async with staged(server=secure(pairs), certificate_poll_seconds=0.01) as stage, tls_client(stage, trusting) as old:
        assert (await old.ask(SECURE_GET)).status == 200
        renewed = authority.issue_cert(HOST)
        # The certificate is there before its key, as when two files are copied: the old pair serves on.
        key = renewed.private_key_pem.bytes()
        (tmp_path / "wiki.pem").write_bytes(renewed.cert_chain_pems[0].bytes())
        await eventually(lambda: stage.log.of("tls.certificates_kept"))
        async with tls_client(stage, trusting) as meanwhile:
            assert serial_shown(meanwhile) == serial_shown(old)
        (tmp_path / "new.key").write_bytes(key)
        (tmp_path / "new.key").rename(tmp_path / "wiki.key")
        await eventually(lambda: stage.log.of("tls.certificates_loaded"))
        async with tls_client(stage, trusting) as new:
            assert serial_shown(new) != serial_shown(old)
            assert (await new.ask(SECURE_GET)).status == 200
        assert (await old.ask(SECURE_GET)).status == 200
        (loaded,) = stage.log.of("tls.certificates_loaded")
        recorded = event_of({"event": "tls.certificates_loaded", **loaded})
        assert recorded is not None
        assert str(tmp_path / "wiki.pem") in str(recorded.facts["certificates"]).split(", ")
        (kept,) = stage.log.of("tls.certificates_kept")
        assert kept["reason"] == f"{tmp_path / 'wiki.key'}: does not belong to {tmp_path / 'wiki.pem'}"


async def test_a_broken_pair_is_told_once_and_the_old_one_serves(
    pairs: tuple[CertificateSettings, ...], tmp_path: Path
) -> None:
    log = RecordingLog()
    tls = PublicTLS(pairs, log=log, clock=lambda: NOW)  # type: ignore[arg-type]
    before = tls.context
    for text in (b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        (tmp_path / "apps.pem").write_bytes(text)
        await tls.refresh()
        await tls.refresh()
    (tmp_path / "apps.pem").unlink()
    await tls.refresh()
    await tls.refresh()
    assert tls.context is before
    assert [
        event["reason"].removeprefix(f"{tmp_path / 'apps.pem'}: ") for event in log.of("tls.certificates_kept")
    ] == [
        "is no PEM certificate",
        "is no PEM certificate",
        "is no PEM certificate",
        "cannot be read: there is no such file",
    ]


def test_a_key_that_cannot_be_used_says_why(
    authority: trustme.CA, pairs: tuple[CertificateSettings, ...], tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives import serialization

    signin = pairs[0]
    other = CertificateSettings(certificate=signin.certificate, key=pairs[1].key)
    with pytest.raises(UnusableFile, match="does not belong to"):
        load_certificates([other])
    key = serialization.load_pem_private_key(signin.key.read_bytes(), None)
    sealed = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    signin.key.write_bytes(sealed)
    with pytest.raises(UnusableFile, match="is encrypted"):
        load_certificates([signin])
    signin.key.write_bytes(b"")
    with pytest.raises(UnusableFile, match="is no PEM key"):
        load_certificates([signin])


async def test_a_certificate_that_ends_soon_is_told_once_a_day(authority: trustme.CA, tmp_path: Path) -> None:
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=30)
    pair = write_pair(tmp_path, "short", authority.issue_cert(HOST, not_after=end))
    log = RecordingLog()
    now = end.timestamp() - 15 * 86_400
    tls = PublicTLS([pair], log=log, clock=lambda: now)  # type: ignore[arg-type]
    tls.warn_of_ends(now)
    assert not log.events
    now += 86_400 + 1
    for moment in (now, now + 1, now + 86_399, now + 86_401):
        tls.warn_of_ends(moment)
    assert [event["days_left"] for event in log.of("tls.certificate_ends")] == [13, 12]


# Slow and rude clients.


async def test_a_handshake_that_does_not_end_is_ended(
    staged: StageMaker, pairs: tuple[CertificateSettings, ...]
) -> None:
    async with staged(server=secure(pairs, handshake_timeout=1.0)) as stage:
        started = asyncio.get_running_loop().time()
        async with stage.client() as silent, stage.client() as slow:
            await slow.send(b"\x16\x03\x01")
            assert await silent.is_closed()
            assert await slow.is_closed()
        assert asyncio.get_running_loop().time() - started < 5
        await eventually(lambda: stage.log.of("connections.turned_away"))
        assert stage.log.of("connections.turned_away")[0]["reason"] == "TLS: handshake not done in time"


async def test_handshakes_count_among_the_connections_of_an_address(
    staged: StageMaker, pairs: tuple[CertificateSettings, ...], trusting: ssl.SSLContext
) -> None:
    async with staged(server=secure(pairs, max_connections_per_address=2)) as stage:
        async with stage.client(), stage.client(), stage.client() as third:
            assert await third.is_closed()
        await eventually(lambda: not stage.plane.listeners.per_network)
        async with tls_client(stage, trusting) as client:
            assert (await client.ask(SECURE_GET)).status == 200


async def test_beyond_all_connections_a_client_is_told_or_closed(
    staged: StageMaker, pairs: tuple[CertificateSettings, ...]
) -> None:
    async with staged(server={"max_connections": 2}) as stage:
        async with stage.client() as first, stage.client() as second:
            assert (await first.ask(get())).status == 200
            assert (await second.ask(get())).status == 200
            async with stage.client() as third:
                answer = await third.response()
                assert answer.status == 503
                assert answer.get("retry-after") == b"5"
                assert await third.is_closed()
        await eventually(lambda: not stage.plane.open_connections)
        assert (await stage.ask(get())).status == 200
    async with staged(server=secure(pairs, max_connections=1)) as stage, stage.client(), stage.client() as second:
        assert await second.is_closed()


async def test_failed_handshakes_leave_nothing_behind(
    staged: StageMaker, pairs: tuple[CertificateSettings, ...], trusting: ssl.SSLContext
) -> None:
    async with staged(server=secure(pairs, max_connections_per_address=20)) as stage:
        for rubbish in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\0" * 300, b"") * 15:
            async with stage.client() as client:
                await client.send(rubbish)
                client.abort() if not rubbish else await client.reader.read()
        async with tls_client(stage, trusting) as client:
            assert (await client.ask(SECURE_GET)).status == 200


# HSTS.


async def test_every_answer_over_https_carries_hsts_and_an_apps_own_goes_before_it(
    staged: StageMaker, pairs: tuple[CertificateSettings, ...], trusting: ssl.SSLContext
) -> None:
    async def upstream(side: UpstreamSide) -> None:
        while True:
            request = await side.request()
            own = b"strict-transport-security: max-age=1\r\n" if b"own" in request.start else b""
            await side.send(b"HTTP/1.1 200 OK\r\n" + own + b"Content-Length: 2\r\n\r\nok")

    async with staged(upstream, server=secure(pairs)) as stage, tls_client(stage, trusting) as client:
        for raw, status in [
            (SECURE_GET, 200),
            (get(token=None), 401),
            (get(token=None, lines="Accept: text/html\r\n"), 302),
            (get("/.gatepost/sign-in", token=None), 200),
            (get(host="nowhere.example"), 421),
        ]:
            answer = await client.ask(raw)
            assert answer.status == status
            assert answer.get("strict-transport-security") == b"max-age=31536000", status
        own = await client.ask(SECURE_GET.replace(b"GET /", b"GET /own"))
        assert own.get("strict-transport-security") == b"max-age=1"
        broken = await client.ask(b"GET / HTTP/1.1\r\n\r\n")
        assert broken.status == 400
        assert broken.get("strict-transport-security") == b"max-age=31536000"
    async with staged(server=secure(pairs, hsts=0.0)) as stage, tls_client(stage, trusting) as client:
        assert (await client.ask(SECURE_GET)).get("strict-transport-security") is None


async def test_a_whole_head_comes_back_over_tls_from_one_write(
    staged: StageMaker, pairs: tuple[CertificateSettings, ...], trusting: ssl.SSLContext
) -> None:
    async with staged(server=secure(pairs)) as stage, tls_client(stage, trusting) as client:
        await client.send(SECURE_GET * 20)
        for _ in range(20):
            assert (await client.response()).body == b"ok"
        assert stage.upstream.connections == 1


async def test_a_websocket_runs_over_tls(
    staged: StageMaker, pairs: tuple[CertificateSettings, ...], trusting: ssl.SSLContext
) -> None:
    async def echo(side: UpstreamSide) -> None:
        await side.request()
        await side.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        while data := await side.reader.read(65536):
            await side.send(data)

    upgrade = SECURE_GET.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    async with staged(echo, server=secure(pairs)) as stage, tls_client(stage, trusting) as client:
        await client.send(upgrade)
        async with asyncio.timeout(10):
            assert (await read_head(client.reader)).status == 101
            for size in (1, 1000, 100_000):
                await client.send(b"\x82" * size)
                assert await client.reader.readexactly(size) == b"\x82" * size


MANY = 48 * 1024 * 1024


async def test_a_large_download_over_tls_waits_for_a_slow_reader(
    staged: StageMaker, pairs: tuple[CertificateSettings, ...], trusting: ssl.SSLContext
) -> None:
    sent = 0
    piece = bytes(range(256)) * 1024

    async def download(side: UpstreamSide) -> None:
        nonlocal sent
        await side.request()
        side.writer.transport.set_write_buffer_limits(0)
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MANY)
        while sent < MANY:
            await side.send(piece)
            sent += len(piece)

    async with staged(download, server=secure(pairs)) as stage, tls_client(stage, trusting) as client:
        async with asyncio.timeout(60):
            await client.send(SECURE_GET)
            client.writer.transport.pause_reading()
            await eventually(lambda: any(each.is_full for each in stage.plane.connections))
            assert await settled(lambda: sent) < MANY / 2
            client.writer.transport.resume_reading()
            assert (await read_head(client.reader)).status == 200
            got = 0
            while got < MANY:
                got += len(await client.reader.read(2**20))


async def test_a_large_upload_over_tls_waits_for_a_slow_upstream(
    staged: StageMaker, pairs: tuple[CertificateSettings, ...], trusting: ssl.SSLContext
) -> None:
    go_on = asyncio.Event()
    got = 0

    async def upload(side: UpstreamSide) -> None:
        nonlocal got
        await side.reader.readuntil(b"\r\n\r\n")
        await go_on.wait()
        while got < MANY:
            got += len(await side.reader.read(2**20))
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    post = SECURE_GET.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % MANY)
    sent = 0

    async with staged(upload, server=secure(pairs)) as stage, tls_client(stage, trusting) as client:
        client.writer.transport.set_write_buffer_limits(2**16)

        async def send() -> None:
            nonlocal sent
            await client.send(post)
            while sent < MANY:
                await client.send(bytes(2**18))
                sent += 2**18

        sending = asyncio.create_task(send())
        async with asyncio.timeout(60):
            await eventually(lambda: any(not each.transport.is_reading() for each in stage.plane.connections))
            assert await settled(lambda: sent) < MANY / 2
            go_on.set()
            await sending
            assert (await client.response()).status == 200
        assert got == MANY


async def test_a_refused_upload_over_tls_still_gets_its_answer(
    staged: StageMaker, pairs: tuple[CertificateSettings, ...], trusting: ssl.SSLContext
) -> None:
    post = get(method="POST", token=None, lines="Content-Length: 5000000\r\n")
    async with staged(server=secure(pairs)) as stage, tls_client(stage, trusting) as client:
        client.writer.write(post + bytes(4_000_000))
        assert (await client.response()).status == 401


async def test_a_refused_upload_is_read_to_its_end_over_tls_too(
    staged: StageMaker, pairs: tuple[CertificateSettings, ...], trusting: ssl.SSLContext
) -> None:
    """TLS has no half-closed connections: one that is closed at once takes the answer with it."""
    async with staged(server=secure(pairs)) as stage, tls_client(stage, trusting) as client:
        body = bytes(3_000_000)
        lines = "Content-Type: multipart/form-data; boundary=x\r\nAccept: text/html\r\n"
        head = get("/save", token=None, method="POST", lines=lines + f"Content-Length: {len(body)}\r\n")
        await client.send(head + body[:100_000])
        assert (await client.response(b"POST")).status == 401
        for start in range(100_000, len(body), 100_000):
            await client.send(body[start : start + 100_000])
        (connection,) = stage.plane.connections
        await eventually(
            lambda: (
                connection.lingering
                and (connection.lingering.discarded or connection.deadline > stage.plane.context.moment.now + 5)
            )
        )
        assert not connection.transport.is_closing()
