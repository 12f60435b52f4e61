"""What the audit holds after a browser's sign-in, and what it never holds."""

from __future__ import annotations

from tests.portal.stage import PASSWORD, Stage


async def test_a_whole_sign_in_is_recorded_with_its_factors_and_from_where(stage: Stage) -> None:
    browser = stage.browser(address="203.0.113.9")
    await stage.sign_in(browser)

    succeeded, sent = stage.recorded.one("sign_in.succeeded"), stage.recorded.one("passcode.sent")
    assert succeeded.actor is not None
    assert (succeeded.actor.realm, succeeded.actor.name) == ("local", "alice")
    assert (succeeded.address, succeeded.way) == ("203.0.113.9", "")
    assert succeeded.facts == {"scheme": "browser", "factors": "password sms"}
    assert sent.actor == succeeded.actor
    assert sent.facts["outcome"] == "accepted"
    assert sent.personal["destination"].endswith("56")


async def test_a_password_that_is_typed_into_the_name_field_is_recorded_nowhere(stage: Stage) -> None:
    typed = "Tr0ub4dor&3"
    await stage.password(stage.browser(), typed, PASSWORD)
    await stage.password(stage.browser(), f"{typed}@local", PASSWORD)
    assert [each.facts["reason"] for each in stage.recorded.of("sign_in.refused")] == [
        "unknown_user",
        "same_wrong_password_again",
    ]
    assert [each.actor for each in stage.recorded.of("sign_in.refused")] == [None] * 2
    stage.recorded.holds_none_of([typed, typed.lower(), typed[:8]])


async def test_of_a_refused_sign_in_the_account_that_was_named_is_recorded_with_the_real_reason(stage: Stage) -> None:
    await stage.password(stage.browser(), "ALICE", "wrong")
    await stage.password(stage.browser(), "gone", PASSWORD)
    refused = stage.recorded.of("sign_in.refused")
    assert [(each.actor.name, each.facts["reason"]) for each in refused if each.actor is not None] == [
        ("alice", "wrong_password"),
        ("gone", "disabled"),
    ]


async def test_the_cookies_and_the_links_of_a_sign_in_are_recorded_nowhere(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    wrong = stage.wrong_passcode()
    await stage.answer(browser, page, wrong)
    await stage.answer(browser, page, stage.passcode)
    assert "passcode.refused" in stage.recorded.names
    cookies = [value for jar in browser.cookies.values() for value in jar.values()]
    sessions = [each.session_id for each in await stage.store.sessions.sessions()]
    forms = [value for value in page.hidden.values() if len(value) > 12]
    assert cookies
    assert sessions
    assert forms
    stage.recorded.holds_none_of([wrong, *cookies, *sessions, *forms])


async def test_where_it_has_to_be_recorded_and_cannot_the_page_says_that_nobody_can_sign_in(stage: Stage) -> None:
    stage.recorded.is_full = True
    page = await stage.password(stage.browser(), "alice", PASSWORD)
    assert (page.status, page.headers["Retry-After"]) == (503, "5")
    assert "Sign-in is unavailable" in page.text
    assert "Nobody can sign in just now." in page.text
