"""Who is let through, who is asked to sign in, and who is refused."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from config.settings import AppSettings
from proxy.factors.confinement import Confinement
from proxy.forwarding import gate
from proxy.forwarding.admissions import Admissions
from tests.forwarding.stage import (
    ALICE_TOKEN,
    BOB_TOKEN,
    HALF_TOKEN,
    HOST,
    NOW,
    STORE_DOWN_TOKEN,
    Stage,
    StageMaker,
    get,
    session_of,
)
from tests.support.kept_events import KeptEvents

PAGE = "Accept: text/html,*/*;q=0.8\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"


async def test_a_page_load_without_a_session_is_sent_to_sign_in_and_back(stage: Stage) -> None:
    response = await stage.ask(get("/a%2Fb?x=1&y=%20", token=None, lines=PAGE))
    assert response.status == 302
    assert response.get("cache-control") == b"no-store"
    location = urlsplit(response.get("location").decode())
    query = parse_qs(location.query)
    assert (location.scheme, location.netloc, location.path) == (
        "http",
        "signin.corp.example:8080",
        "/.gatepost/sign-in",
    )
    assert query["return_to"] == [f"http://{HOST}:8080/a%2Fb?x=1&y=%20"]
    cookie = response.get("set-cookie").decode()
    name, _, rest = cookie.partition("=")
    token, *attributes = rest.split("; ")
    assert name == "gatepost-browser"
    assert set(attributes) == {"Path=/", "HttpOnly", "SameSite=Lax"}
    assert query["start"] == [base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")]
    assert stage.upstream.requests == []


@pytest.mark.parametrize(
    ("size", "max_head_bytes", "is_kept"),
    [(8000, 32_768, True), (8001, 32_768, False), (7000, 20_480, False), (3000, 20_480, True), (10, 1024, False)],
)
async def test_the_way_back_holds_as_long_as_it_may_be_sent_again(
    staged: StageMaker, size: int, max_head_bytes: int, is_kept: bool
) -> None:
    """Escaped, it is three times as long here; where small heads are allowed only, it would be refused at sign-in."""
    target = "/" + "&" * (size - 1)
    async with staged(server={"max_head_bytes": max_head_bytes}) as stage:
        response = await stage.ask(get(target, token=None, lines=PAGE))
        location = response.get("location").decode()
        query = parse_qs(urlsplit(location).query)
        assert query["return_to"] == [f"http://{HOST}:8080{target if is_kept else '/'}"]
        assert ("cut" in query) is not is_kept
        followed = location.partition("signin.corp.example:8080")[2]
        assert (await stage.ask(get(followed, host="signin.corp.example", token=None, lines=PAGE))).status == 200


async def test_an_address_of_an_app_may_be_so_long_and_no_longer(stage: Stage) -> None:
    assert (await stage.ask(get("/" + "x" * 16_383))).status == 200
    assert (await stage.ask(get("/" + "x" * 16_384))).status == 414
    for host in (HOST, "signin.corp.example"):
        assert (await stage.ask(get("/.gatepost/sign-in?" + "x" * 26_029, host=host))).status == 200
        assert (await stage.ask(get("/.gatepost/sign-in?" + "x" * 26_030, host=host))).status == 414


async def test_the_browser_cookie_is_used_again_so_that_many_tabs_work(stage: Stage) -> None:
    cookie = f"Cookie: gatepost-browser={'C' * 43}\r\n"
    response = await stage.ask(get(token=None, lines=PAGE + cookie))
    assert response.status == 302
    assert response.all("set-cookie") == []


@pytest.mark.parametrize("value", ["short", "C" * 44, "C" * 42 + "!", f"{'C' * 43}; gatepost-browser={'D' * 43}"])
async def test_a_malformed_or_doubled_browser_cookie_is_replaced(stage: Stage, value: str) -> None:
    response = await stage.ask(get(token=None, lines=PAGE + f"Cookie: gatepost-browser={value}\r\n"))
    assert len(response.all("set-cookie")) == 1


@pytest.mark.parametrize(
    ("method", "lines"),
    [
        ("GET", "Accept: application/json\r\n"),
        ("GET", ""),
        ("GET", "Accept: text/html\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"),
        ("POST", PAGE),
    ],
)
async def test_anything_but_a_page_load_gets_401_in_json(stage: Stage, method: str, lines: str) -> None:
    response = await stage.ask(get(token=None, lines=lines, method=method))
    assert response.status == 401
    assert response.get("content-type").startswith(b"application/json")
    assert json.loads(response.body)
    assert stage.upstream.requests == []


@pytest.mark.parametrize(
    "cookie",
    [
        "gatepost=",
        "gatepost=short",
        "gatepost=" + "Z" * 43,
        "gatepost=" + "A" * 44,
        f"gatepost={'A' * 43}; gatepost={'A' * 43}",
        f"gatepost={'A' * 43}; gatepost={'B' * 43}",
        f"__Host-gatepost={'A' * 43}",
        f"GATEPOST={'A' * 43}",
        f"gatepost={'A' * 42}%41",
    ],
)
async def test_malformed_unknown_and_doubled_session_cookies_count_as_none(stage: Stage, cookie: str) -> None:
    response = await stage.ask(get(token=None, lines=f"Cookie: {cookie}\r\n"))
    assert response.status == 401
    assert stage.upstream.requests == []


@pytest.mark.parametrize(
    ("lines", "status"), [(PAGE, 302), ("", 401), ("Upgrade: websocket\r\nConnection: upgrade\r\n", 401)]
)
async def test_a_half_signed_in_session_opens_nothing(stage: Stage, lines: str, status: int) -> None:
    for _ in range(2):  # found in the store, then in memory
        response = await stage.ask(get(token=HALF_TOKEN, lines=lines))
        assert response.status == status
    assert stage.upstream.requests == []


async def test_a_person_outside_the_groups_is_told_which_ones_are_asked_for(stage: Stage) -> None:
    response = await stage.ask(get(token=BOB_TOKEN, lines=PAGE))
    assert response.status == 403
    assert b"Only members of Wiki Users can open it." in response.body
    assert stage.upstream.requests == []
    refused = stage.log.of("request.refused")[0]
    assert (refused["realm"], refused["guid"]) == ("corp", "guid-bob")
    assert (await stage.ask(get(token=BOB_TOKEN, host="open.corp.example"))).status == 200


async def test_who_signed_in_with_a_pass_is_told_what_it_opens(stage: Stage) -> None:
    confined = Confinement(pass_id="p", apps=("Open",), ends_at=NOW + 600)
    stage.sessions.by_token[ALICE_TOKEN] = session_of("alice", confined=confined)
    response = await stage.ask(get(token=ALICE_TOKEN, lines=PAGE))
    assert response.status == 403
    assert b"You signed in with a pass. It opens only Open." in response.body
    upgrade = get(token=ALICE_TOKEN, lines="Upgrade: websocket\r\nConnection: upgrade\r\n")
    assert (await stage.ask(upgrade)).status == 403
    assert stage.upstream.requests == []
    assert (await stage.ask(get(token=ALICE_TOKEN, host="open.corp.example"))).status == 200


async def test_two_persons_on_one_connection_are_told_apart(stage: Stage) -> None:
    async with stage.client() as client:
        for _ in range(3):
            assert (await client.ask(get(token=ALICE_TOKEN))).status == 200
            assert (await client.ask(get(token=BOB_TOKEN))).status == 403
            assert (await client.ask(get(token=None))).status == 401
            assert (await client.ask(get(token=BOB_TOKEN, host="open.corp.example"))).status == 200
    users = [request.get("remote-user") for request in stage.upstream.requests]
    assert users == [b"alice", b"bob"] * 3


async def test_a_store_that_is_down_denies_with_503(stage: Stage) -> None:
    response = await stage.ask(get(token=STORE_DOWN_TOKEN))
    assert response.status == 503
    assert response.get("retry-after") is not None
    assert stage.upstream.requests == []


@pytest.mark.parametrize("is_warm", [False, True])
async def test_any_error_in_the_decision_denies(staged: StageMaker, is_warm: bool, monkeypatch: Any) -> None:
    async with staged() as stage:
        if is_warm:
            stage.sessions.warm.add(ALICE_TOKEN)

        def broken(*_: object) -> None:
            raise RuntimeError("anything")

        monkeypatch.setattr(Admissions, "get", broken)
        response = await stage.ask(get())
        assert response.status == 500
        assert stage.upstream.requests == []
        assert len(stage.log.of("forwarding.failed")) == 1
        stage.log.events.clear()


@pytest.mark.parametrize("token", [None, b"N" * 43])
async def test_a_request_that_nobody_answers_is_denied_at_once(
    staged: StageMaker, token: bytes | None, monkeypatch: Any
) -> None:
    """Without a session, and with a cookie that has to be looked up: a wait for nothing would look like a hang."""
    async with staged() as stage:
        monkeypatch.setattr(gate, "ask_to_sign_in", lambda *_: None)
        response = await stage.ask(get(token=token, lines=PAGE))
        assert response.status == 500
        assert stage.upstream.requests == []
        assert len(stage.log.of("forwarding.failed")) == 1
        stage.log.events.clear()


@pytest.mark.parametrize("host", ["other.corp.example", "wiki.corp.example.evil", "127.0.0.1", "xwiki.corp.example"])
async def test_an_unknown_host_gets_421(stage: Stage, host: str) -> None:
    assert (await stage.ask(get(host=host))).status == 421


@pytest.mark.parametrize("host", [HOST.upper(), HOST + ".", HOST + ":8080", HOST + ".:1"])
async def test_a_host_is_compared_without_case_port_and_dot(stage: Stage, host: str) -> None:
    assert (await stage.ask(get(host=host))).status == 200


async def test_a_refusal_is_logged_with_its_incident_and_without_cookies_and_query(stage: Stage) -> None:
    response = await stage.ask(get("/p?secret=1", token=BOB_TOKEN))
    (event,) = stage.log.of("request.refused")
    assert event["incident"].encode() in response.body
    assert event["app"] == "Wiki"
    assert event["client_address"] == "127.0.0.1"
    assert "secret" not in str(event)
    assert BOB_TOKEN.decode() not in str(event)


async def test_an_app_that_is_down_gets_502(stage: Stage) -> None:
    response = await stage.ask(get(host="down.corp.example"))
    assert response.status == 502


@pytest.mark.parametrize("target", ["/page?x=1&y=%20", "//evil.example/x"])
async def test_the_page_of_an_app_that_is_down_leads_to_the_same_address(stage: Stage, target: str) -> None:
    response = await stage.ask(get(target, host="down.corp.example", lines=PAGE))
    address = f"http://down.corp.example:8080{target}".replace("&", "&amp;")
    assert f'href="{address}"'.encode() in response.body
    assert b"<time datetime=" in response.body
    for method in ("POST", "PUT"):
        lines = PAGE + "Content-Type: text/plain\r\nContent-Length: 0\r\n"
        response = await stage.ask(get(target, host="down.corp.example", lines=lines, method=method), method.encode())
        assert response.status == 502
        assert address.encode() not in response.body


class Signer:
    def sign(self, *_: object) -> bytes:
        return b"x"


def test_an_admission_is_made_again_when_the_facts_changed() -> None:
    app = AppSettings(name="Wiki", host=HOST, upstream="http://127.0.0.1:1", groups=("Wiki Users",))
    admissions = Admissions(Signer())  # type: ignore[arg-type]
    alice, stripped = session_of("alice"), session_of("bob", session_id="id-of-alice")
    assert admissions.get(alice, app, NOW).is_admitted
    assert not admissions.get(stripped, app, NOW).is_admitted
    assert admissions.get(alice, app, NOW).is_admitted
    first = admissions.get(alice, app, NOW)
    assert admissions.get(alice, app, NOW + 29) is first
    assert admissions.get(alice, app, NOW + 30) is not first


def test_a_denial_is_recorded_once_and_not_with_each_request() -> None:
    app = AppSettings(name="Wiki", host=HOST, upstream="http://127.0.0.1:1", groups=("Wiki Users",))
    recorded = KeptEvents()
    admissions = Admissions(Signer(), recorder=recorded)  # type: ignore[arg-type]
    alice, bob = session_of("alice"), session_of("bob")
    for second in range(100):
        admissions.get(bob, app, NOW + second)
        admissions.get(alice, app, NOW + second)
        admissions.get(replace(bob, last_used_at=NOW + second), app, NOW + second)
    denied = recorded.one("access.denied")
    assert denied.actor is not None
    assert (denied.actor.guid, denied.actor.name) == (bob.principal.guid, bob.principal.username)
    assert denied.facts == {"app": "Wiki", "reason": "groups"}
    assert denied.address == bob.client_address


def test_admissions_are_bounded_and_the_oldest_goes_first() -> None:
    app = AppSettings(name="Wiki", host=HOST, upstream="http://127.0.0.1:1", groups=("Wiki Users",))
    admissions = Admissions(Signer(), capacity=2)  # type: ignore[arg-type]
    sessions = [session_of("alice", session_id=f"id-{number}") for number in range(3)]
    kept = [admissions.get(session, app, NOW) for session in sessions]
    assert admissions.get(sessions[2], app, NOW) is kept[2]
    assert admissions.get(sessions[1], app, NOW) is kept[1]
    assert admissions.get(sessions[0], app, NOW) is not kept[0]


@pytest.mark.parametrize(
    ("line", "more", "status"),
    [
        ("GET /page HTTP/1.1", "Cookie: " + "c" * 40_000, 431),
        ("GET /" + "y" * 20_000 + " HTTP/1.1", "X: y", 414),
        ("GET /page#fragment HTTP/1.1", "X: y", 400),
    ],
)
async def test_a_browser_whose_request_cannot_be_read_gets_a_page(
    stage: Stage, line: str, more: str, status: int
) -> None:
    for accept, kind in ((PAGE, b"text/html"), ("Accept: */*\r\n", b"application/json")):
        response = await stage.ask(f"{line}\r\nHost: {HOST}\r\n{accept}{more}\r\n\r\n".encode())
        assert response.status == status
        assert (response.get("content-type") or b"").startswith(kind)
