"""Clients without a browser: what opens an app to them, what they are told, and that nothing of it goes on."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from config.factors import Factor
from config.settings import SchemeSettings
from proxy.factors.confinement import Confinement
from proxy.factors.proof import Proof
from proxy.secrets.tokens import is_service_token
from proxy.sessions.credential_use import UseRefused, UseThrottled
from proxy.sessions.kept_requests import SENDING_BYTES
from proxy.sessions.session import Session
from proxy.sessions.way import Way
from tests.forwarding.stage import ALICE_TOKEN, BOB_TOKEN, NOW, Stage, StageMaker, get, session_of
from tests.support.eventually import eventually

APP_PASSWORD, OTHER_PASSWORD = "abcdefg-hijklmn-opqrstu-vwxyz23", "zyxwvut-srqponm-lkjihgf-edcba76"
SERVICE_TOKEN = "gp_Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3z0wYyS0"
OTHER_TOKEN = "gp_Bb3Bb3Bb3Bb3Bb3Bb3Bb3Bb3Bb3Bb3Bb3Bb3Bb3z3kGwYq"
API_TOKEN, OTHER_API_TOKEN = "P" * 43, "Q" * 43
SECRETS = (APP_PASSWORD, APP_PASSWORD.replace("-", ""), SERVICE_TOKEN, API_TOKEN)
DIGESTED = APP_PASSWORD.replace("-", "").encode()
"""What an app password's digest is made of."""
ALL = ("browser", "bearer", "app_password")
STRONG = SchemeSettings(name="strong", factors=("password", "sms"))  # type: ignore[arg-type]


def basic(password: str = APP_PASSWORD, name: str = "alice") -> str:
    return f"Authorization: Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}\r\n"


def bearer(token: str = SERVICE_TOKEN) -> str:
    return f"Authorization: Bearer {token}\r\n"


def of_credential(factor: Factor, name: str = "alice", *, apps: tuple[str, ...] = ("Wiki",), **limits: Any) -> Session:
    return session_of(
        name,
        session_id=f"{factor.value}-of-{name}",
        scheme=factor.value,
        factors=((factor,),),
        proven=(Proof(factor, NOW),),
        way=Way(factor.value),
        confined=Confinement(apps=apps, credential_id="c", **limits),
    )


def know(stage: Stage) -> Stage:
    stage.sessions.by_secret = {
        DIGESTED: of_credential(Factor.APP_PASSWORD),
        SERVICE_TOKEN.encode(): of_credential(Factor.SERVICE_TOKEN),
        API_TOKEN.encode(): session_of("alice", session_id="api-of-alice", way=Way.API),
    }
    return stage


@pytest.fixture
async def stage(staged: StageMaker) -> AsyncIterator[Stage]:
    async with staged(app={"clients": ALL}) as made:
        yield know(made)


def ask(lines: str, **options: Any) -> bytes:
    return get(token=options.pop("token", None), lines=lines, **options)


def nothing_went_on(stage: Stage) -> None:
    sent = repr(stage.upstream.requests) + repr(stage.portal.requests) + repr(stage.log.events)
    for secret in SECRETS:
        assert secret not in sent
        assert base64.b64encode(f"alice:{secret}".encode()).decode() not in sent


@pytest.mark.parametrize(
    "lines",
    [
        basic(),
        basic(APP_PASSWORD.upper()),
        basic(APP_PASSWORD.replace("-", " ")),
        basic(name=""),
        bearer(),
        bearer(API_TOKEN),
    ],
)
async def test_a_credential_opens_its_app_with_the_persons_fields(stage: Stage, lines: str) -> None:
    async with stage.client() as client:
        for _ in range(3):  # looked up, from memory, and with a head that is known
            assert (await client.ask(ask(lines))).status == 200
    assert [request.get("remote-user") for request in stage.upstream.requests] == [b"alice"] * 3
    assert all(request.get("x-gatepost-assertion") for request in stage.upstream.requests)
    assert all(request.get("authorization") is None for request in stage.upstream.requests)
    assert stage.uses.asked == []
    nothing_went_on(stage)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_name_of_the_scheme_is_read_in_any_case(stage: Stage, scheme: str) -> None:
    assert (await stage.ask(ask(f"Authorization: {scheme}  {SERVICE_TOKEN}\r\n"))).status == 200


