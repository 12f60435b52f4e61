"""Pages of other origins: those that an app names may read Gatepost's own answers, and nobody reads more of the app."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.forwarding.stage import BOB_TOKEN, HOST, Stage, StageMaker, get

SPA = "https://spa.corp.example"
NAMED: dict[str, Any] = {"cors_origins": [SPA]}
FETCH = f"Origin: {SPA}\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-site\r\n"
ASKS = f"{FETCH}Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: content-type,x-kind\r\n"


def cors(answer: Any) -> dict[str, str]:
    names = (b"access-control-allow-origin", b"access-control-allow-credentials", b"access-control-allow-methods")
    found = {name: answer.get(name.decode()) for name in (*names, b"access-control-allow-headers")}
    return {
        name.decode().removeprefix("access-control-allow-"): str(value, "ascii")
        for name, value in found.items()
        if value
    }


async def test_a_script_is_told_where_its_person_signs_in_in_a_window(stage: Stage) -> None:
    told = json.loads((await stage.ask(get("/data", token=None))).body)
    assert told["sign_in_url"] == f"http://{HOST}:8080/.gatepost/signed-in"
    assert told["sign_in"] == "http://signin.corp.example:8080/.gatepost/sign-in"


@pytest.mark.parametrize(("token", "status"), [(None, 401), (BOB_TOKEN, 403)])
async def test_a_named_origin_reads_gateposts_own_answers(staged: StageMaker, token: bytes | None, status: int) -> None:
    async with staged(app=NAMED) as stage:
        answer = await stage.ask(get("/data", token=token, lines=FETCH))
        assert (answer.status, cors(answer)) == (status, {"origin": SPA, "credentials": "true"})
        assert answer.get("vary") == b"Origin"
        assert b"WWW-Authenticate" in answer.get("access-control-expose-headers")


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "*",
        SPA.upper(),
        SPA + ":443",
        SPA + "/",
        f"{SPA}\r\nOrigin: {SPA}",
        SPA + ".evil.example",
    ],
)
async def test_no_other_origin_does(staged: StageMaker, origin: str) -> None:
    async with staged(app=NAMED) as stage:
        for lines in (FETCH, ASKS):
            sent = lines.replace(SPA, origin, 1)
            answer = await stage.ask(get("/data", token=None, lines=sent, method="OPTIONS"), b"OPTIONS")
            assert (answer.status, cors(answer), answer.get("vary")) == (401, {}, b"Origin")


async def test_without_named_origins_nothing_is_said(stage: Stage) -> None:
    answer = await stage.ask(get("/data", token=None, lines=ASKS, method="OPTIONS"), b"OPTIONS")
    assert (answer.status, cors(answer), answer.get("vary")) == (401, {}, None)


async def test_a_preflight_that_the_gate_would_refuse_is_answered(staged: StageMaker) -> None:
    async with staged(app=NAMED) as stage:
        answer = await stage.ask(get("/data", token=None, lines=ASKS, method="OPTIONS"), b"OPTIONS")
        assert (answer.status, answer.get("content-length")) == (204, None)
        assert cors(answer) == {
            "origin": SPA, "credentials": "true", "methods": "PUT", "headers": "content-type,x-kind",
        }  # fmt: skip
        assert stage.upstream.requests == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-Method: PUT", "-Method: P T"),
        ("-Method: PUT", "-Method: PUT\r\nAccess-Control-Request-Method: PUT"),
        ("Access-Control-Request-Method: PUT\r\n", ""),
        ("content-type,x-kind", "x" * 2049),
        ("content-type,x-kind", "x kind"),
    ],
)
async def test_one_that_is_none_is_refused_as_before(staged: StageMaker, old: str, new: str) -> None:
    async with staged(app=NAMED) as stage:
        lines = ASKS.replace(old, new)
        answer = await stage.ask(get("/data", token=None, lines=lines, method="OPTIONS"), b"OPTIONS")
        assert answer.status == 401
        assert (await stage.ask(get("/data", token=None, lines=ASKS))).status == 401


async def test_of_signed_in_traffic_the_app_alone_decides(staged: StageMaker) -> None:
    async with staged(app=NAMED) as stage:
        for method in ("OPTIONS", "GET"):
            answer = await stage.ask(get("/data", lines=ASKS, method=method), method.encode())
            assert (answer.status, cors(answer)) == (200, {})
        assert len(stage.upstream.requests) == 2


async def test_a_page_load_is_never_said_to_be_readable(staged: StageMaker) -> None:
    async with staged(app=NAMED) as stage:
        page = f"Origin: {SPA}\r\nAccept: text/html\r\n"
        assert cors(await stage.ask(get("/data", token=BOB_TOKEN, lines=page))) == {}


async def test_to_another_proxy_that_asks_a_preflight_is_no_yes(staged: StageMaker) -> None:
    """204 would mean: let it through."""
    async with staged(app=NAMED, server={"trusted_proxies": ["127.0.0.1"]}) as stage:
        asked = f"X-Forwarded-Method: OPTIONS\r\nX-Forwarded-Uri: /data\r\nX-Forwarded-Host: {HOST}\r\n"
        lines = asked + ASKS
        answer = await stage.ask(get("/.gatepost/authorize", token=None, lines=lines, method="OPTIONS"), b"OPTIONS")
        assert answer.status == 401
