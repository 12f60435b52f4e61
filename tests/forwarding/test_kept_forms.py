"""Forms that meet an ended session, at the plane: which go to the portal, and what is sent on for the button."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from config.factors import Factor
from config.settings import SchemeSettings
from proxy.factors.proof import Proof
from proxy.forwarding.lingering import LINGER_SECONDS, PATIENT_PAUSE_SECONDS
from proxy.sessions.kept_requests import SENDING_BYTES, KeptRequest, SendButton
from tests.forwarding.stage import ALICE_TOKEN, HOST, NOW, Stage, StageMaker, session_of
from tests.support.eventually import eventually
from tests.support.upstreams import UpstreamSide

FORM = "Content-Type: application/x-www-form-urlencoded\r\nAccept: text/html,*/*\r\n"
ENDED = "E" * 43
WEAK_TOKEN = b"W" * 43
PASSWORD = (Proof(Factor.PASSWORD, NOW),)
SCHEMES = (
    SchemeSettings(name="weak", factors=("password",)),
    SchemeSettings(name="browser", factors=("password", "sms")),
)
KEPT = KeptRequest(
    owner="guid-alice",
    host=HOST,
    target="/save?x=1",
    lines=(
        b"Content-Type: multipart/form-data; boundary=x",
        b"Origin: http://wiki.corp.example:8080",
        b"Remote-User: mallory",
        b"X-Own: 1",
        b"Accept: text/html",
    ),
    cookie=b"part=of-save; theme=old",
    body=b"\x00\xffbody" * 1000,
    kept_at=NOW,
)


def post(
    body: bytes = b"a=b",
    *,
    target: str = "/save?x=1",
    token: str | None = ENDED,
    lines: str = FORM,
    method: str = "POST",
    cookies: str = "",
) -> bytes:
    cookie = f"Cookie: gatepost={token}{cookies}\r\n" if token is not None else ""
    head = f"{method} {target} HTTP/1.1\r\nHost: {HOST}\r\n{lines}{cookie}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def kept(stage: Stage, request: KeptRequest = KEPT) -> SendButton:
    requests = stage.plane.context.kept_requests
    assert requests is not None
    token = await requests.keep(request)
    assert token is not None
    return requests.sending(token, "id-of-alice")


def button(sending: SendButton) -> bytes:
    return f"gatepost-kept={sending.token}&proof={sending.proof}".encode()


def as_alice(body: bytes, **facts: str) -> bytes:
    return post(body, token=ALICE_TOKEN.decode(), **facts)


@pytest.mark.parametrize(
    "lines",
    [
        FORM,
        "Content-Type: multipart/form-data; boundary=x\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
        "content-type: Text/Plain;charset=utf-8\r\nAccept: text/html\r\n",
    ],
)
async def test_a_form_with_a_cookie_goes_to_the_portal_with_its_target(stage: Stage, lines: str) -> None:
    await stage.ask(post(lines=lines))
    assert stage.upstream.requests == []
    (request,) = stage.portal.requests
    assert request.start == b"POST /.gatepost/keep HTTP/1.1"
    assert request.get("X-Gatepost-Kept-Target") == b"/save?x=1"
    assert request.get("X-Gatepost-Client-Host") == HOST.encode()
    assert request.body == b"a=b"


@pytest.mark.parametrize(
    ("changes", "status", "is_page"),
    [
        ({"token": None}, 401, True),  # as from another site: SameSite=Lax sends no cookie with its POST
        ({"token": "not a token"}, 401, True),
        ({"target": "/" + "x" * 8000}, 401, True),
        ({"lines": "Content-Type: application/json\r\nAccept: text/html\r\n"}, 401, False),
        ({"lines": "Content-Type: text/plain\r\nAccept: */*\r\n"}, 401, False),
        ({"lines": FORM + "Sec-Fetch-Mode: cors\r\n"}, 401, False),
        ({"lines": FORM + "Content-Type: text/plain\r\n"}, 401, False),
        ({"lines": "Accept: text/html\r\n"}, 401, False),
        ({"method": "PUT"}, 401, False),
    ],
)
async def test_anything_else_is_refused_and_nothing_is_kept(
    stage: Stage, changes: dict[str, str | None], status: int, is_page: bool
) -> None:
    answer = await stage.ask(post(**changes), b"POST")  # type: ignore[arg-type]
    assert answer.status == status
    assert (b"did not reach the app and is not kept here" in answer.body) is is_page
    assert (b'"not_signed_in"' in answer.body) is not is_page
    assert stage.portal.requests == stage.upstream.requests == []


NAVIGATION = "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"


@pytest.mark.parametrize(
    "kind", ["Content-Type: application/x-unknown\r\n", "", "Content-Type: a/b\r\nContent-Type: c/d\r\n"]
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_who_sends_a_body_of_any_kind_from_a_page_is_told_so_in_a_page(
    stage: Stage, kind: str, method: str
) -> None:
    browser = f"; gatepost-browser={'C' * 43}"
    answer = await stage.ask(post(lines=kind + NAVIGATION, cookies=browser, method=method), method.encode())
    assert answer.status == 401
    assert b"You were signed out" in answer.body
    assert b"nothing was sent" in answer.body
    href = re.search(rb'<a class="button" href="([^"]+)" target="_blank"', answer.body)
    assert href is not None
    query = parse_qs(urlsplit(html.unescape(href[1].decode())).query)
    assert query["return_to"] == [f"http://{HOST}:8080/"]
    assert query["start"] != [""]


async def test_a_form_that_comes_too_slowly_is_not_called_slow(stage: Stage) -> None:
    whole = post(b"x" * 1000)
    async with stage.client() as client:
        await client.send(whole[:-500])
        await eventually(lambda: stage.portal.connections)
        (connection,) = stage.plane.connections
        await eventually(lambda: connection.served is not None and connection.served.takes_request_data)
        assert connection.served is not None
        connection.served.on_deadline()
        answer = await client.response(b"POST")
    assert answer.status == 401
    assert b"You were signed out" in answer.body
    assert b"did not reach the app and is not kept here" in answer.body


async def test_a_person_gets_to_read_the_answer_to_a_long_upload(stage: Stage) -> None:
    """Their browser shows it once all is sent: only reading on helps."""
    async with stage.client() as client:
        await client.send(post(b"x" * 100_000, token=None)[:-90_000])
        assert (await client.response(b"POST")).status == 401
        (connection,) = stage.plane.connections
        assert connection.deadline - stage.plane.context.moment.now > LINGER_SECONDS
        lingering = connection.lingering
        assert lingering is not None
        connection.deadline = lingering.deadline = soon = stage.plane.context.moment.now + 5
        lingering.discarded = 0
        await client.send(b"x" * 10)
        await eventually(lambda: lingering.discarded == 10)
        assert connection.deadline == soon, "a trickle moves nothing"
        await client.send(b"x" * int(stage.plane.context.min_body_rate * PATIENT_PAUSE_SECONDS))
        await eventually(lambda: connection.deadline > soon)
        assert connection.deadline <= lingering.patient_until


async def test_a_script_hears_the_answer_at_once(stage: Stage) -> None:
    async with stage.client() as client:
        await client.send(post(b"x" * 1000, token=None, lines="Content-Type: application/json\r\n")[:-500])
        assert (await client.response(b"POST")).status == 401
        (connection,) = stage.plane.connections
        assert connection.deadline - stage.plane.context.moment.now <= LINGER_SECONDS


async def test_a_client_cannot_name_the_target_itself(stage: Stage) -> None:
    await stage.ask(post(target="/.gatepost/keep", lines=FORM + "X-Gatepost-Kept-Target: /evil\r\n"))
    (request,) = stage.portal.requests
    assert request.get("X-Gatepost-Kept-Target") is None


async def with_weak_alice(stage: Stage) -> Stage:
    stage.sessions.by_token[WEAK_TOKEN] = session_of(
        "alice", scheme="weak", factors=((Factor.PASSWORD,),), proven=PASSWORD
    )
    return stage


async def test_a_form_of_who_has_proven_too_little_goes_to_the_portal_with_the_scheme(staged: StageMaker) -> None:
    async with staged(app={"scheme": "browser"}, schemes=SCHEMES) as made:
        stage = await with_weak_alice(made)
        await stage.ask(post(token=WEAK_TOKEN.decode(), lines=FORM + "X-Gatepost-Kept-Scheme: mine\r\n"))
        assert stage.upstream.requests == []
        (request,) = stage.portal.requests
        assert request.start == b"POST /.gatepost/keep HTTP/1.1"
        assert request.get("X-Gatepost-Kept-Target") == b"/save?x=1"
        assert request.get("X-Gatepost-Kept-Scheme") == b"browser"
        assert request.body == b"a=b"


@pytest.mark.parametrize("lines", [FORM, "Content-Type: application/x-unknown\r\n" + NAVIGATION])
async def test_who_has_proven_too_little_is_led_to_the_rest_in_a_new_tab(staged: StageMaker, lines: str) -> None:
    async with staged(app={"scheme": "browser"}, schemes=SCHEMES) as made:
        stage = await with_weak_alice(made)
        too_long = "/" + "x" * 8000  # to be kept
        whole = post(target=too_long, token=WEAK_TOKEN.decode(), lines=lines, cookies=f"; gatepost-browser={'C' * 43}")
        answer = await stage.ask(whole, b"POST")
        assert answer.status == 403
        assert b"did not reach the app and is not kept here" in answer.body
        href = re.search(rb'<a class="button" href="([^"]+)" target="_blank"', answer.body)
        assert href is not None
        assert b"/.gatepost/step-up?scheme=browser&amp;return_to=" in href[1]
        assert stage.portal.requests == stage.upstream.requests == []


@pytest.mark.parametrize(
    "lines",
    ["Content-Type: application/json\r\nAccept: text/html\r\n", FORM + "Sec-Fetch-Mode: cors\r\n"],
)
async def test_a_script_that_has_proven_too_little_is_told_in_json(staged: StageMaker, lines: str) -> None:
    async with staged(app={"scheme": "browser"}, schemes=SCHEMES) as made:
        stage = await with_weak_alice(made)
        answer = await stage.ask(post(token=WEAK_TOKEN.decode(), lines=lines), b"POST")
        assert answer.status == 403
        assert b'"too_few_factors"' in answer.body
        assert stage.portal.requests == stage.upstream.requests == []


async def test_a_form_that_proofs_cannot_open_the_app_to_is_refused(staged: StageMaker) -> None:
    async with staged(app={"scheme": "browser", "groups": ["Others"]}, schemes=SCHEMES) as made:
        stage = await with_weak_alice(made)
        answer = await stage.ask(post(token=WEAK_TOKEN.decode()), b"POST")
        assert answer.status == 403
        assert stage.portal.requests == stage.upstream.requests == []


async def test_the_button_sends_the_form_on_as_it_was_and_as_who_is_signed_in_now(stage: Stage) -> None:
    sending = await kept(stage)
    answer = await stage.ask(as_alice(button(sending), cookies="; theme=new"))
    assert (answer.status, answer.body) == (200, b"ok")
    (request,) = stage.upstream.requests
    assert request.start == b"POST /save?x=1 HTTP/1.1"
    assert request.body == KEPT.body
    assert request.get("Content-Type") == b"multipart/form-data; boundary=x"
    assert request.get("Origin") == b"http://wiki.corp.example:8080"
    assert request.get("Remote-User") == b"alice"
    assert request.get("Cookie") == b"part=of-save; theme=new"
    assert request.get("X-Gatepost-Assertion") == b"assertion-alice-Wiki"
    assert request.get("X-Forwarded-For") == b"127.0.0.1"


async def test_the_button_works_once_and_the_connection_goes_on(stage: Stage) -> None:
    sending = await kept(stage)
    async with stage.client() as client:
        whole = as_alice(button(sending))
        await client.send(whole[:-50])
        await client.send(whole[-50:] + as_alice(b"own=form") + as_alice(button(sending)))
        answers = [await client.response(b"POST") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 410]
    assert b"no longer kept" in answers[2].body
    assert [request.body for request in stage.upstream.requests] == [KEPT.body, b"own=form"]


async def test_an_apps_own_form_of_the_same_size_is_its_own(stage: Stage) -> None:
    body = b"gatepost-kept=" + b"%" * 43 + b"&proof=" + b"p" * 43
    assert (await stage.ask(as_alice(body))).status == 200
    (request,) = stage.upstream.requests
    assert request.body == body


@pytest.mark.parametrize("changes", [{"owner": "guid-bob"}, {"target": "/other"}, {"host": "open.corp.example"}])
async def test_a_button_for_anything_else_sends_nothing(stage: Stage, changes: dict[str, str]) -> None:
    sending = await kept(stage, replace(KEPT, **changes))
    assert (await stage.ask(as_alice(button(sending)))).status == 410
    assert stage.upstream.requests == []


async def test_a_button_of_another_session_sends_nothing(stage: Stage) -> None:
    requests = stage.plane.context.kept_requests
    assert requests is not None
    token = await requests.keep(KEPT)
    assert token is not None
    assert (await stage.ask(as_alice(button(requests.sending(token, "another"))))).status == 410
    assert stage.upstream.requests == []


async def test_who_may_not_open_the_app_sends_nothing(stage: Stage) -> None:
    sending = await kept(stage)
    answer = await stage.ask(post(button(sending), token="B" * 43))
    assert answer.status == 403
    assert b"<html" in answer.body  # a person waits for it
    assert stage.upstream.requests == []


async def test_a_session_that_ends_before_the_body_is_there_sends_nothing(stage: Stage) -> None:
    sending = await kept(stage)
    whole = as_alice(button(sending))
    async with stage.client() as client:
        await client.send(whole[:-10])
        await stage.ask(as_alice(b"x"))  # by now the first part was read
        stage.plane.end_session("id-of-alice")
        assert await client.is_closed()
    assert len(stage.upstream.requests) == 1


async def test_a_form_for_an_app_that_breaks_is_answered_in_a_page(staged: StageMaker) -> None:
    async def break_off(side: UpstreamSide) -> None:
        await side.request()

    async with staged(break_off) as stage:
        sending = await kept(stage)
        answer = await stage.ask(as_alice(button(sending)))
        assert answer.status == 502
        assert b"<html" in answer.body


async def test_a_form_of_which_nothing_reached_the_app_is_kept_on(stage: Stage) -> None:
    sending = await kept(stage, replace(KEPT, host="down.corp.example"))
    whole = as_alice(button(sending)).replace(HOST.encode(), b"down.corp.example", 1)
    for _ in range(2):
        answer = await stage.ask(whole)
        assert answer.status == 502
        assert b"<html" in answer.body
    requests = stage.plane.context.kept_requests
    assert requests is not None
    assert await requests.read(sending.token, "down.corp.example", now=NOW) is not None


async def test_a_form_that_cannot_even_be_kept_on_is_answered(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def keep_on(token: str, form: KeptRequest) -> None:
        raise ValueError("nobody expects this")

    sending = await kept(stage, replace(KEPT, host="down.corp.example"))
    monkeypatch.setattr(stage.plane.context.kept_requests, "keep_on", keep_on)
    answer = await stage.ask(as_alice(button(sending)).replace(HOST.encode(), b"down.corp.example", 1))
    assert answer.status == 500
    assert [values["error"] for values in stage.log.of("forwarding.failed")] == ["ValueError"]
    stage.log.events.clear()


# The button's size is 107 bytes; nothing of an app's own that has it may wait for anything.
JSON = "Content-Type: application/json\r\n"


@pytest.mark.parametrize("lines", [FORM, JSON, ""], ids=["a form", "JSON", "no type"])
async def test_a_body_of_the_buttons_size_that_is_held_back_for_100_continue_is_asked_for(
    staged: StageMaker, lines: str
) -> None:
    """As curl and Java send bodies: the app says whether it wants them, and nobody else waits for one."""

    async def asks_for_it(side: UpstreamSide) -> None:
        head = await side.reader.readuntil(b"\r\n\r\n")
        assert b"Expect: 100-continue" in head
        await side.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await side.reader.readexactly(SENDING_BYTES)
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async with staged(asks_for_it) as stage, stage.client() as client:
        body = b"x" * SENDING_BYTES
        await client.send(as_alice(body, lines=lines + "Expect: 100-continue\r\n")[:-SENDING_BYTES])
        assert (await client.response()).status == 100
        assert (await client.ask(body)).body == body


@pytest.mark.parametrize("lines", [FORM, JSON, ""], ids=["a form", "JSON", "no type"])
async def test_an_app_gets_a_body_of_the_buttons_size_as_it_comes(staged: StageMaker, lines: str) -> None:
    """It may answer before all of it is there, and take as long as any other."""

    async def answers_early(side: UpstreamSide) -> None:
        await side.reader.readuntil(b"\r\n\r\n")
        assert await side.reader.readexactly(1) == b"x"
        await side.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await side.reader.read()

    async with staged(answers_early) as stage, stage.client() as client:
        await client.send(as_alice(b"x" * SENDING_BYTES, lines=lines)[: 1 - SENDING_BYTES])
        assert (await client.response()).status == 413


async def test_a_form_that_only_begins_like_the_button_reaches_the_app(stage: Stage) -> None:
    body = (b"gatepost-kept=" + b"x" * SENDING_BYTES)[:SENDING_BYTES]
    async with stage.client() as client:
        await client.send(as_alice(body)[:-50])
        assert (await client.ask(body[-50:])).status == 200
    (request,) = stage.upstream.requests
    assert request.body == body