@pytest.mark.parametrize(
    ("clients", "lines"),
    [
        (("browser",), basic()),
        (("browser",), bearer()),
        (("browser", "bearer"), basic()),
        (("browser", "app_password"), bearer()),
    ],
)
async def test_only_what_the_app_takes_is_read(staged: StageMaker, clients: tuple[str, ...], lines: str) -> None:
    async with staged(app={"clients": clients}) as stage:
        know(stage)
        refused = await stage.ask(ask(lines))
        assert refused.status == 401
        assert (await stage.ask(ask(lines, token=ALICE_TOKEN))).status == 200, "the cookie counts as ever"
        assert stage.uses.asked == []
        assert stage.upstream.requests[0].get("authorization") is None
        nothing_went_on(stage)


async def test_gateposts_own_pages_are_handed_none(stage: Stage) -> None:
    for lines in (basic(), bearer()):
        for host in ("wiki.corp.example", "signin.corp.example"):
            await stage.ask(ask(lines, target="/.gatepost/me", host=host))
    assert len(stage.portal.requests) == 4
    assert all(request.get("authorization") is None for request in stage.portal.requests)
    nothing_went_on(stage)


async def test_other_apps_take_browsers_alone(stage: Stage) -> None:
    assert (await stage.ask(ask(bearer(API_TOKEN), host="open.corp.example"))).status == 401
    assert stage.upstream.requests == []


async def test_a_rule_takes_some_clients_away(staged: StageMaker) -> None:
    rules = ({"path": "/admin/", "clients": ("browser",)}, {"path": "/hook/", "clients": ("bearer",)})
    async with staged(app={"clients": ALL, "rules": rules}) as stage:
        know(stage)
        assert (await stage.ask(ask(basic(), target="/"))).status == 200
        assert (await stage.ask(ask(basic(), target="/admin/x"))).status == 401
        assert (await stage.ask(ask(bearer(), target="/admin/x"))).status == 401
        assert (await stage.ask(ask("", token=ALICE_TOKEN, target="/admin/x"))).status == 200
        assert (await stage.ask(ask(bearer(), target="/hook/x"))).status == 200
        assert (await stage.ask(ask(basic(), target="/hook/x"))).status == 401
        assert (await stage.ask(ask("", token=ALICE_TOKEN, target="/hook/x"))).status == 401


async def test_where_no_browser_may_come_a_page_load_is_told_so_and_not_sent_to_sign_in(staged: StageMaker) -> None:
    async with staged(app={"clients": ("app_password",)}) as stage:
        know(stage)
        for lines in ("Accept: text/html\r\n", "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"):
            page = await stage.ask(ask(lines, token=ALICE_TOKEN))
            assert page.status == 403
            assert page.get("www-authenticate") is None
            assert b"not to browsers" in page.body
        refused = await stage.ask(ask("", token=ALICE_TOKEN))
        assert (refused.status, refused.all("www-authenticate")) == (401, [b'Basic realm="Wiki", charset="UTF-8"'])
        assert (await stage.ask(ask(basic()))).status == 200


BASIC, BEARER = b'Basic realm="Wiki", charset="UTF-8"', b'Bearer realm="Wiki"'
GATEPOST = b'Gatepost realm="sign-in"'
"""By which a page's own script knows whose answer it is."""


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", [BASIC, BEARER]),
        ("Accept: */*\r\nUser-Agent: git/2.39\r\n", [BASIC, BEARER]),
        ("Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n", [BEARER, GATEPOST]),
        ("sec-fetch-site: none\r\n", [BEARER, GATEPOST]),
        ("Accept: application/xhtml+xml, TEXT/HTML\r\nSec-Fetch-Mode: cors\r\n", [BEARER, GATEPOST]),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PROPFIND", "OPTIONS", "LOCK", "MKCOL"])
