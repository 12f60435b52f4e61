"""From the password to the session: what is refused, how it looks, and what it costs."""

import asyncio
import html
import re

import pytest

from config.settings import ThrottleSettings
from directory.directory import RefusalReason
from directory.errors import DirectoryBusy, DirectoryMisconfigured, DirectoryUnavailable, OutcomeUnknown
from proxy.delivery.channel import Outcome
from tests.portal.stage import NOW, PASSWORD, SIGN_IN_ORIGIN, START, WIKI, Browser, Page, Stage, running_portal

SIGN_IN = f"{SIGN_IN_ORIGIN}/.gatepost/sign-in"


async def test_a_password_and_a_passcode_lead_through_a_ticket_to_the_page_that_was_asked_for(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser, return_to=f"{WIKI}/a%2Fb?q=1", start=START)
    assert page.status == 200
    assert "•••••••• 456" in page.text
    assert "07400" not in page.text
    landing = await stage.answer(browser, page, stage.passcode)
    assert landing.status == 303
    assert landing.location.startswith(f"{WIKI}/.gatepost/ticket?ticket=")
    message = stage.phone.messages[0]
    assert (message.number, message.app, message.host, message.minutes) == (
        "+447400123456",
        "Wiki",
        "wiki.corp.example",
        5,
    )


async def test_the_form_is_right_for_password_managers_and_screen_readers(stage: Stage) -> None:
    page = await stage.browser().get(SIGN_IN)
    assert page.status == 200
    assert 'autocomplete="username"' in page.text
    assert 'autocomplete="current-password"' in page.text
    assert '<label for="password" id="label-password">' in page.text
    assert '<html lang="en" dir="ltr">' in page.text


async def test_pages_carry_the_protective_header_fields(stage: Stage) -> None:
    page = await stage.browser().get(SIGN_IN)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert f"form-action 'self' {WIKI} https://forms.corp.example;" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in page.headers
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert "<style" not in page.text
    assert "style=" not in page.text


REFUSALS = {
    "unknown": ("nobody", PASSWORD),
    "wrong": ("alice", "wrong"),
    "disabled": ("gone", PASSWORD),
    "empty password": ("alice", ""),
    "empty name": ("", PASSWORD),
    "NUL": ("alice", "a\0b"),
    "over-long": ("alice", "x" * 2000),
    "unknown realm": ("alice@nowhere.example", PASSWORD),
    "control character": ("ali\x01ce", PASSWORD),
}


