"""Who may post: tokens, origins, sizes and shapes. And what the portal makes of requests that nobody should send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http.fetch_metadata import is_own_request
from proxy.portal.csrf import STAMP_SECONDS, Form, csrf_token, form_stamp, is_csrf_token, is_form_stamp
from proxy.portal.forms import parse_form
from proxy.sign_in.time_grid import answer_at
from tests.portal.stage import PASSWORD, SIGN_IN_ORIGIN, Browser, Page, Stage

SIGN_IN = f"{SIGN_IN_ORIGIN}/.gatepost/sign-in"
PATHS = ("sign-in", "passcode", "passcode resend", "passcode new", "sign-out")


async def prepared(stage: Stage, what: str) -> tuple[Browser, str, dict[str, str]]:
    """A browser at the right step, the path, and the fields of a form that would be accepted."""
    browser = stage.browser()
    if what == "sign-in":
        page = await browser.get(SIGN_IN)
        return browser, SIGN_IN, {**page.hidden, "username": "alice", "password": PASSWORD}
    if what == "sign-out":
        await stage.sign_in(browser)
        url = f"{SIGN_IN_ORIGIN}/.gatepost/sign-out"
        return browser, url, (await browser.get(url)).hidden
    page = await stage.to_passcode(browser)
    stage.now += 301 if what.endswith("new") else 31
    fields = {"passcode": stage.passcode} if what == "passcode" else {what.partition(" ")[2]: "yes"}
    return browser, f"{SIGN_IN_ORIGIN}/.gatepost/passcode", {**page.hidden, **fields}


async def moved(stage: Stage, browser: Browser, answer: Page, sent: int, sessions: int) -> bool:
    return (
        answer.status in (200, 303)
        or len(stage.phone.messages) != sent
        or len(await stage.store.sessions.sessions()) != sessions
    )


@pytest.mark.parametrize("what", PATHS)
async def test_the_right_form_is_accepted(stage: Stage, what: str) -> None:
    browser, url, fields = await prepared(stage, what)
    assert (await browser.post(url, fields)).status in (200, 303)


@pytest.mark.parametrize("token", [None, "", "x" * 43, "of another browser", "of another form", "é\udc80"])
@pytest.mark.parametrize("what", PATHS)
async def test_no_form_is_accepted_without_its_token(stage: Stage, what: str, token: str | None) -> None:
    browser, url, fields = await prepared(stage, what)
    sent, sessions = len(stage.phone.messages), len(await stage.store.sessions.sessions())
    csrf_key = stage.portal_key
    if token == "of another browser":
        token = csrf_token(csrf_key, form=Form.SIGN_IN, browser="b" * 43)
    elif token == "of another form":
        own = browser.cookies["signin.corp.example"]["__Host-gatepost-browser"]
        other = Form.PASSCODE if what == "sign-in" else Form.SIGN_IN
        token = csrf_token(csrf_key, form=other, browser=own)
    fields.pop("csrf_token")
    if token is not None:
        fields["csrf_token"] = token.encode(errors="replace").decode()
    answer = await browser.post(url, fields)
    assert answer.status == 403
    assert not await moved(stage, browser, answer, sent, sessions)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://signin.corp.example"},
        {"Origin": "https://wiki.corp.example"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
@pytest.mark.parametrize("what", PATHS)
async def test_no_form_is_accepted_from_elsewhere(stage: Stage, what: str, headers: dict[str, str]) -> None:
    browser, url, fields = await prepared(stage, what)
    sent, sessions = len(stage.phone.messages), len(await stage.store.sessions.sessions())
    answer = await browser.post(url, fields, **headers)
    assert answer.status == 403
    assert not await moved(stage, browser, answer, sent, sessions)


async def test_a_stale_sign_in_form_is_shown_again_with_a_token_that_works(stage: Stage) -> None:
    browser = stage.browser()
    page = await browser.get(SIGN_IN)
    hidden = {**page.hidden, "csrf_token": "A" * 43, "stamp": ""}
    stale = await browser.post(SIGN_IN, {**hidden, "username": "alice", "password": PASSWORD})
    assert stale.status == 403
    assert 'value="alice"' in stale.text
    assert (stage.log[-1]["event"], stage.log[-1]["reason"]) == ("sign_in.refused", "stale_form")
    assert stage.log[-1]["incident"] in stale.text
    answer = await browser.post(SIGN_IN, {**stale.hidden, "username": "alice", "password": PASSWORD})
    assert answer.status == 303


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"username=a&username=b&csrf_token=x", "application/x-www-form-urlencoded", 400),
        (b"username=%ff", "application/x-www-form-urlencoded", 400),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"f%d=" % number for number in range(30)), "application/x-www-form-urlencoded", 400),
        (b'{"username": "alice"}', "application/json", 400),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 400),
        (b"username=" + b"x" * 20_000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_what_is_no_small_form_is_refused(stage: Stage, body: bytes, kind: str, status: int) -> None:
    answer = await stage.browser().request(
        "POST", SIGN_IN, headers={"Content_Type": kind, "Origin": SIGN_IN_ORIGIN}, body=body
    )
    assert answer.status == status


async def test_a_request_that_did_not_come_through_the_plane_is_not_answered(stage: Stage) -> None:
    async with stage.client.get("/.gatepost/sign-in") as answer:
        assert answer.status == 500
        assert "form" not in await answer.text()


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "nothing", 404), ("DELETE", "sign-in", 405)])
async def test_what_is_not_there_is_in_the_log_under_the_pages_incident(
    stage: Stage, method: str, path: str, status: int
) -> None:
    answer = await stage.browser().request(method, f"{SIGN_IN_ORIGIN}/.gatepost/{path}", headers={})
    assert answer.status == status
    assert stage.log[-1]["event"] == "request.refused"
    assert stage.log[-1]["incident"] in answer.text


async def test_a_bug_is_a_500_with_the_incident_that_the_log_has(stage: Stage) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    stage.store.sessions.session_by_cookie = broken  # type: ignore[method-assign, assignment]
    browser = stage.browser()
    browser.cookies["signin.corp.example"] = {"__Host-gatepost": "f" * 43}
    answer = await browser.get(SIGN_IN)
    assert answer.status == 500
    assert "a bug" not in answer.text
    assert "RuntimeError" in stage.log_text
    assert stage.log[-1]["incident"] in answer.text


@given(st.binary(max_size=200))
def test_any_body_is_a_form_or_none(body: bytes) -> None:
    form = parse_form(body)
    assert form is None or all(isinstance(value, str) for value in form.values())


@given(st.text(max_size=50), st.text(max_size=50), st.text(max_size=50))
def test_a_token_is_bound_to_all_its_parts(given_token: str, browser: str, session_id: str) -> None:
    key = b"k" * 32
    browser, session_id = (text.encode(errors="replace").decode() for text in (browser, session_id))
    token = csrf_token(key, form=Form.SIGN_OUT, browser=browser, session_id=session_id)
    assert is_csrf_token(token, key, form=Form.SIGN_OUT, browser=browser, session_id=session_id)
    assert not is_csrf_token(given_token, key, form=Form.SIGN_OUT, browser=browser, session_id=session_id)
    assert not is_csrf_token(token, key, form=Form.SIGN_IN, browser=browser, session_id=session_id)
    assert not is_csrf_token(token, key, form=Form.SIGN_OUT, browser=browser, session_id=session_id + "x")
    if session_id:  # nobody else knows it, and the browser's cookie may be another by now: tabs race for it
        assert is_csrf_token(token, key, form=Form.SIGN_OUT, browser=browser + "x", session_id=session_id)
    else:
        assert not is_csrf_token(token, key, form=Form.SIGN_OUT, browser=browser + "x", session_id=session_id)
        assert not is_csrf_token(token, key, form=Form.SIGN_OUT, browser=None, session_id=session_id)
        assert token != csrf_token(key, form=Form.SIGN_OUT, browser="", session_id=browser) or not browser


@given(st.text(max_size=60), st.text(max_size=50), st.floats(-1e5, 1e5))
def test_a_stamp_is_of_one_token_and_not_too_old(given_stamp: str, token: str, age: float) -> None:
    key, made = b"k" * 32, 1_800_000_000
    stamp = form_stamp(key, token=token, now=made)
    assert is_form_stamp(stamp, key, token=token, now=made + age) is (-60 <= age <= STAMP_SECONDS)
    assert not is_form_stamp(stamp, key, token=token + "x", now=made)
    assert not is_form_stamp(stamp, b"l" * 32, token=token, now=made)
    assert not is_form_stamp(stamp.replace("18", "19", 1), key, token=token, now=made)
    assert not is_form_stamp(given_stamp, key, token=token, now=made)


@pytest.mark.parametrize(
    ("origin", "referer", "site", "own"),
    [
        (None, None, None, True),
        (SIGN_IN_ORIGIN, None, "same-origin", True),
        (None, SIGN_IN_ORIGIN + "/x", None, True),
        (None, "https://signin.corp.example.evil.example/", None, False),
        (None, "https://[", None, False),
        (None, "https://evil.example/" + SIGN_IN_ORIGIN, None, False),
        ("null", SIGN_IN_ORIGIN + "/", None, False),
        (SIGN_IN_ORIGIN, None, "cross-site", False),
    ],
)
def test_what_the_browser_says_of_an_origin(
    origin: str | None, referer: str | None, site: str | None, own: bool
) -> None:
    assert is_own_request(origin=origin, referer=referer, fetch_site=site, own_origin=SIGN_IN_ORIGIN) is own


@given(st.floats(0, 2_000_000_000), st.floats(-100, 100))
def test_refusals_are_answered_on_the_grid(started_at: float, elapsed: float) -> None:
    at = answer_at(started_at, started_at + elapsed)
    assert at >= started_at + min(elapsed, 0) + 0.5 - 1e-5
    assert at >= started_at + elapsed - 1e-5
    assert at - (started_at + max(elapsed, 0)) <= 0.5 + 1e-5
    steps = (at - started_at) / 0.5
    assert abs(steps - round(steps)) < 1e-4


@pytest.mark.parametrize(("elapsed", "answered"), [(0.0, 0.5), (0.01, 0.5), (0.5, 0.5), (0.51, 1.0), (1.7, 2.0)])
def test_the_grid_is_half_a_second(elapsed: float, answered: float) -> None:
    assert answer_at(0.0, elapsed) == answered