async def test_only_what_no_page_made_is_asked_for_a_password(
    stage: Stage, lines: str, expected: list[bytes], method: str
) -> None:
    refused = await stage.ask(ask(lines, method=method))
    assert (refused.status, refused.all("www-authenticate")) == (401, expected)
    assert refused.get("content-type") == b"application/json"


async def test_a_script_that_sends_a_wrong_password_makes_no_browser_ask_for_a_better_one(stage: Stage) -> None:
    for lines in (basic("wrong"), basic(OTHER_PASSWORD)):
        of_script = await stage.ask(ask(lines + "Sec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\n"))
        assert (of_script.status, of_script.all("www-authenticate")) == (401, [BEARER + b', error="invalid_token"'])
        of_client = await stage.ask(ask(lines + "Accept: text/html\r\n"))
        assert of_client.all("www-authenticate")[0] == BASIC


async def test_a_page_load_is_sent_to_sign_in_as_ever(stage: Stage) -> None:
    sent = await stage.ask(ask("Accept: text/html\r\n"))
    assert sent.status == 302
    assert sent.get("www-authenticate") is None


async def test_an_app_for_browsers_asks_nobody_for_a_password(stage: Stage) -> None:
    refused = await stage.ask(ask("", host="open.corp.example"))
    assert refused.all("www-authenticate") == [b'Gatepost realm="sign-in"']


@pytest.mark.parametrize("name", ['Wi"ki\\', "Räume"])
async def test_the_realm_is_one_quoted_text_whatever_the_app_is_called(staged: StageMaker, name: str) -> None:
    async with staged(app={"clients": ALL, "name": name}) as stage:
        refused = await stage.ask(ask(""))
        realm = r'"Wi\"ki\\"' if name.isascii() else '"wiki.corp.example"'
        assert refused.all("www-authenticate")[1] == f"Bearer realm={realm}".encode()


WRONG = [
    basic("the-password-of-their-account"),
    basic(OTHER_PASSWORD),
    basic(API_TOKEN),
    basic(SERVICE_TOKEN),
    "Authorization: Basic !!!\r\n",
    "Authorization: Basic\r\n",
    "Authorization: Basic " + base64.b64encode(b"no colon").decode() + "\r\n",
    bearer(OTHER_TOKEN),
    bearer(OTHER_API_TOKEN),
    bearer(SERVICE_TOKEN[:-1] + ("0" if SERVICE_TOKEN[-1] != "0" else "1")),
    bearer(SERVICE_TOKEN[:10]),
    bearer(APP_PASSWORD),
    bearer(API_TOKEN + " x"),
    "Authorization: Bearer\r\n",
    "Authorization: Bearer \xe9\xe9\r\n",
]


@pytest.mark.parametrize("lines", WRONG)
@pytest.mark.parametrize("page", ["", "Accept: text/html\r\n"])
async def test_what_opens_nothing_is_refused_in_json_never_with_a_page(stage: Stage, lines: str, page: str) -> None:
    for token in (None, ALICE_TOKEN):
        refused = await stage.ask(ask(lines + page, token=token))
        assert (refused.status, refused.get("content-type")) == (401, b"application/json")
        assert refused.all("www-authenticate")[-1] == b'Bearer realm="Wiki", error="invalid_token"'
        assert json.loads(refused.body)["error"] == "not_signed_in"
    assert stage.upstream.requests == stage.portal.requests == []


async def test_what_has_not_the_form_of_a_credential_is_looked_up_nowhere(stage: Stage) -> None:
    await stage.ask(ask(basic("the-password-of-their-account")))
    await stage.ask(ask(basic(OTHER_PASSWORD)))
    assert [(use.digest is None, use.factor, use.app) for use in stage.uses.asked] == [
        (True, Factor.APP_PASSWORD, "Wiki"),
        (False, Factor.APP_PASSWORD, "Wiki"),
    ]


def test_the_other_token_is_wrong_for_no_other_reason() -> None:
    assert is_service_token(SERVICE_TOKEN.encode())
    assert is_service_token(OTHER_TOKEN.encode())


async def test_two_fields_open_nothing(stage: Stage) -> None:
    for lines in (bearer() + basic(), basic() + basic()):
        assert (await stage.ask(ask(lines))).status in (400, 401)
    assert stage.upstream.requests == []