@pytest.mark.parametrize(("username", "password"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_every_refusal_looks_the_same(stage: Stage, username: str, password: str) -> None:
    browser = stage.browser()
    reference = await stage.password(browser, "alice", "not it")
    answer = await stage.password(browser, username, password)
    assert answer.status == reference.status == 401

    def comparable(text: str) -> str:
        return text.replace(f'value="{username}"', 'value="alice"').replace('value=""', 'value="alice"')

    shown = comparable(answer.look).replace(" required autofocus", " required")
    assert shown == comparable(reference.look).replace(" required autofocus", " required")
    assert set(answer.headers) == set(reference.headers)
    assert stage.phone.messages == []
    assert browser.session_cookie() is None
    assert stage.pauses == [0.5, 0.5]


@pytest.mark.parametrize("reason", list(RefusalReason))
async def test_what_the_directory_says_of_an_account_stays_in_the_log(stage: Stage, reason: RefusalReason) -> None:
    stage.scripted.reason = reason
    answer = await stage.password(stage.browser(), "scripted@corp")
    assert answer.status == 401
    assert "Your user name or password is not right." in answer.text
    assert stage.log[-1]["reason"] == reason.value
    assert stage.log[-1]["guid"] == stage.scripted.account.guid
    assert stage.log[-1]["realm"] == "corp"
    assert stage.log[-1]["incident"] in answer.text


async def test_a_throttled_person_gets_the_same_refusal_and_no_bind_of_theirs(stage: Stage) -> None:
    browser = stage.browser()
    pages = [await stage.password(browser, "scripted@corp", f"guess {number}") for number in range(6)]
    assert {page.status for page in pages} == {401}
    assert len({page.look for page in pages[:2]}) == len({page.look for page in pages[3:]}) == 1
    assert stage.scripted.binds == 3
    assert stage.log[-1]["reason"] == "passwords_from_unfamiliar_addresses"


async def test_parallel_passwords_cannot_pass_the_limit(stage: Stage) -> None:
    browsers = [stage.browser() for _ in range(12)]
    guesses = enumerate(browsers)
    await asyncio.gather(*(stage.password(browser, "scripted@corp", f"guess {n}") for n, browser in guesses))
    assert stage.scripted.binds == 3


async def test_parallel_passwords_of_one_person_bind_one_at_a_time(stage: Stage) -> None:
    browsers = [stage.browser() for _ in range(3)]
    guesses = enumerate(browsers)
    await asyncio.gather(*(stage.password(browser, "scripted@corp", f"guess {n}") for n, browser in guesses))
    assert (stage.scripted.binds, stage.scripted.most_binding) == (3, 1)


async def test_too_many_tries_from_one_address_are_told_so(stage: Stage) -> None:
    async with running_portal(
        stage.settings.directories[0].file.parent, throttle=ThrottleSettings(passwords_per_address=2)
    ) as strict:
        browser = strict.browser()
        for name in ("a", "b"):
            assert (await strict.password(browser, name)).status == 401
        answer = await strict.password(browser, "c")
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) > 0


async def test_a_right_password_clears_the_failures_before_it(stage: Stage) -> None:
    browser = stage.browser()
    for number in range(2):
        await stage.password(browser, "alice", f"wrong {number}")
    for number in range(3):
        assert (await stage.password(browser)).status == 303
        await stage.password(browser, "alice", f"wrong again {number}")


@pytest.mark.parametrize(
    "error", [DirectoryUnavailable("corp", "hangs"), DirectoryMisconfigured("corp", "no base"), DirectoryBusy("busy")]
)
async def test_a_directory_that_is_away_is_a_503_and_costs_no_attempt(stage: Stage, error: Exception) -> None:
    browser = stage.browser()
    stage.scripted.error = error  # type: ignore[assignment]
    for _ in range(6):
        answer = await stage.password(browser, "scripted@corp")
        assert answer.status == 503
        assert answer.headers["Retry-After"]
        assert "incident" in answer.text
    assert stage.scripted.binds == 6


async def test_a_store_that_is_away_is_a_503_and_no_bind(stage: Stage) -> None:
    browser = stage.browser()
    stage.store.away = True
    answer = await stage.password(browser, "scripted@corp")
    assert answer.status == 503
    assert stage.scripted.binds == 0


async def test_an_audit_that_has_to_be_written_and_cannot_is_a_503_and_no_bind(stage: Stage) -> None:
    browser = stage.browser()
    stage.recorded.is_full = True
    answer = await stage.password(browser, "scripted@corp")
    assert (answer.status, stage.scripted.binds) == (503, 0)
    assert browser.session_cookie() is None


@pytest.mark.parametrize(("name", "reason"), [("bob", "mobile_empty"), ("carol", "mobile_not_mobile")])
async def test_without_a_usable_number_the_page_says_who_can_help(stage: Stage, name: str, reason: str) -> None:
    browser = stage.browser()
    answer = await stage.password(browser, name)
    assert answer.status == 403
    assert "help desk" in answer.text
    assert stage.log[-1]["reason"] == reason
    assert "7946" not in stage.log_text + answer.text
    assert browser.session_cookie() is None


async def test_a_scheme_with_the_password_alone_signs_in_at_once(stage: Stage) -> None:
    browser = stage.browser()
    answer = await stage.password(browser, "admin", return_to=f"{WIKI}/", start=START)
    assert answer.location.startswith(f"{WIKI}/.gatepost/ticket?")
    assert stage.phone.messages == []
    elsewhere = stage.browser(address="203.0.113.9")
    assert (await stage.password(elsewhere, "admin")).status == 403  # falls to sms, and has no number


PAGE = {"return_to": f"{WIKI}/page?x=1", "start": START}


async def test_without_a_scheme_nobody_signs_in(stage: Stage) -> None:
    folder = stage.settings.directories[0].file.parent
    async with running_portal(
        folder, schemes=[{"name": "admins", "factors": ["password"], "groups": ["Gatepost Admins"]}]
    ) as strict:
        browser = strict.browser()
        answer = await strict.password(browser)
        assert answer.status == 403
        assert browser.session_cookie() is None
        assert strict.log[-1]["reason"] == "no_scheme"
        assert await starts_again_for(await strict.password(browser, **PAGE), browser)


async def starts_again_for(refused: Page, browser: Browser) -> bool:
    """Whether its link leads to a sign-in that goes on to `PAGE`."""
    (href,) = re.findall(r'<a class="button" href="([^"]+)"', refused.text)
    form = await browser.get(SIGN_IN_ORIGIN + html.unescape(href))
    return form.status == 200 and {name: form.hidden[name] for name in PAGE} == PAGE


@pytest.mark.parametrize("who", ["carol", "bob"])
async def test_after_a_number_was_corrected_the_page_asked_for_is_still_known(stage: Stage, who: str) -> None:
    browser = stage.browser()
    refused = await stage.password(browser, who, **PAGE)
    assert "No usable mobile number" in refused.text
    assert await starts_again_for(refused, browser)


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.UNAVAILABLE])
async def test_a_message_that_nobody_took_can_be_tried_again_with_the_same_passcode(
    stage: Stage, outcome: Outcome
) -> None:
    browser = stage.browser()
    stage.phone.outcome = outcome
    answer = await stage.password(browser)
    assert answer.status == 503
    assert "•••••••• 456" in answer.text
    stage.phone.outcome = Outcome.ACCEPTED
    again = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/passcode", answer.hidden)
    assert again.status == 303
    assert len({message.passcode for message in stage.phone.messages}) == 1
    page = await browser.get(SIGN_IN_ORIGIN + again.location)
    assert (await stage.answer(browser, page, stage.passcode)).location == "/"


