"""Path rules on the wire: who gets where, and that what was judged is what goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from config.factors import Factor
from config.settings import SchemeSettings
from proxy.access.rules import AppRules
from proxy.factors.proof import Proof
from proxy.http.reserved import MAX_RETURN_TARGET_BYTES
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
from tests.forwarding.test_authorize import EACH, PAGE, TRUSTED, identity

ADMIN_TOKEN = b"D" * 43
WEAK_TOKEN = b"W" * 43
SCHEMES = (
    SchemeSettings(name="browser", factors=("password", "sms")),
    SchemeSettings(name="weak", factors=("password",)),
)
RULES = (
    {"path": "/public/", "public": True},
    {"path": "/hook", "methods": ["POST"], "public": True},
    {"path": "/admin/", "groups": ["Wiki Admins"]},
    {"path": "/strong/", "scheme": "browser"},
    {"path": "/easy/", "scheme": "weak"},
    {"path": "/inside/", "networks": ["10.0.0.0/8"]},
    {"path": "/inside-public/", "networks": ["10.0.0.0/8"], "public": True},
    {"pattern": "/**/edit", "methods": ["POST"], "groups": ["Wiki Admins"]},
)


@pytest.fixture
async def ruled(staged: StageMaker) -> AsyncIterator[Stage]:
    async with staged(server=TRUSTED, app={"rules": RULES}, schemes=SCHEMES) as stage:
        alice = session_of("alice")
        admin = replace(alice.principal, groups=frozenset({"Wiki Admins"}), username="admin")
        stage.sessions.by_token[ADMIN_TOKEN] = replace(alice, session_id="id-of-admin", principal=admin)
        stage.sessions.by_token[WEAK_TOKEN] = replace(
            alice, session_id="id-of-weak", factors=((Factor.PASSWORD,),), scheme="browser", proven=alice.proven[:1]
        )
        yield stage


async def status(stage: Stage, target: str, token: bytes | None = ALICE_TOKEN, **options: Any) -> int:
    response = await stage.ask(get(target, token=token, **options))
    found: int = response.status
    return found


async def test_a_rules_groups_take_the_place_of_the_apps(ruled: Stage) -> None:
    for _ in range(2):
        assert await status(ruled, "/page") == 200
        assert await status(ruled, "/admin/x") == 403
        assert await status(ruled, "/admin/x", ADMIN_TOKEN) == 200
        assert await status(ruled, "/page", ADMIN_TOKEN) == 403
    targets = [request.start.split(b" ")[1] for request in ruled.upstream.requests]
    assert targets == [b"/page", b"/admin/x"] * 2


async def test_the_page_says_which_groups_the_rule_asks_for(ruled: Stage) -> None:
    response = await ruled.ask(get("/admin/", lines=PAGE))
    assert b"Wiki Admins" in response.body
    assert b"Wiki Users" not in response.body


@pytest.mark.parametrize(
    "target",
    [
        "/admin/../public/x",
        "/public/../admin/x",
        "/public/%2e%2e/admin/x",
        "/public/..%2fadmin/x",
        "/public/..%5cadmin/x",
        "/public/..\\admin/x",
        "/public/..;/admin/x",
        "/public;/../admin/x",
        "//admin/x",
        "/./admin/x",
        "/%2fadmin/x",
        "/public/%252e%252e/admin/x",
        "/admin%00/x",
        "/admin%20/x",
        "/admin./x",
        "/%c0%afadmin/x",
        "/public/x%23/../../admin",
        "/x/%ef%bc%8e%ef%bc%8e/admin/",
    ],
)
@pytest.mark.parametrize("token", [None, ALICE_TOKEN])
async def test_a_path_with_two_readings_reaches_no_app_that_has_rules(
    ruled: Stage, target: str, token: bytes | None
) -> None:
    assert await status(ruled, target, token) == 400
    assert ruled.upstream.requests == []
    (event,) = ruled.log.of("request.refused")
    assert target not in str(event)


@pytest.mark.parametrize("target", ["/a%2fb", "/a/../b", "//a", "/a;b", "/%2561", "/a%00"])
async def test_an_app_without_rules_gets_the_same_bytes_untouched(ruled: Stage, target: str) -> None:
    assert await status(ruled, target, host="open.corp.example") == 200
    assert ruled.upstream.requests[0].start == f"GET {target} HTTP/1.1".encode()


async def test_escaped_letters_are_no_way_around_a_rule_and_go_on_as_sent(ruled: Stage) -> None:
    assert await status(ruled, "/%61dmin/x") == 403
    assert await status(ruled, "/%61dmin/x?/public/", ADMIN_TOKEN) == 200
    assert ruled.upstream.requests[0].start == b"GET /%61dmin/x?/public/ HTTP/1.1"


@pytest.mark.parametrize("token", [None, HALF_TOKEN, BOB_TOKEN, b"Z" * 43])
async def test_a_public_path_needs_no_session_and_says_nothing_of_persons(ruled: Stage, token: bytes | None) -> None:
    for _ in range(2):
        assert await status(ruled, "/public/x", token) == 200
    for request in ruled.upstream.requests:
        names = {name.lower() for name, _ in request.fields}
        assert not any(name.startswith((b"remote-", b"x-gatepost")) for name in names)
        assert b"cookie" not in names
        assert b"x-forwarded-for" in names


async def test_on_a_public_path_who_may_use_the_app_is_told_to_it(ruled: Stage) -> None:
    for _ in range(2):
        assert await status(ruled, "/public/x") == 200
    assert [request.get("remote-user") for request in ruled.upstream.requests] == [b"alice"] * 2


async def test_a_client_names_nobody_on_a_public_path(ruled: Stage) -> None:
    lines = "Remote-User: boss\r\nRemote_User: boss\r\nX-Gatepost-Assertion: x\r\nConnection: Remote-User\r\n"
    assert await status(ruled, "/public/x", None, lines=lines) == 200
    assert b"boss" not in str(ruled.upstream.requests[0].fields).encode()


async def test_a_store_that_is_down_denies_a_public_path_to_whoever_has_a_cookie(ruled: Stage) -> None:
    assert await status(ruled, "/public/x", STORE_DOWN_TOKEN) == 503
    assert await status(ruled, "/public/x", None) == 200


async def test_public_is_for_the_methods_that_were_named(ruled: Stage) -> None:
    assert await status(ruled, "/hook", None, method="POST") == 200
    assert await status(ruled, "/hook", None) == 401
    assert await status(ruled, "/hook/", None, method="POST") == 401


async def test_a_method_rule_holds_and_its_neighbours_are_free(ruled: Stage) -> None:
    assert await status(ruled, "/a/b/edit", method="POST") == 403
    assert await status(ruled, "/a/b/edit") == 200
    assert await status(ruled, "/a/b/edit", ADMIN_TOKEN, method="POST") == 200


async def test_a_scheme_asks_for_its_factors_whatever_the_sessions_own_is_called(ruled: Stage) -> None:
    for _ in range(2):
        assert await status(ruled, "/strong/x") == 200
        assert await status(ruled, "/strong/x", WEAK_TOKEN) == 403
        assert await status(ruled, "/easy/x", WEAK_TOKEN) == 200


async def test_a_page_load_that_has_proven_too_little_is_sent_to_prove_the_rest_and_back(ruled: Stage) -> None:
    response = await ruled.ask(get("/strong/x?y=1", token=WEAK_TOKEN, lines=PAGE))
    assert response.status == 302
    location = urlsplit(response.get("location").decode())
    assert (location.netloc, location.path) == ("signin.corp.example:8080", "/.gatepost/step-up")
    query = parse_qs(location.query)
    assert query["scheme"] == ["browser"]
    assert query["return_to"] == [f"http://{HOST}:8080/strong/x?y=1"]
    assert len(query["start"][0]) == 43


async def test_anything_else_that_has_proven_too_little_is_told_where_to_prove_the_rest(ruled: Stage) -> None:
    response = await ruled.ask(get("/strong/x", token=WEAK_TOKEN))
    told = json.loads(response.body)
    assert (response.status, told["error"], told["scheme"]) == (403, "too_few_factors", "browser")
    assert told["step_up"] == "http://signin.corp.example:8080/.gatepost/step-up?scheme=browser"
    form = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n{PAGE}"
    too_long = "/strong/" + "x" * MAX_RETURN_TARGET_BYTES  # to be kept
    page = await ruled.ask(get(too_long, token=WEAK_TOKEN, method="POST", lines=form), b"POST")
    assert page.status == 403
    assert b"did not reach the app and is not kept here" in page.body
    assert b'href="http://signin.corp.example:8080/.gatepost/step-up?scheme=browser"' in page.body
    assert ruled.upstream.requests == []


@EACH
async def test_another_proxy_is_told_where_the_rest_is_proven(ruled: Stage, proxy: Any) -> None:
    response = await ruled.ask(proxy("/strong/x", token=WEAK_TOKEN, more=PAGE))
    location = response.get("location") or response.get("x-gatepost-sign-in")
    assert response.status in (302, 401)
    assert location.startswith(b"http://signin.corp.example:8080/.gatepost/step-up?scheme=browser&return_to=")
    response = await ruled.ask(proxy("/strong/x", token=WEAK_TOKEN))
    assert response.status == 403
    assert b"step_up" in response.body


async def test_an_app_asks_for_the_scheme_that_it_names(staged: StageMaker) -> None:
    async with staged(app={"scheme": "browser", "rules": [RULES[4]]}, schemes=SCHEMES) as stage:
        weak = replace(
            session_of("alice"),
            session_id="id-of-weak",
            proven=(Proof(Factor.PASSWORD, NOW),),
            factors=((Factor.PASSWORD,),),
        )
        stage.sessions.by_token[WEAK_TOKEN] = weak
        assert await status(stage, "/page") == 200
        assert await status(stage, "/page", WEAK_TOKEN) == 403
        assert await status(stage, "/easy/x", WEAK_TOKEN) == 200


async def test_a_scheme_for_one_app_does_not_open_another(staged: StageMaker) -> None:
    quick = SchemeSettings(name="quick", factors=("password",), apps=("Canteen",))
    async with staged(schemes=(quick, SCHEMES[0])) as stage:
        alice = session_of("alice")
        stage.sessions.by_token[WEAK_TOKEN] = replace(
            alice, session_id="id-of-quick", scheme="quick", factors=((Factor.PASSWORD,),), proven=alice.proven[:1]
        )
        assert await status(stage, "/page") == 200
        assert await status(stage, "/page", WEAK_TOKEN) == 403
        response = await stage.ask(get("/page", token=WEAK_TOKEN, lines=PAGE))
        assert b"/.gatepost/step-up?scheme=browser&" in response.get("location")


async def test_whom_no_scheme_is_meant_for_in_this_app_is_denied(staged: StageMaker) -> None:
    quick = SchemeSettings(name="quick", factors=("password",), apps=("Canteen",))
    async with staged(schemes=(quick,)) as stage:
        assert await status(stage, "/page") == 403
        response = await stage.ask(get("/page", lines=PAGE))
        assert response.status == 403
        assert b"Your account has no way to sign in to this app." in response.body
        assert stage.upstream.requests == []


@pytest.mark.parametrize("token", [None, HALF_TOKEN])
@pytest.mark.parametrize("path", ["/admin/x", "/strong/x", "/easy/x", "/page"])
async def test_half_a_session_opens_nothing_under_any_rule(ruled: Stage, path: str, token: bytes | None) -> None:
    for _ in range(2):
        assert await status(ruled, path, token) == 401
        assert await status(ruled, path, token, lines=PAGE) == 302
    assert ruled.upstream.requests == []


@pytest.mark.parametrize("path", ["/inside/x", "/inside-public/x"])
async def test_networks_are_asked_for_and_only_a_trusted_proxy_says_where_from(ruled: Stage, path: str) -> None:
    assert await status(ruled, path) == 403
    assert await status(ruled, path, lines="X-Forwarded-For: 10.1.1.1\r\n") == 200
    for claim in ("10.1.1.1, 192.0.2.1", "192.0.2.1", "unknown", ""):
        assert await status(ruled, path, lines=f"X-Forwarded-For: {claim}\r\n") == 403
    assert await status(ruled, path, lines="Forwarded: for=10.1.1.1\r\nX-Real-IP: 10.1.1.1\r\n") == 403


async def test_a_stranger_cannot_claim_a_network(staged: StageMaker) -> None:
    async with staged(app={"rules": RULES}, schemes=SCHEMES) as stage:
        assert await status(stage, "/inside/x", lines="X-Forwarded-For: 10.1.1.1\r\n") == 403


@pytest.mark.parametrize(
    "line",
    [
        "X-Original-URL: /admin/x", "X-Rewrite-URL: /admin/x", "x_rewrite_url: /admin/x", "X-Original-URI: /admin/x",
        "X-HTTP-Method-Override: POST", "X-HTTP-Method: POST", "X-Method-Override: POST",
        "X_HTTP_Method_Override: POST",
    ],
)  # fmt: skip
async def test_a_field_that_names_another_request_is_refused_where_there_are_rules(ruled: Stage, line: str) -> None:
    assert await status(ruled, "/a/edit", lines=line + "\r\n") == 400
    assert await status(ruled, "/a/edit", host="open.corp.example", lines=line + "\r\n") == 200


async def test_an_error_in_the_rules_denies(ruled: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("anything")

    monkeypatch.setattr(AppRules, "choose", broken)
    assert await status(ruled, "/public/x") == 500
    assert ruled.upstream.requests == []
    ruled.log.events.clear()


async def test_an_admission_to_one_part_is_none_to_another(ruled: Stage) -> None:
    """Decisions are kept by session and rule."""
    async with asyncio.timeout(10), ruled.client() as client:
        for _ in range(3):
            for target, expected in (("/page", 200), ("/admin/x", 403), ("/public/x", 200), ("/strong/x", 200)):
                assert (await client.ask(get(target))).status == expected


@EACH
async def test_rules_hold_at_the_authorize_endpoint(ruled: Stage, proxy: Any) -> None:
    async def answer(*args: str, **options: Any) -> Any:
        return await ruled.ask(proxy(*args, **options))

    assert (await answer("/admin/x")).status == 403
    assert (await answer("/admin/x", token=ADMIN_TOKEN)).status == 200
    assert (await answer("/a/edit", "POST")).status == 403
    assert (await answer("/a/edit", "GET")).status == 200
    assert (await answer("/strong/x", token=WEAK_TOKEN)).status == 403
    assert (await answer("/public/..%2fadmin/x")).status == 400
    assert (await answer("/a/edit", more="X-HTTP-Method-Override: POST\r\n")).status == 400
    assert (await answer("/admin/x", token=HALF_TOKEN)).status == 401
    nobody = await answer("/public/x", token=None)
    assert nobody.status == 200
    assert set(identity(nobody).values()) == {""}
    assert nobody.all("remote-user") == [b""], "sent empty, so that it replaces what the browser sent"
    assert identity(await answer("/public/x"))["Remote-User"] == "alice"