@pytest.mark.parametrize("target", [f"/?access_token={SERVICE_TOKEN}", f"/{API_TOKEN}", f"/?token={APP_PASSWORD}"])
async def test_a_token_in_an_address_is_never_read(stage: Stage, target: str) -> None:
    assert (await stage.ask(ask("", target=target))).status == 401
    assert stage.uses.asked == []
    nothing_went_on(stage)


async def test_a_token_is_no_cookie_and_a_cookie_no_token(stage: Stage) -> None:
    assert (await stage.ask(get(token=API_TOKEN.encode()))).status == 401
    assert (await stage.ask(ask(bearer(ALICE_TOKEN.decode())))).status == 401
    assert stage.upstream.requests == []


@pytest.mark.parametrize("way", [each for each in Way if each is not Way.APP_PASSWORD])
async def test_a_password_names_no_session_of_another_way(stage: Stage, way: Way) -> None:
    stage.sessions.by_secret[DIGESTED] = session_of("alice", session_id="other", way=way)
    for _ in range(2):  # looked up, and from memory
        assert (await stage.ask(ask(basic()))).status == 401
    assert stage.upstream.requests == []


@pytest.mark.parametrize("way", [each for each in Way if each not in (Way.API, Way.SERVICE_TOKEN)])
async def test_a_token_names_no_session_of_another_way(stage: Stage, way: Way) -> None:
    stage.sessions.by_secret[API_TOKEN.encode()] = session_of("alice", session_id="other", way=way)
    for _ in range(2):
        assert (await stage.ask(ask(bearer(API_TOKEN)))).status == 401
    assert stage.upstream.requests == []


async def test_another_proxy_is_told_nothing_of_a_credential_that_it_would_pass_on(staged: StageMaker) -> None:
    async with staged(app={"clients": ALL}, server={"trusted_proxies": ("127.0.0.1",)}) as stage:
        know(stage)
        asked = "X-Original-URL: http://wiki.corp.example:8080/\r\nX-Original-Method: GET\r\n"
        for lines in (bearer(), basic()):
            refused = await stage.ask(ask(asked + lines, target="/.gatepost/authorize"))
            assert refused.status == 401
        allowed = await stage.ask(ask(asked, target="/.gatepost/authorize", token=ALICE_TOKEN))
        assert allowed.status == 200


async def test_credential_and_cookie_of_two_persons_are_refused(stage: Stage) -> None:
    for lines in (basic(), bearer(), bearer(API_TOKEN)):
        for _ in range(2):  # looked up, and from memory
            refused = await stage.ask(ask(lines, token=BOB_TOKEN))
            assert (refused.status, json.loads(refused.body)["error"]) == (400, "ambiguous_request")
    assert stage.upstream.requests == []
    assert (await stage.ask(ask(basic(), token=ALICE_TOKEN))).status == 200
    assert (await stage.ask(ask(basic(), token=b"x" * 43))).status == 200, "an ended cookie names nobody"


async def test_two_persons_on_one_connection_are_told_apart(stage: Stage) -> None:
    bobs = OTHER_PASSWORD
    stage.sessions.by_secret[bobs.replace("-", "").encode()] = of_credential(Factor.APP_PASSWORD, "bob")
    async with stage.client() as client:
        for _ in range(2):
            assert (await client.ask(ask(basic()))).status == 200
            assert (await client.ask(ask(basic(bobs)))).status == 403
            assert (await client.ask(ask(""))).status == 401
            assert (await client.ask(get(token=BOB_TOKEN))).status == 403
    assert [request.get("remote-user") for request in stage.upstream.requests] == [b"alice"] * 2


async def test_a_credential_of_another_app_is_refused_and_told_which_it_opens(stage: Stage) -> None:
    stage.sessions.by_secret[DIGESTED] = of_credential(Factor.APP_PASSWORD, apps=("Payroll",))
    refused = await stage.ask(ask(basic()))
    assert (refused.status, refused.get("content-type")) == (403, b"application/json")
    assert b"opens only Payroll" in refused.body
    assert stage.upstream.requests == []


