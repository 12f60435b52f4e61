"""TLS to upstreams is verified, name and date and authority; a client certificate is shown where one is set."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from config.named_files import app_file_problems
from config.problems import UnusableFile
from config.settings import AppSettings
from proxy.upstreams.upstream import app_upstream
from tests.forwarding.stage import Stage, StageMaker, get
from tests.support.eventually import eventually
from tests.support.upstreams import OK, RecordingUpstream, UpstreamSide, recording_upstream

NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


def context_of(certificate: trustme.LeafCert, *, clients: trustme.CA | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    if clients is not None:
        clients.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@asynccontextmanager
async def secured(
    staged: StageMaker, context: ssl.SSLContext, *, host: str = "127.0.0.1", **app: Any
) -> AsyncIterator[tuple[Stage, RecordingUpstream]]:
    async with recording_upstream(tls=context) as upstream:
        url = f"https://{host}:{upstream.address[1]}"
        async with staged(app={"upstream": url, **app}) as stage:
            yield stage, upstream


async def refused(staged: StageMaker, context: ssl.SSLContext, **app: Any) -> str:
    """The reason in the log, of a 502."""
    async with secured(staged, context, **app) as (stage, upstream):
        assert (await stage.ask(get())).status == 502
        assert not upstream.requests
        (event,) = stage.log.of("request.refused")
        return str(event["reason"])


async def test_a_certificate_of_the_apps_own_authority_is_accepted(
    staged: StageMaker, authority: trustme.CA, ca_file: Path
) -> None:
    async with secured(staged, context_of(authority.issue_cert("127.0.0.1")), ca_file=ca_file) as (stage, upstream):
        async with stage.client() as client:
            for _ in range(3):
                assert (await client.ask(get())).body == b"ok"
        assert upstream.connections == 1


async def test_a_wrong_name_is_refused(staged: StageMaker, authority: trustme.CA, ca_file: Path) -> None:
    reason = await refused(staged, context_of(authority.issue_cert("other.example")), ca_file=ca_file)
    assert "its certificate is not accepted" in reason
    assert "127.0.0.1" in reason


async def test_the_name_asked_for_and_expected_can_be_set(
    staged: StageMaker, authority: trustme.CA, ca_file: Path
) -> None:
    context = context_of(authority.issue_cert("wiki.internal"))
    asked: list[str | None] = []
    context.sni_callback = lambda _, name, __: asked.append(name)
    async with secured(staged, context, ca_file=ca_file, server_name="wiki.internal") as (stage, _):
        assert (await stage.ask(get())).status == 200
    assert asked == ["wiki.internal"]


async def test_the_upstreams_name_is_asked_for_and_not_the_apps_host(
    staged: StageMaker, authority: trustme.CA, ca_file: Path
) -> None:
    context = context_of(authority.issue_cert("localhost"))
    asked: list[str | None] = []
    context.sni_callback = lambda _, name, __: asked.append(name)
    async with secured(staged, context, host="localhost", ca_file=ca_file) as (stage, upstream):
        assert (await stage.ask(get())).status == 200
        assert upstream.requests[0].get("host") == b"wiki.corp.example"
    assert asked == ["localhost"]


async def test_a_strangers_authority_is_refused(staged: StageMaker, authority: trustme.CA, ca_file: Path) -> None:
    stranger = context_of(trustme.CA().issue_cert("127.0.0.1"))
    assert "its certificate is not accepted" in await refused(staged, stranger, ca_file=ca_file)
    assert "its certificate is not accepted" in await refused(staged, stranger)


async def test_an_expired_certificate_is_refused(staged: StageMaker, authority: trustme.CA, ca_file: Path) -> None:
    expired = authority.issue_cert(
        "127.0.0.1",
        not_before=NOW - datetime.timedelta(days=2),
        not_after=NOW - datetime.timedelta(days=1),
    )
    assert "has expired" in await refused(staged, context_of(expired), ca_file=ca_file)


async def test_a_server_without_tls_is_refused(staged: StageMaker, ca_file: Path) -> None:
    async def no_tls(side: UpstreamSide) -> None:
        await side.reader.read(1)
        await side.send(OK)

    async with recording_upstream(no_tls) as upstream:
        url = upstream.url.replace("http", "https")
        async with staged(app={"upstream": url, "ca_file": ca_file}) as stage:
            assert (await stage.ask(get())).status == 502
            assert stage.log.of("request.refused")[0]["reason"] == f"{url}: it does not speak TLS on this port"


async def test_old_versions_of_tls_are_refused(staged: StageMaker, authority: trustme.CA, ca_file: Path) -> None:
    app = AppSettings(name="A", host="a.example", upstream="https://a", ca_file=ca_file)
    context = app_upstream(app).tls
    assert context is not None
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def write_client(folder: Path, issued: trustme.LeafCert) -> dict[str, Path]:
    issued.cert_chain_pems[0].write_to_path(folder / "client.pem")
    issued.private_key_pem.write_to_path(folder / "client.key")
    return {"client_certificate": folder / "client.pem", "client_key": folder / "client.key"}


async def test_a_client_certificate_is_shown(
    staged: StageMaker, authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    context = context_of(authority.issue_cert("127.0.0.1"), clients=authority)
    files = write_client(tmp_path, authority.issue_cert("gatepost@corp.example"))
    async with secured(staged, context, ca_file=ca_file, **files) as (stage, _):
        assert (await stage.ask(get())).status == 200


async def test_without_the_client_certificate_that_is_asked_for_the_app_is_not_reached(
    staged: StageMaker, authority: trustme.CA, ca_file: Path
) -> None:
    context = context_of(authority.issue_cert("127.0.0.1"), clients=authority)
    async with secured(staged, context, ca_file=ca_file) as (stage, upstream):
        assert (await stage.ask(get())).status == 502
        assert not upstream.requests


def test_files_without_certificates_are_told_by_their_key(authority: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
    def key_of(**files: Path) -> str:
        app = AppSettings(name="A", host="a.example", upstream="https://a", **files)
        with pytest.raises(UnusableFile):
            app_upstream(app)
        [(place, _)] = app_file_problems(0, app)
        return place.key

    empty = tmp_path / "empty"
    empty.write_text("")
    one, other = authority.issue_cert("a"), authority.issue_cert("b")
    files = write_client(tmp_path, one)
    assert key_of(ca_file=empty) == "ca_file"
    assert key_of(client_certificate=files["client_certificate"], client_key=empty) == "client_certificate"
    other.private_key_pem.write_to_path(files["client_key"])
    assert key_of(**files) == "client_certificate"


async def test_a_websocket_passes_through_tls(staged: StageMaker, authority: trustme.CA, ca_file: Path) -> None:
    async def echo(side: UpstreamSide) -> None:
        await side.request()
        await side.send(b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
        while data := await side.reader.read(100):
            await side.send(data)

    context = context_of(authority.issue_cert("127.0.0.1"))
    async with recording_upstream(echo, tls=context) as upstream:
        url = upstream.url.replace("http", "https")
        async with staged(app={"upstream": url, "ca_file": ca_file}) as stage:
            async with stage.client() as client:
                assert (await client.ask(get(lines="Upgrade: x\r\nConnection: upgrade\r\n"))).status == 101
                await client.send(b"hello")
                assert await client.reader.readexactly(5) == b"hello"
            await eventually(lambda: not stage.plane.tunnels)
            assert stage.plane.context.pools["Wiki"].servers[0].in_flight == 0


async def test_a_unix_socket_is_an_upstream_like_any_other(staged: StageMaker, tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    async with recording_upstream(path=str(path)) as upstream:
        options = {"upstream": f"unix:{path}", "preserve_host": False}
        async with staged(app=options) as stage, stage.client() as client:
            for _ in range(2):
                assert (await client.ask(get())).body == b"ok"
        assert upstream.connections == 1
        assert upstream.requests[0].get("host") == b"localhost"


async def test_a_unix_socket_that_is_not_there_is_told(staged: StageMaker, tmp_path: Path) -> None:
    async with staged(app={"upstream": f"unix:{tmp_path}/none.sock"}) as stage:
        assert (await stage.ask(get())).status == 502
        assert "none.sock: no such file or directory" in stage.log.of("request.refused")[0]["reason"]