async def test_a_message_that_may_arrive_leads_to_the_passcode_page(stage: Stage) -> None:
    stage.phone.outcome = Outcome.UNKNOWN
    assert (await stage.to_passcode(stage.browser())).status == 200


async def test_a_second_app_needs_no_second_sign_in(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    answer = await browser.get(f"{SIGN_IN}?return_to=https://forms.corp.example/x&start={START}")
    assert answer.location.startswith("https://forms.corp.example/.gatepost/ticket?ticket=")
    assert len(stage.phone.messages) == 1


async def test_many_tabs_at_once_all_lead_on(stage: Stage) -> None:
    browser = stage.browser()
    await browser.get(SIGN_IN)
    tabs = [await browser.get(f"{SIGN_IN}?return_to={WIKI}/{number}&start={START}") for number in range(10)]
    await stage.sign_in(browser)
    for tab in tabs:
        answer = await browser.post(SIGN_IN, {**tab.hidden, "username": "alice", "password": PASSWORD})
        assert answer.location.startswith(f"{WIKI}/.gatepost/ticket?")
    assert len(stage.phone.messages) == 1


async def test_another_name_in_a_signed_in_browser_is_a_new_sign_in(stage: Stage) -> None:
    browser = stage.browser()
    tab = await browser.get(SIGN_IN)
    await stage.sign_in(browser)
    before = browser.copy()
    answer = await browser.post(SIGN_IN, {**tab.hidden, "username": "admin", "password": PASSWORD})
    assert answer.location == "/"
    assert "Admin" in (await browser.get(SIGN_IN_ORIGIN)).text
    assert (await before.get(SIGN_IN_ORIGIN)).status == 303  # the older session is over


async def test_a_cookie_from_before_the_sign_in_is_worthless_after_it(stage: Stage) -> None:
    browser = stage.browser()
    browser.cookies["signin.corp.example"] = {"__Host-gatepost": "f" * 43}
    page = await stage.to_passcode(browser)
    half = browser.session_cookie()
    (first_factor,) = await stage.store.sessions.sessions()
    await stage.answer(browser, page, stage.passcode)
    (signed_in,) = await stage.store.sessions.sessions()
    assert first_factor.session_id != signed_in.session_id
    full = browser.session_cookie()
    assert len({"f" * 43, half, full}) == 3
    for old in ("f" * 43, half):
        thief = stage.browser()
        thief.cookies["signin.corp.example"] = {"__Host-gatepost": str(old)}
        assert (await thief.get(SIGN_IN_ORIGIN)).location == "/.gatepost/sign-in"


@pytest.mark.parametrize("path", ["/", "/.gatepost/sign-in?return_to=https://wiki.corp.example/&start=" + START])
async def test_half_signed_in_opens_nothing(stage: Stage, path: str) -> None:
    browser = stage.browser()
    await stage.to_passcode(browser)
    answer = await browser.get(SIGN_IN_ORIGIN + path)
    assert "ticket" not in answer.headers.get("Location", "")
    assert "Wiki</strong>" not in answer.text
    # A link, and where no script runs a button, which keeps the fragment.
    assert (await browser.get(SIGN_IN)).text.count("/.gatepost/passcode") == 2


async def test_a_duplicate_or_malformed_cookie_counts_as_none(stage: Stage) -> None:
    browser = stage.browser()
    await stage.sign_in(browser)
    token = browser.session_cookie()
    for cookie in (
        f"__Host-gatepost={token}; __Host-gatepost={token}",
        f"__Host-gatepost={token}x",
        f"gatepost={token}",
    ):
        answer = await browser.get(SIGN_IN_ORIGIN, Cookie=cookie)
        assert answer.location == "/.gatepost/sign-in"


async def test_nothing_secret_is_logged(stage: Stage) -> None:
    browser = stage.browser()
    await stage.password(browser, "my secret typed as a name", "hunter22")
    landing = await stage.sign_in(browser, return_to=f"{WIKI}/", start=START)
    secrets = [
        "my secret",
        "hunter22",
        PASSWORD,
        stage.passcode,
        "7400123456",
        browser.session_cookie(),
        landing.location.partition("ticket=")[2],
    ]
    for secret in secrets:
        assert str(secret) not in stage.log_text
    assert any(line.get("name") for line in stage.log)
    assert stage.now == NOW


async def test_a_password_that_was_sent_and_not_answered_stays_counted(stage: Stage) -> None:
    stage.scripted.error = OutcomeUnknown("corp", "no answer in time")
    browser = stage.browser()
    pages = [await stage.password(browser, "scripted@corp", f"guess {number}") for number in range(6)]
    assert {page.status for page in pages} == {503}
    assert stage.scripted.binds == 3