async def test_a_person_outside_the_groups_is_refused(stage: Stage) -> None:
    stage.sessions.by_secret[DIGESTED] = of_credential(Factor.APP_PASSWORD, "bob")
    refused = await stage.ask(ask(basic()))
    assert refused.status == 403
    assert b"Wiki Users" in refused.body
    (logged,) = stage.log.of("request.refused")
    assert (logged["guid"], logged["reason"]) == ("guid-bob", "groups")


@pytest.mark.parametrize(
    ("limits", "method", "status"),
    [
        ({"methods": ("GET", "PROPFIND")}, "PROPFIND", 200),
        ({"methods": ("GET", "PROPFIND")}, "PUT", 403),
        ({"methods": ("GET",)}, "HEAD", 403),
        ({"networks": ("127.0.0.0/8",)}, "GET", 200),
        ({"networks": ("192.0.2.0/24", "2001:db8::/32")}, "GET", 403),
    ],
)
async def test_a_credential_is_good_within_its_limits(
    stage: Stage, limits: dict[str, Any], method: str, status: int
) -> None:
    stage.sessions.by_secret[DIGESTED] = of_credential(Factor.APP_PASSWORD, **limits)
    for _ in range(2):
        assert (await stage.ask(ask(basic(), method=method), method.encode())).status == status


@pytest.mark.parametrize(
    ("target", "lines"),
    [
        ("/?_method=DELETE", ""),
        ("/", "X-HTTP-Method-Override: DELETE\r\n"),
        ("/", "X-Method-Override: PUT\r\n"),
    ],
)
async def test_a_limit_to_methods_is_not_got_round_by_naming_another(
    staged: StageMaker, target: str, lines: str
) -> None:
    app = {"clients": ALL, "pass_fields": ("x-http-method-override", "x-method-override")}
    async with staged(app=app) as stage:
        know(stage).sessions.by_secret[DIGESTED] = of_credential(Factor.APP_PASSWORD, methods=("GET",))
        assert (await stage.ask(ask(basic() + lines, target=target))).status == 403
        assert stage.upstream.requests == []
        assert (await stage.ask(ask(basic() + "X-Method-Override: get\r\n", target="/?_method=GET"))).status == 200
        assert (await stage.ask(ask(bearer() + lines, target=target))).status == 200, "this one has no such limit"


async def test_it_stands_in_for_what_the_app_asks_for_and_for_no_rule_that_asks_for_more(staged: StageMaker) -> None:
    app = {"clients": ALL, "scheme": "strong", "rules": ({"path": "/admin/", "scheme": "strong"},)}
    async with staged(app=app, schemes=(STRONG,)) as stage:
        know(stage)
        for lines in (basic(), bearer()):
            assert (await stage.ask(ask(lines))).status == 200
            refused = await stage.ask(ask(lines, target="/admin/"))
            assert (refused.status, refused.get("content-type")) == (403, b"application/json")
        assert (await stage.ask(ask(bearer(API_TOKEN), target="/admin/"))).status == 200, "this one has proven it"
        half = session_of("alice", session_id="half", way=Way.API, proven=(Proof(Factor.PASSWORD, NOW),))
        stage.sessions.by_secret[API_TOKEN.encode()] = half
        assert (await stage.ask(ask(bearer(API_TOKEN)))).status == 401, "half a session is none"


async def test_a_session_that_begins_by_it_is_used_at_once(stage: Stage) -> None:
    stage.sessions.by_secret.clear()
    stage.uses.answer = None
    begun = of_credential(Factor.APP_PASSWORD)
    stage.uses.begins = lambda: stage.sessions.by_secret.update({DIGESTED: begun})
    async with stage.client() as client:
        for _ in range(3):
            assert (await client.ask(ask(basic() + "User-Agent: git/2.39\r\n"))).status == 200
    (use,) = stage.uses.asked
    assert (use.factor, use.address, use.user_agent) == (Factor.APP_PASSWORD, "127.0.0.1", "git/2.39")
    assert APP_PASSWORD not in repr(use)


