"""Plain http is redirected to https for hosts of ours, and nothing else; also where a proxy in front takes TLS off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from config.addresses import ListenAddress
from tests.forwarding.stage import HOST, Stage, StageMaker, get
from tests.support.raw_http import raw_client

PUBLIC_URL = "https://signin.corp.example"
ANYWHERE = ListenAddress("127.0.0.1", 0)
SECURE_GET = get().replace(b"Cookie: gatepost=", b"Cookie: __Host-gatepost=")
SECURITY = "strict-transport-security"


@pytest.fixture
async def stage(staged: StageMaker) -> AsyncIterator[Stage]:
    async with staged(server={"public_url": PUBLIC_URL, "redirect_listen": (ANYWHERE,)}) as made:
        yield made


async def ask_plainly(stage: Stage, raw: bytes, method: bytes = b"GET") -> Any:
    (address,) = stage.redirects
    async with raw_client(address) as client:
        answer = await client.ask(raw, method)
        assert await client.is_closed()
        return answer


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "target", ["/", "/a%2Fb/%7Eu?x=%0d%0aA:b&y=//z", "//evil.example/", "/\\evil.example", "/.gatepost/me"]
)
async def test_the_same_request_is_asked_for_over_https(stage: Stage, method: str, target: str) -> None:
    answer = await ask_plainly(stage, get(target, method=method, host=HOST.upper() + ".:80"), method.encode())
    assert answer.status == 308
    assert answer.get("location") == f"https://{HOST}{target}".encode()
    assert answer.get(SECURITY) is None  # RFC 6797 section 7.2: never over plain http


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (get(host="nowhere.example"), 421),
        (get(host="127.0.0.1"), 421),
        (get("http://nowhere.example/", host="nowhere.example"), 421),
        (b"OPTIONS * HTTP/1.1\r\nHost: wiki.corp.example\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: wiki.corp.example\r\nHost: wiki.corp.example\r\n\r\n", 400),
        (b"CONNECT wiki.corp.example:443 HTTP/1.1\r\nHost: wiki.corp.example\r\n\r\n", 501),
    ],
)
async def test_nobody_is_sent_to_a_host_that_is_not_ours(stage: Stage, raw: bytes, status: int) -> None:
    answer = await ask_plainly(stage, raw)
    assert answer.status == status
    assert answer.get("location") is None


async def test_a_port_that_is_not_the_usual_one_is_kept(staged: StageMaker) -> None:
    server = {"public_url": "https://signin.corp.example:8443", "redirect_listen": (ANYWHERE,)}
    async with staged(server=server) as stage:
        answer = await ask_plainly(stage, get("/x"))
        assert answer.get("location") == b"https://wiki.corp.example:8443/x"


async def test_nothing_is_ever_forwarded_from_plain_http(stage: Stage) -> None:
    (address,) = stage.redirects
    post = SECURE_GET.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nContent-Length: 4\r\n\r\nbody")
    for raw in (SECURE_GET * 3, post + SECURE_GET, get("/.gatepost/sign-in", host="signin.corp.example")):
        async with raw_client(address) as client:
            assert (await client.ask(raw)).status == 308
            assert await client.is_closed()
    assert not stage.upstream.requests
    assert not stage.portal.requests


async def test_what_forwarded_headers_say_changes_nothing_there(staged: StageMaker) -> None:
    server = {"public_url": PUBLIC_URL, "redirect_listen": (ANYWHERE,), "trusted_proxies": ("127.0.0.0/8",)}
    async with staged(server=server) as stage:
        raw = SECURE_GET.replace(b"\r\n\r\n", b"\r\nX-Forwarded-Proto: https\r\n\r\n")
        assert (await ask_plainly(stage, raw)).status == 308
    assert not stage.upstream.requests


# Behind a proxy that takes TLS off.


BEHIND = {"public_url": PUBLIC_URL, "trusted_proxies": ("127.0.0.0/8",)}


def forwarded(proto: str, *, token: bool = True, lines: str = "", method: str = "GET") -> bytes:
    raw = get("/page?x", lines=f"X-Forwarded-Proto: {proto}\r\nX-Forwarded-For: 192.0.2.9\r\n{lines}", method=method)
    return raw.replace(b"Cookie: gatepost=", b"Cookie: __Host-gatepost=" if token else b"X-Other: ")


async def test_https_told_by_a_trusted_proxy_is_https(staged: StageMaker) -> None:
    async with staged(server=BEHIND) as stage, stage.client() as client:
        answer = await client.ask(forwarded("https"))
        assert answer.status == 200
        assert answer.get(SECURITY) == b"max-age=31536000"
        (request,) = stage.upstream.requests
        assert request.get("x-forwarded-proto") == b"https"
        assert request.get("x-forwarded-for") == b"192.0.2.9, 127.0.0.1"
        answer = await client.ask(forwarded("https", token=False, lines="Accept: text/html\r\n"))
        assert answer.status == 302
        assert (answer.get("location") or b"").startswith(
            b"https://signin.corp.example/.gatepost/sign-in?return_to=https%3A%2F%2Fwiki.corp.example%2Fpage%3Fx&"
        )
        cookie = answer.get("set-cookie") or b""
        assert cookie.startswith(b"__Host-gatepost-browser=")
        assert b"; Secure" in cookie


async def test_http_told_by_a_trusted_proxy_is_sent_to_https(staged: StageMaker) -> None:
    async with staged(server=BEHIND) as stage:
        for method in ("GET", "POST"):
            answer = await stage.ask(forwarded("http", method=method))
            assert answer.status == 308
            assert answer.get("location") == b"https://wiki.corp.example/page?x"
            assert answer.get(SECURITY) is None
        assert not stage.upstream.requests


async def test_one_connection_of_a_proxy_carries_both_kinds_of_client(staged: StageMaker) -> None:
    async with staged(server=BEHIND) as stage, stage.client() as client:
        assert (await client.ask(forwarded("https"))).get(SECURITY)
        answer = await client.ask(forwarded("http"))
        assert (answer.status, answer.get(SECURITY)) == (308, None)


async def test_a_stranger_cannot_say_that_it_speaks_https(staged: StageMaker) -> None:
    async with staged(server={"public_url": PUBLIC_URL}) as stage:
        answer = await stage.ask(forwarded("https"))
        assert answer.status == 200
        assert answer.get(SECURITY) is None
        assert stage.upstream.requests[0].get("x-forwarded-proto") == b"http"
        assert stage.upstream.requests[0].get("x-forwarded-for") == b"127.0.0.1"


async def test_every_address_of_the_machine_is_ipv4_too(staged: StageMaker) -> None:
    server = {"public_url": PUBLIC_URL, "redirect_listen": (ListenAddress("::", 0),)}
    async with staged(server=server) as stage:
        ((_, port),) = stage.redirects
        for host in ("127.0.0.1", "::1"):
            async with raw_client((host, port)) as client:
                assert (await client.ask(get())).status == 308
