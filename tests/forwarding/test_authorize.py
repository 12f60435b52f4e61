"""What nginx, Traefik, Caddy and Envoy are answered at `/.gatepost/authorize`, and who is not believed."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.forwarding.stage import (
    ALICE_TOKEN,
    BOB_TOKEN,
    HALF_TOKEN,
    HOST,
    STORE_DOWN_TOKEN,
    Stage,
    StageMaker,
)
from tests.support.raw_http import Message

TRUSTED = {"trusted_proxies": ("127.0.0.0/8",)}
PAGE = "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"
IDENTITY = ("Remote-User", "Remote-Name", "Remote-Email", "Remote-Groups", "Remote-Realm", "X-Gatepost-Assertion")


@pytest.fixture
async def asked(staged: StageMaker) -> AsyncIterator[Stage]:
    """A plane that trusts its peer."""
    async with staged(server=TRUSTED) as stage:
        yield stage


def ask(
    *lines: str,
    host: str = "gatepost.internal:8080",
    target: str = "/.gatepost/authorize",
    method: str = "GET",
    token: bytes | None = ALICE_TOKEN,
    more: str = "",
) -> bytes:
    cookie = f"Cookie: gatepost={token.decode()}\r\n" if token else ""
    fields = "".join(line + "\r\n" for line in lines)
    return f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{fields}{more}{cookie}\r\n".encode("latin-1")


def nginx(uri: str = "/", method: str = "GET", host: str = HOST, **options: Any) -> bytes:
    return ask(f"X-Original-URL: http://{host}{uri}", f"X-Original-Method: {method}", host=host, **options)


def traefik(uri: str = "/", method: str = "GET", host: str = HOST, **options: Any) -> bytes:
    return ask(
        f"X-Forwarded-Method: {method}",
        "X-Forwarded-Proto: http",
        f"X-Forwarded-Host: {host}",
        f"X-Forwarded-Uri: {uri}",
        **options,
    )


def caddy(uri: str = "/", method: str = "GET", host: str = HOST, **options: Any) -> bytes:
    return ask(
        "X-Forwarded-For: 192.0.2.1",
        "X-Forwarded-Proto: http",
        f"X-Forwarded-Host: {host}",
        f"X-Forwarded-Method: {method}",
        f"X-Forwarded-Uri: {uri}",
        host=host,
        **options,
    )


def envoy(uri: str = "/", method: str = "GET", host: str = HOST, **options: Any) -> bytes:
    return ask("Content-Length: 0", host=host, target="/.gatepost/authorize" + uri, method=method, **options)


EACH = pytest.mark.parametrize("proxy", [nginx, traefik, caddy, envoy])
PASSING = pytest.mark.parametrize("proxy", [traefik, caddy, envoy])


def identity(response: Message) -> dict[str, str]:
    return {name: (response.get(name) or b"").decode() for name in IDENTITY}


@EACH
async def test_a_signed_in_person_is_described_to_the_asking_proxy(asked: Stage, proxy: Any) -> None:
    for _ in range(2):  # found in the store, then in memory
        response = await asked.ask(proxy("/a%2Fb?x=1"))
        assert response.status == 200
        assert identity(response) == {
            "Remote-User": "alice",
            "Remote-Name": "Alice",
            "Remote-Email": "",
            "Remote-Groups": "Wiki Users",
            "Remote-Realm": "corp",
            "X-Gatepost-Assertion": "assertion-alice-Wiki",
        }
        assert response.get("cache-control") == b"no-store"
        assert response.body == b""
    assert asked.sessions.hosts == [HOST], "looked up, and so marked used, for the app's host"
    assert asked.upstream.requests == asked.portal.requests == []


@EACH
async def test_a_field_without_a_value_is_sent_empty_so_that_it_replaces_the_browsers(asked: Stage, proxy: Any) -> None:
    response = await asked.ask(proxy(more="Remote-Email: boss@corp.example\r\n"))
    assert response.get("remote-email") == b""


@EACH
async def test_the_apps_own_cookies_come_back_without_gateposts(asked: Stage, proxy: Any) -> None:
    response = await asked.ask(proxy().replace(b"Cookie: ", b"Cookie: a=1; gatepost-browser=" + b"C" * 43 + b"; b=2; "))
    assert (response.status, response.get("cookie")) == (200, b"a=1; b=2")
    assert (await asked.ask(proxy())).get("cookie") == b""


@EACH
async def test_an_upper_case_host_with_a_port_is_the_same_host(asked: Stage, proxy: Any) -> None:
    assert (await asked.ask(proxy(host=HOST.upper() + ".:8080"))).status == 200


@PASSING
@pytest.mark.parametrize("token", [None, HALF_TOKEN])
async def test_a_page_load_without_a_session_is_sent_to_sign_in_and_back(
    asked: Stage, proxy: Any, token: bytes | None
) -> None:
    response = await asked.ask(proxy("/a%2Fb?x=1", token=token, more=PAGE))
    assert response.status == 302
    assert_way_back(response.get("location"), response.get("set-cookie"))


@pytest.mark.parametrize("token", [None, HALF_TOKEN])
async def test_nginx_is_told_by_401_and_where_to_send_a_page_load(asked: Stage, token: bytes | None) -> None:
    response = await asked.ask(nginx("/a%2Fb?x=1", token=token, more=PAGE))
    assert response.status == 401
    assert response.get("location") is None
    assert_way_back(response.get("x-gatepost-sign-in"), response.get("set-cookie"))


def assert_way_back(location: bytes | None, set_cookie: bytes | None) -> None:
    assert location is not None
    assert set_cookie is not None
    url = urlsplit(location.decode())
    query = parse_qs(url.query)
    assert (url.netloc, url.path) == ("signin.corp.example:8080", "/.gatepost/sign-in")
    assert query["return_to"] == [f"http://{HOST}:8080/a%2Fb?x=1"]
    token = set_cookie.split(b";")[0].removeprefix(b"gatepost-browser=")
    assert query["start"] == [base64.urlsafe_b64encode(hashlib.sha256(token).digest()).decode().rstrip("=")]


@EACH
@pytest.mark.parametrize("token", [None, HALF_TOKEN, b"Z" * 43])
@pytest.mark.parametrize(("method", "more"), [("GET", ""), ("POST", PAGE), ("GET", "Sec-Fetch-Mode: cors\r\n")])
async def test_anything_but_a_page_load_gets_401_and_no_way_in(
    asked: Stage, proxy: Any, token: bytes | None, method: str, more: str
) -> None:
    for _ in range(2):
        response = await asked.ask(proxy(method=method, token=token, more=more))
        assert response.status == 401
        assert json.loads(response.body)["error"] == "not_signed_in"
        assert response.get("x-gatepost-sign-in") is None
        assert not any(response.all(name) for name in IDENTITY)


@EACH
async def test_a_person_outside_the_groups_gets_403_and_is_not_described(asked: Stage, proxy: Any) -> None:
    response = await asked.ask(proxy(token=BOB_TOKEN, more=PAGE))
    assert response.status == 403
    assert b"Wiki Users" in response.body
    assert not any(response.all(name) for name in IDENTITY)
    assert (await asked.ask(proxy(token=BOB_TOKEN, host="open.corp.example"))).status == 200


@EACH
async def test_a_store_that_is_down_denies(asked: Stage, proxy: Any) -> None:
    assert (await asked.ask(proxy(token=STORE_DOWN_TOKEN))).status == 503


@EACH
@pytest.mark.parametrize("is_warm", [False, True])
async def test_any_error_in_the_decision_denies(
    asked: Stage, proxy: Any, is_warm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("anything")

    if is_warm:
        asked.sessions.warm.add(ALICE_TOKEN)
    monkeypatch.setattr(type(asked.plane.context.admissions), "get", broken)
    assert (await asked.ask(proxy())).status == 500
    asked.log.events.clear()


@EACH
async def test_nobody_but_a_trusted_proxy_is_answered(stage: Stage, proxy: Any) -> None:
    response = await stage.ask(proxy())
    assert response.status == 403
    assert not any(response.all(name) for name in IDENTITY)
    (event,) = stage.log.of("request.refused")
    assert "trusted_proxies" in event["reason"]
    assert event["client_address"] == "127.0.0.1"


async def test_a_client_that_names_a_trusted_proxy_is_none(staged: StageMaker) -> None:
    async with staged(server={"trusted_proxies": ("10.0.0.0/8",)}) as stage:
        assert (await stage.ask(traefik(more="X-Forwarded-For: 10.0.0.1\r\n"))).status == 403


@EACH
@pytest.mark.parametrize(
    "line",
    [
        "X-Original-URL: http://wiki.corp.example/public",
        "X-Original-URL: http://open.corp.example/",
        "X-Original-URI: /public",
        "X-Original-Method: DELETE",
        "X-Forwarded-Uri: /public",
        "X-Forwarded-Method: DELETE",
        "X-Forwarded-Host: open.corp.example",
        "X-Forwarded-Host: other.example",
        "X-Forwarded-Host: ",
        "X-Envoy-Original-Path: /public",
        "X_Original_URI: /",
        "X.Forwarded.Uri: /",
        "X-Original_Method: GET",
    ],
)
async def test_what_a_browser_adds_in_another_proxys_words_denies(asked: Stage, proxy: Any, line: str) -> None:
    """Each of these reaches Gatepost through a proxy that does not know the field."""
    response = await asked.ask(proxy(more=line + "\r\n"))
    assert response.status == 400
    assert not any(response.all(name) for name in IDENTITY)


@pytest.mark.parametrize(
    "lines",
    [
        "X-Original-URL: http://wiki.corp.example/public\r\nX-Original-Method: GET\r\n",
        "X-Original-URL: http://wiki.corp.example/\r\nX-Original-Method: POST\r\n",
        "X-Original-URL: http://open.corp.example/\r\nX-Original-Method: GET\r\n",
        "X-Original-URI: /public\r\nX-Original-Method: GET\r\n",
    ],
)
@pytest.mark.parametrize("proxy", [traefik, caddy, envoy])
async def test_two_whole_descriptions_of_different_requests_deny(asked: Stage, proxy: Any, lines: str) -> None:
    assert (await asked.ask(proxy(more=lines))).status == 400


@pytest.mark.parametrize(
    "lines",
    [
        "X-Forwarded-Uri: /public\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Host: wiki.corp.example\r\n",
        "X-Forwarded-Uri: /\r\nX-Forwarded-Method: POST\r\nX-Forwarded-Host: wiki.corp.example\r\n",
        "X-Forwarded-Uri: /\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Host: open.corp.example\r\n",
    ],
)
@pytest.mark.parametrize("proxy", [nginx, envoy])
async def test_whole_words_of_traefik_deny_elsewhere_too(asked: Stage, proxy: Any, lines: str) -> None:
    assert (await asked.ask(proxy(more=lines))).status == 400


@pytest.mark.parametrize("proxy", [nginx, caddy, envoy])
async def test_a_host_field_that_names_another_app_denies(asked: Stage, proxy: Any) -> None:
    raw: bytes = proxy(more="X-Forwarded-Host: open.corp.example\r\n")
    raw = raw.replace(f"X-Forwarded-Host: {HOST}\r\n".encode(), b"")
    assert (await asked.ask(raw)).status == 400


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["X-Original-URL: http://wiki.corp.example/"],
        ["X-Original-URI: /"],
        ["X-Original-Method: GET"],
        ["X-Forwarded-Uri: /", "X-Forwarded-Host: wiki.corp.example"],
        ["X-Forwarded-Method: GET", "X-Forwarded-Host: wiki.corp.example"],
        ["X-Forwarded-Method: GET", "X-Forwarded-Uri: /"],
        ["X-Forwarded-Host: wiki.corp.example", "X-Forwarded-Proto: http"],
        ["X-Envoy-Original-Path: /"],
        ["X-Original-Method: GET", "X-Original-URL: /"],
        ["X-Original-Method: GET", "X-Original-URL: ftp://wiki.corp.example/"],
        ["X-Original-Method: GET", "X-Original-URL: http://wiki.corp.example"],
        ["X-Original-Method: GET", "X-Original-URL: http://u@wiki.corp.example/"],
        ["X-Original-Method: GET", "X-Original-URL: http://wiki.corp.example\\@open.corp.example/"],
        ["X-Original-Method: GET", "X-Original-URL: http://wiki.corp.example /"],
        ["X-Original-Method: GET", "X-Original-URL: http://wiki.corp.example/a b"],
        ["X-Original-Method: GET", "X-Original-URL: http://wiki.corp.example/#a"],
        ["X-Original-Method: GET", "X-Original-URL: http://wiki.corp.example/\xe9"],
        ["X-Original-Method: GET, GET", "X-Original-URL: http://wiki.corp.example/"],
        ["X-Original-Method: ", "X-Original-URL: http://wiki.corp.example/"],
        ["X-Original-Method: GET", "X-Original-Method: GET", "X-Original-URL: http://wiki.corp.example/"],
        ["X-Original-Method: GET", "X-Original-URL: http://wiki.corp.example/", "X-Original-URI: /b"],
        ["X-Original-Method: GET", "X-Original-URL: https://wiki.corp.example/", "X-Forwarded-Proto: http"],
        ["X-Original-Method: GET", "X-Original-URI: a"],
        ["X-Original-Method: GET", "X-Original-URI: http://wiki.corp.example/"],
        ["X-Original-Method: GET", "X-Original-URI: /, /"],
        [
            "X-Forwarded-Method: GET",
            "X-Forwarded-Uri: /",
            "X-Forwarded-Host: wiki.corp.example",
            "X-Forwarded-Host: wiki.corp.example",
        ],
        ["X-Forwarded-Method: GET", "X-Forwarded-Uri: /", "X-Forwarded-Host: wiki.corp.example, open.corp.example"],
        ["X-Forwarded-Method: GET", "X-Forwarded-Uri: /", "X-Forwarded-Uri: /", "X-Forwarded-Host: wiki.corp.example"],
        # Taken out by Connection: a proxy's own words must not go missing unseen.
        [
            "X-Forwarded-Method: GET",
            "X-Forwarded-Uri: /",
            "X-Forwarded-Host: wiki.corp.example",
            "Connection: X-Forwarded-Uri",
        ],
    ],
)
async def test_a_request_that_is_described_badly_or_twice_is_denied(asked: Stage, lines: list[str]) -> None:
    for host in ("gatepost.internal", HOST):
        response = await asked.ask(ask(*lines, host=host))
        assert response.status == 400
        assert not any(response.all(name) for name in IDENTITY)


async def test_one_description_may_come_in_two_ways_that_agree(asked: Stage) -> None:
    lines = "X-Original-URI: /a\r\nX-Original-URL: http://wiki.corp.example/a\r\nX-Original-Method: GET\r\n"
    assert (await asked.ask(caddy("/a", more=lines))).status == 200
    assert (await asked.ask(nginx("/a", more="X-Forwarded-Host: wiki.corp.example\r\n"))).status == 200


async def test_nginx_may_name_the_host_by_its_own_field(asked: Stage) -> None:
    assert (await asked.ask(ask("X-Original-URI: /a", "X-Original-Method: GET", host=HOST))).status == 200


@EACH
@pytest.mark.parametrize("host", ["other.corp.example", "signin.corp.example", "127.0.0.1"])
async def test_only_a_configured_apps_host_is_judged(asked: Stage, proxy: Any, host: str) -> None:
    assert (await asked.ask(proxy(host=host))).status == 421


@pytest.mark.parametrize("target", ["/.gatepost/authorized", "/.gatepost/authorize%2f", "/.gatepost/Authorize"])
async def test_only_the_endpoint_itself_is_the_endpoint(asked: Stage, target: str) -> None:
    await asked.ask(ask("X-Original-URI: /a", "X-Original-Method: GET", host=HOST, target=target))
    assert len(asked.portal.requests) == 1


async def test_an_app_without_an_upstream_serves_nothing_by_itself(staged: StageMaker) -> None:
    async with staged(server=TRUSTED, app={"upstream": None, "forward_auth": True}) as stage:
        assert (await stage.ask(traefik())).status == 200
        assert (await stage.ask(ask(host=HOST, target="/"))).status == 404
        assert (await stage.ask(ask(host=HOST, target="/", token=None))).status == 401


async def test_an_answer_to_head_has_no_body(asked: Stage) -> None:
    async with asked.client() as client:
        for token, status in ((BOB_TOKEN, 403), (None, 401), (ALICE_TOKEN, 200)):
            response = await client.ask(envoy(method="HEAD", token=token), b"HEAD")
            assert response.status == status
        response = await client.ask(caddy(method="HEAD", token=BOB_TOKEN))
        assert (response.status, bool(response.body)) == (403, True)


async def test_a_question_is_no_part_of_the_requests_around_it(asked: Stage) -> None:
    """The same fields after another request line, on one connection that remembers them."""
    async with asked.client() as client:
        for count in (1, 2, 3):
            assert (await client.ask(caddy("/other", target="/page"))).get("remote-user") is None
            assert len(asked.upstream.requests) == count
            assert (await client.ask(caddy("/other"))).get("remote-user") == b"alice"
            assert (await client.ask(caddy("/other", token=None))).status == 401
    assert {request.start for request in asked.upstream.requests} == {b"GET /page HTTP/1.1"}


async def test_two_persons_on_one_connection_of_a_proxy_are_told_apart(asked: Stage) -> None:
    async with asked.client() as client:
        for _ in range(3):
            for token, host, status, user in (
                (ALICE_TOKEN, HOST, 200, "alice"),
                (BOB_TOKEN, HOST, 403, ""),
                (None, HOST, 401, ""),
                (BOB_TOKEN, "open.corp.example", 200, "bob"),
            ):
                response = await client.ask(nginx(host=host, token=token))
                assert (response.status, identity(response)["Remote-User"]) == (status, user)


@EACH
@pytest.mark.parametrize("token", [ALICE_TOKEN, None])
async def test_a_credential_of_our_own_is_never_handed_to_the_asking_proxys_app(
    asked: Stage, proxy: Any, token: bytes | None
) -> None:
    """That proxy would pass it on, whether a cookie or a public rule let the request through."""
    own = "Authorization: Bearer gp_Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3z0wYyS0\r\n"
    assert (await asked.ask(proxy(more=own, token=token))).status == 401
    apps_own = await asked.ask(proxy(more="Authorization: Bearer apps-own\r\n"))
    assert apps_own.status == 200