@pytest.mark.parametrize(("sent", "kept"), [("x" * 1000, "x" * 256), ("git\u009b2J", "git\ufffd\ufffd2J"), ("", "")])
async def test_of_what_a_client_calls_itself_no_more_is_kept_than_of_a_browser(
    stage: Stage, sent: str, kept: str
) -> None:
    stage.sessions.by_secret.clear()
    head = ask(basic() + "User-Agent: AGENT\r\n").replace(b"AGENT", sent.encode())
    assert (await stage.ask(head)).status == 401
    (use,) = stage.uses.asked
    assert use.user_agent == kept


async def test_a_session_that_is_gone_again_opens_nothing(stage: Stage) -> None:
    stage.sessions.by_secret.clear()
    stage.uses.answer = None
    assert (await stage.ask(ask(basic()))).status == 401
    assert stage.upstream.requests == []


@pytest.mark.parametrize(
    ("answer", "status", "retry_after"),
    [
        (UseRefused.UNKNOWN, 401, None),
        (UseRefused.OVER, 401, None),
        (UseRefused.ACCOUNT, 401, None),
        (UseRefused.NO_SCHEME, 403, None),
        (UseRefused.DIRECTORY_AWAY, 503, b"5"),
        (UseThrottled(77), 429, b"77"),
    ],
)
async def test_each_refusal_has_its_status(
    stage: Stage, answer: UseRefused | UseThrottled, status: int, retry_after: bytes | None
) -> None:
    stage.sessions.by_secret.clear()
    stage.uses.answer = answer
    refused = await stage.ask(ask(basic() + "Accept: text/html\r\n"))
    assert (refused.status, refused.get("retry-after")) == (status, retry_after)
    assert len(refused.all("www-authenticate")) == (2 if status == 401 else 0)


async def test_a_public_part_is_open_whatever_is_sent(staged: StageMaker) -> None:
    async with staged(app={"clients": ("app_password",), "rules": ({"path": "/open/", "public": True},)}) as stage:
        know(stage)
        for lines in ("", basic("wrong"), bearer()):
            assert (await stage.ask(ask(lines, target="/open/x"))).status == 200
        assert (await stage.ask(ask(basic(), target="/open/x"))).status == 200
        users = [request.get("remote-user") for request in stage.upstream.requests]
        assert users == [None, None, None, b"alice"]


async def test_no_body_of_a_client_is_taken_for_a_button(stage: Stage) -> None:
    form = (
        f"Content-Type: application/x-www-form-urlencoded\r\nAccept: text/html\r\nContent-Length: {SENDING_BYTES}\r\n"
    )
    async with stage.client() as client:
        await client.send(ask(basic() + form, method="POST"))
        await eventually(lambda: stage.upstream.connections)  # its body is not waited for


async def test_a_form_by_a_client_is_neither_kept_nor_taken_for_a_button(stage: Stage) -> None:
    form = "Content-Type: application/x-www-form-urlencoded\r\nAccept: text/html\r\nContent-Length: 3\r\n"
    refused = await stage.ask(ask(basic("wrong") + form, method="POST", token=ALICE_TOKEN) + b"a=b")
    assert (refused.status, stage.portal.requests) == (401, [])
    assert (await stage.ask(ask(basic() + form, method="POST") + b"a=b")).status == 200


@pytest.mark.parametrize(
    "lines",
    [
        bearer(),
        basic(),
        basic(APP_PASSWORD.upper()),
        basic(SERVICE_TOKEN),
        basic("", name=SERVICE_TOKEN),
        f"Authorization: Token {SERVICE_TOKEN}\r\n",
    ],
)
@pytest.mark.parametrize("token", [ALICE_TOKEN, None])
async def test_sent_to_an_app_that_wants_authorization_for_itself_it_goes_no_further(
    staged: StageMaker, lines: str, token: bytes | None
) -> None:
    rules = ({"path": "/open/", "public": True},)
    async with staged(app={"pass_authorization": True, "rules": rules}) as stage:
        assert (await stage.ask(ask(lines, token=token, target="/open/x"))).status == 200
        assert stage.upstream.requests[0].get("authorization") is None
        nothing_went_on(stage)
