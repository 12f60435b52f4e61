"""What an upstream may be told, and by whom; what it may set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.field_kinds import SET_BY_GATEPOST, canonical
from proxy.forwarding.cookies import split_cookies
from proxy.http.field_names import RequestField, request_field
from proxy.http.response_head import clear_site_data_without_cookies, sets_reserved_cookie
from tests.forwarding.stage import ALICE_TOKEN, HOST, Stage, StageMaker, get
from tests.support.raw_http import Message
from tests.support.upstreams import answer

IDENTITY = {
    "remote-user": [b"alice"],
    "remote-name": [b"Alice"],
    "remote-groups": [b"Wiki Users"],
    "remote-realm": [b"corp"],
    "remote-email": [],
    "x-gatepost-assertion": [b"assertion-alice-Wiki"],
    "x-forwarded-for": [b"127.0.0.1"],
    "x-forwarded-proto": [b"http"],
    "x-forwarded-host": [HOST.encode()],
    "forwarded": [f'for=127.0.0.1;host="{HOST}";proto=http'.encode()],
}


def folded(request: Message) -> dict[str, list[bytes]]:
    """As an upstream sees fields that reads ``Remote_User`` and ``remote.user`` as ``Remote-User``."""
    fields: dict[str, list[bytes]] = {}
    for name, value in request.fields:
        fields.setdefault(canonical(name).decode(), []).append(value)
    return fields


async def test_an_upstream_is_told_who_it_is(stage: Stage) -> None:
    await stage.ask(get())
    fields = folded(stage.upstream.requests[0])
    for name, values in IDENTITY.items():
        assert fields.get(name, []) == values, name
    assert fields["host"] == [HOST.encode()]
    assert "cookie" not in fields


def spellings(name: bytes) -> list[str]:
    text = name.decode()
    return [text, text.upper(), text.replace("-", "_"), text.title().replace("-", "_"), text.replace("-", ".")]


@pytest.mark.parametrize("name", [*SET_BY_GATEPOST, b"x-gatepost-anything"], ids=lambda name: name.decode())
async def test_no_spelling_of_an_identity_header_gets_through(stage: Stage, name: bytes) -> None:
    lines = "".join(f"{spelling}: root\r\n" for spelling in spellings(name))
    async with stage.client() as client:
        assert (await client.ask(get(lines=lines + lines))).status == 200
        assert (await client.ask(get(lines=f"Connection: {name.decode()}, x\r\n" + lines))).status == 200
    for request in stage.upstream.requests:
        fields = folded(request)
        for own, values in IDENTITY.items():
            assert fields.get(own, []) == values
        assert b"root" not in b"".join(value for _, value in request.fields)


@pytest.mark.parametrize("name", [name.decode() for name in SET_BY_GATEPOST])
async def test_connection_cannot_name_a_header_that_gatepost_sets(stage: Stage, name: str) -> None:
    await stage.ask(get(lines=f"Connection: keep-alive, {name}, {name.upper()}\r\nConnection: {name}\r\n"))
    fields = folded(stage.upstream.requests[0])
    for own, values in IDENTITY.items():
        assert fields.get(own, []) == values


async def test_hop_by_hop_headers_stop_here(stage: Stage) -> None:
    await stage.ask(
        get(
            lines="Connection: close, X-Hop\r\nX-Hop: 1\r\nx-hop: 2\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n"
            "Proxy-Authorization: x\r\nTE: gzip\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"
            "Proxy: http://evil\r\nX-Stays: 1\r\n"
        )
    )
    fields = folded(stage.upstream.requests[0])
    assert fields["x-stays"] == [b"1"]
    gone = {"connection", "x-hop", "keep-alive", "proxy-connection", "proxy-authorization", "te", "upgrade"}
    assert not fields.keys() & (gone | {"http2-settings", "proxy"})


@pytest.mark.parametrize("protocols", ["h2c", "websocket, h2c", "H2C", "HTTP/2.0", "TLS/1.2"])
async def test_no_tunnel_is_opened_for_a_protocol_that_carries_requests(stage: Stage, protocols: str) -> None:
    lines = f"Upgrade: {protocols}\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAA\r\n"
    assert (await stage.ask(get(lines=lines))).status == 200
    fields = folded(stage.upstream.requests[0])
    assert not fields.keys() & {"upgrade", "connection", "http2-settings"}


@pytest.mark.parametrize(
    ("cookie", "passed_on"),
    [
        ("a=1; gatepost={0}; b=2", b"a=1; b=2"),
        ("gatepost={0}; a=1;b=2 ;  c", b"a=1;b=2 ;  c"),
        ("a=1; gatepost={0}", b"a=1"),
        ("gatepost={0}", None),
        ("gatepost={0}; gatepost-browser=x; __Host-gatepost=y; __Host-gatepost-browser=z", None),
        ('gatepost={0}; a="x; y"; gatepostx=1; xgatepost=2', b'a="x; y"; gatepostx=1; xgatepost=2'),
        ("gatepost ={0}; a=1", b"a=1"),
        ("a=caf\xe9; gatepost={0}", b"a=caf\xe9"),
    ],
)
async def test_gateposts_cookies_are_taken_out_and_the_others_kept_as_sent(
    stage: Stage, cookie: str, passed_on: bytes | None
) -> None:
    lines = f"Cookie: {cookie.format(ALICE_TOKEN.decode())}\r\n"
    assert (await stage.ask(get(token=None, lines=lines))).status == 200
    assert stage.upstream.requests[0].get("cookie") == passed_on


async def test_a_second_cookie_line_hides_nothing(stage: Stage) -> None:
    lines = f"Cookie: a=1\r\ncookie: gatepost={ALICE_TOKEN.decode()}; b=2\r\nCookie_: c\r\n"
    assert (await stage.ask(get(token=None, lines=lines))).status == 200
    assert stage.upstream.requests[0].get("cookie") == b"a=1; b=2"


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_no_cookie_value_carries_the_token_through(before: bytes, after: bytes) -> None:
    value = before + b"; gatepost=" + ALICE_TOKEN + b" ;" + after
    cookies = split_cookies(value, "http")
    assert ALICE_TOKEN not in cookies.others
    assert cookies.session_token in (ALICE_TOKEN, None)


@pytest.mark.parametrize(("passes", "expected"), [(False, None), (True, b"Basic x")])
async def test_authorization_is_for_apps_that_ask_for_it(
    staged: StageMaker, passes: bool, expected: bytes | None
) -> None:
    async with staged(app={"pass_authorization": passes}) as stage:
        await stage.ask(get(lines="authorization: Basic x\r\n"))
        assert stage.upstream.requests[0].get("authorization") == expected


async def test_the_upstreams_own_host_is_sent_where_asked_for(staged: StageMaker) -> None:
    async with staged(app={"preserve_host": False}) as stage:
        await stage.ask(get())
        assert stage.upstream.requests[0].get("host") == stage.upstream.url.removeprefix("http://").encode()
        assert stage.upstream.requests[0].get("x-forwarded-host") == HOST.encode()


@pytest.mark.parametrize(
    "value",
    [
        b"gatepost=x",
        b"gatepost=; Max-Age=0",
        b" gatepost =x; Path=/",
        b"__Host-gatepost=x; Secure; Path=/",
        b"__host-GATEPOST=x",
        b"gatepost-browser=x; Domain=corp.example",
        b"=gatepost=x",
        b"gatepost",
    ],
)
async def test_an_upstream_cannot_set_or_clear_gateposts_cookies(staged: StageMaker, value: bytes) -> None:
    raw = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: " + value + b"\r\nContent-Length: 0\r\n\r\n"
    async with staged(answer(raw)) as stage:
        assert (await stage.ask(get())).all("set-cookie") == [b"a=1"]


def test_other_cookies_may_be_set() -> None:
    for value in (b"gateposts=1", b"a=gatepost=1", b"", b"=", b"x; gatepost=1"):
        assert not sets_reserved_cookie(value)


def test_an_upstream_cannot_clear_all_cookies() -> None:
    assert clear_site_data_without_cookies(b'"cache", "cookies", "storage"') == b'"cache", "storage"'
    assert clear_site_data_without_cookies(b'"*"') == b""


async def test_only_a_trusted_proxy_says_who_the_client_is(staged: StageMaker) -> None:
    lines = (
        "X-Forwarded-For: 198.51.100.9, 203.0.113.7, 10.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n"
    )
    async with staged() as stage:
        await stage.ask(get(lines=lines))
        assert stage.upstream.requests[0].get("x-forwarded-for") == b"127.0.0.1"
        assert stage.upstream.requests[0].get("x-forwarded-proto") == b"http"
    async with staged(server={"trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"]}) as stage, stage.client() as client:
        await client.ask(get(lines=lines))
        await client.ask(get(lines="X-Forwarded-For: 2001:db8::1\r\n"))
        await client.ask(get(lines="X-Forwarded-For: nonsense\r\n"))
        first, second, third = stage.upstream.requests
        assert first.get("x-forwarded-for") == b"203.0.113.7, 10.1.1.1, 127.0.0.1"
        assert first.get("x-forwarded-proto") == b"https"
        assert first.get("x-forwarded-host") == HOST.encode()
        assert second.get("forwarded").startswith(b'for="[2001:db8::1]";')
        assert third.get("x-forwarded-for") == b"unknown, 127.0.0.1"


@given(st.from_regex(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,30}", fullmatch=True))
def test_every_name_that_folds_to_a_reserved_one_is_dropped(name: bytes) -> None:
    if canonical(name) in SET_BY_GATEPOST or canonical(name).startswith(b"x-gatepost-"):
        assert request_field(name) is not RequestField.PASS
