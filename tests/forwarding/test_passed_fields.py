"""Request fields that reach no app unless it names them, and that some apps do name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.config.test_field_kinds import FOR_PROXIES, MOVE
from tests.forwarding.stage import ALICE_TOKEN, Stage, StageMaker, get
from tests.forwarding.test_authorize import EACH, TRUSTED, nginx
from tests.forwarding.test_kept_forms import FORM, KEPT, as_alice, button, kept
from tests.support.raw_http import Message

EVIL = b"evil"
Proxy = Callable[..., bytes]


def lines_of(*names: str) -> str:
    return "".join(f"{name}: evil\r\n" for name in names)


def spellings(name: str) -> tuple[str, ...]:
    return name, name.lower(), name.upper().replace("-", "_"), name.replace("_", "-"), name.replace("-", ".")


def told(request: Message) -> dict[str, bytes]:
    return {name.decode(): value for name, value in request.fields if value == EVIL}


@pytest.mark.parametrize("server", [{}, TRUSTED], ids=["stranger", "trusted"])
async def test_no_spelling_of_a_name_that_means_more_reaches_an_app(staged: StageMaker, server: dict[str, Any]) -> None:
    """A trusted proxy is no reason: nginx relays what strangers wrote."""
    names = [spelling for name in (*MOVE.split(), *FOR_PROXIES.split()) for spelling in spellings(name)]
    async with staged(server=server) as stage, stage.client() as client:
        for start in range(0, len(names), 80):
            sent = lines_of(*names[start : start + 80], "X-Ordinary")
            assert (await client.ask(get(lines=sent))).status == 200
    for request in stage.upstream.requests:
        assert told(request) == {"X-Ordinary": EVIL}


@pytest.mark.parametrize(
    "name", ["api_key", "X_Custom", "x.custom", "X!Custom", "Content_Length", "Cookie_", "_", "X~"]
)
async def test_a_name_with_a_sign_that_servers_fold_reaches_no_app(stage: Stage, name: str) -> None:
    assert (await stage.ask(get(lines=lines_of(name)))).status == 200
    assert told(stage.upstream.requests[0]) == {}


async def test_an_app_gets_what_it_names_and_no_other_spelling_of_it(staged: StageMaker) -> None:
    named = ("SCRIPT_NAME", "api_key", "X-HTTP-Method-Override")
    others = ("Script-Name", "script.name", "api.key", "API-Key-Id", "X_HTTP_METHOD_OVERRIDE", "PATH_INFO")
    async with staged(app={"pass_fields": named}) as stage, stage.client() as client:
        for _ in range(3):  # the second and third time by what the connection remembers
            assert (await client.ask(get(lines=lines_of(*named, *others)))).status == 200
            assert (await client.ask(get(host="open.corp.example", lines=lines_of(*named, *others)))).status == 200
        assert (await client.ask(get(lines=lines_of("script_name", "API_KEY")))).status == 200
    *requests, last = stage.upstream.requests
    for of_the_app, of_another in zip(requests[::2], requests[1::2], strict=True):
        assert told(of_the_app).keys() == {*named, "API-Key-Id"}
        assert told(of_another).keys() == {"API-Key-Id"}
    assert told(last).keys() == {"script_name", "API_KEY"}


@pytest.mark.parametrize(
    ("server", "passes"), [({}, False), (TRUSTED, True), ({"trusted_proxies": ("10.0.0.1",)}, False)]
)
async def test_what_a_proxy_says_of_the_client_passes_from_a_trusted_one_alone(
    staged: StageMaker, server: dict[str, Any], passes: bool
) -> None:
    named = ("X-Real-IP", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Remote-User", "Client-Cert", "x_scheme")
    async with staged(server=server, app={"pass_fields": named}) as stage, stage.client() as client:
        for _ in range(2):
            assert (await client.ask(get(lines=lines_of(*named, "X-Forwarded-Ssl", "X_Real_IP")))).status == 200
    for request in stage.upstream.requests:
        assert told(request).keys() == (set(named) if passes else set())


async def test_what_connection_names_goes_no_further_named_or_not(staged: StageMaker) -> None:
    async with staged(app={"pass_fields": ("api_key", "X-Host")}) as stage:
        lines = lines_of("api_key", "X-Host") + "Connection: API_KEY\r\n"
        assert (await stage.ask(get(lines=lines))).status == 200
        assert told(stage.upstream.requests[0]).keys() == {"X-Host"}


async def test_no_such_field_comes_behind_a_body(staged: StageMaker) -> None:
    trailers = lines_of("Script-Name", "PATH_INFO", "X-Real-IP", "Remote_User", "api_key", "X-Checksum").encode()
    body = b"1\r\na\r\n0\r\n" + trailers + b"\r\n"
    async with staged() as stage:
        head = get("/", method="POST", lines="Transfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\n")
        assert (await stage.ask(head + body, b"POST")).status == 200
        (request,) = stage.upstream.requests
        assert [name for name, value in request.trailers if value == EVIL] == [b"X-Checksum"]


@EACH
@pytest.mark.parametrize("name", MOVE.split())
async def test_the_authorize_endpoint_refuses_what_it_cannot_remove(
    staged: StageMaker, proxy: Proxy, name: str
) -> None:
    app = {"rules": ({"path": "/public/", "public": True},)}
    async with staged(server=TRUSTED, app=app) as stage, stage.client() as client:
        for spelling in spellings(name):
            for target, token in (("/public/x", None), ("/page", ALICE_TOKEN)):
                question = proxy(target, token=token, more=f"{spelling}: evil\r\n")
                answer = await client.ask(question)
                assert answer.status == 400, spelling
                assert not answer.get("remote-user")


@EACH
@pytest.mark.parametrize(
    "name", ["Remote_User", "remote.groups", "X_Gatepost_Assertion", "X_Forwarded_For", "Content_Length"]
)
async def test_the_authorize_endpoint_refuses_a_second_spelling_of_what_counts(
    staged: StageMaker, proxy: Proxy, name: str
) -> None:
    """What the outer proxy copies from the answer takes the place of one spelling, and leaves the other."""
    async with staged(server=TRUSTED) as stage:
        assert (await stage.ask(proxy(more=f"{name}: evil\r\n"))).status == 400


@EACH
@pytest.mark.parametrize(
    ("upgrade", "status"), [("h2c", 400), ("H2C", 400), ("websocket, h2c", 400), ("HTTP/2.0", 400), ("websocket", 200)]
)
async def test_the_authorize_endpoint_refuses_an_upgrade_that_carries_requests(
    staged: StageMaker, proxy: Proxy, upgrade: str, status: int
) -> None:
    """In an app's h2c (hypercorn's, Jetty's, Go's) a stranger would ask for what nobody judged, as anyone they like."""
    async with staged(server=TRUSTED) as stage:
        more = f"Upgrade: {upgrade}\r\nConnection: Upgrade\r\n"
        assert (await stage.ask(proxy("/page", more=more))).status == status


@EACH
async def test_a_question_may_carry_what_no_server_answers_otherwise_for(staged: StageMaker, proxy: Proxy) -> None:
    """By themselves Traefik, ingress-nginx, Envoy and Cloudflare write these."""
    harmless = (
        "X-Forwarded-Port: 443", "X-Forwarded-Server: traefik-7", "X-Real-IP: 192.0.2.7", "X-Sent-From: nginx-ingress",
        "X-Auth-Request-Redirect: /page", "X-Request-ID: 1", "X-Envoy-External-Address: 192.0.2.7", "CF-Ray: 1",
        "CF-Connecting-IP: 192.0.2.7", "X-Forwarded-Scheme: http", "X-Scheme: http", "api_key: 1",
        "X-Original-Host: wiki.corp.example", "X-Method-Override: GET",
    )  # fmt: skip
    async with staged(server=TRUSTED) as stage:
        more = "".join(line + "\r\n" for line in harmless)
        assert (await stage.ask(proxy("/page", more=more))).status == 200


async def test_the_app_that_names_a_field_is_asked_about_with_it(staged: StageMaker) -> None:
    more = "X-Forwarded-Prefix: /wiki\r\n"
    async with staged(server=TRUSTED, app={"pass_fields": ("X-Forwarded-Prefix",)}) as stage:
        assert (await stage.ask(nginx("/page", more=more))).status == 200
        assert (await stage.ask(nginx("/page", host="open.corp.example", more=more))).status == 400


async def test_a_kept_form_takes_what_the_proxy_says_of_its_button(staged: StageMaker) -> None:
    """What the form came with is older, and was written down by a page."""
    form = replace(KEPT, lines=(*KEPT.lines, b"X-Real-IP: evil", b"SCRIPT_NAME: evil"))
    async with staged(server=TRUSTED, app={"pass_fields": ("X-Real-IP",)}) as stage:
        sending = await kept(stage, form)
        assert (
            await stage.ask(as_alice(button(sending), lines=FORM + "X-Real-IP: 192.0.2.7\r\n"), b"POST")
        ).status == 200
        (request,) = stage.upstream.requests
        assert request.body == KEPT.body
        assert request.get("x-real-ip") == b"192.0.2.7"
        assert told(request) == {}
