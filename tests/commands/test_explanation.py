"""The steps of an explanation, as pure functions: they say what a sign-in decides, and show no number."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.factors import Factor
from config.settings import MobileSettings, SchemeSettings
from directory.directory import AccountState, RefusalReason
from directory.mobile import E164, UsableNumber
from proxy.factors.passcode.known_numbers import Refuse, Send, SendByMail, Wait
from proxy.factors.passcode.passcodes import Judged
from proxy.factors.second_factor import Chosen
from proxy.help_desk.number_steps import change_step, masked_text, number_steps
from proxy.help_desk.steps import account_steps, scheme_steps
from proxy.help_desk.throttle_steps import throttle_steps
from proxy.help_desk.verdict import Step, step_text, verdict_of
from proxy.pages.local_time import brief_text
from proxy.secrets.keys import Keys
from proxy.sign_in.account_stops import account_stops
from proxy.sign_in.changed_numbers import confirmable, number_found
from proxy.sign_in.foreseen import LimitFound
from proxy.sign_in.schemes_found import judge_schemes
from proxy.throttle.limits import CounterState, Limit
from tests.support.people import NOW, principal

KEYS = Keys(b"k" * 32, clock=lambda: NOW)
TICKETS = SchemeSettings(name="tickets", factors=("kerberos", "sms"))
BROWSER = SchemeSettings(name="browser", factors=("password", "sms"))
STAFF = SchemeSettings(name="staff", factors=("password",), groups=("Staff",))


def state(*refusals: RefusalReason) -> AccountState:
    return AccountState(principal=principal(), refusals=refusals, told_by="dc1.corp.example")


def told_of(state: AccountState, *, can_change_password: bool) -> list[bool | None]:
    stops = account_stops(state, Factor.PASSWORD, can_change_password=can_change_password)
    return [step.ok for step in account_steps(state, stops=stops)]


def test_only_a_change_that_is_offered_mends_a_password() -> None:
    expired = state(RefusalReason.PASSWORD_EXPIRED)
    assert told_of(expired, can_change_password=True) == [None]
    assert told_of(expired, can_change_password=False) == [False]


@pytest.mark.parametrize("reason", [RefusalReason.DISABLED, RefusalReason.LOCKED, RefusalReason.ACCOUNT_EXPIRED])
def test_a_change_of_the_password_mends_nothing_else(reason: RefusalReason) -> None:
    assert told_of(state(reason), can_change_password=True) == [False]


def named(steps: list[Step]) -> list[tuple[bool | None, str]]:
    return [(step.ok, step.detail.split('"')[1] if '"' in step.detail else "") for step in steps]


def told_of_schemes(
    schemes: tuple[SchemeSettings, ...],
    address: str | None = None,
    *,
    first_factors: tuple[Factor, ...] = (Factor.PASSWORD,),
    app: str = "",
) -> tuple[list[Step], list[SchemeSettings]]:
    """The steps, and the schemes that count."""
    found = judge_schemes(schemes, principal(), address or "", first_factors=first_factors, app=app)
    return scheme_steps(found, address, app=app), [each.scheme for each in found if not each.why_not]


def test_each_first_factor_has_a_scheme_of_its_own() -> None:
    steps, counting = told_of_schemes((TICKETS, STAFF, BROWSER), first_factors=(Factor.PASSWORD, Factor.KERBEROS))
    assert named(steps) == [(True, "tickets"), (None, "staff"), (True, "browser")]
    assert {scheme.name for scheme in counting} == {"tickets", "browser"}


def test_a_scheme_of_tickets_is_none_for_a_realm_without_them() -> None:
    steps, counting = told_of_schemes((TICKETS, STAFF))
    assert named(steps) == [(None, "tickets"), (None, "staff"), (False, "")]
    assert "kerberos, which this realm does not have" in steps[0].detail
    assert counting == []


def test_schemes_behind_the_one_that_counts_are_left_out() -> None:
    steps, _ = told_of_schemes((BROWSER, STAFF))
    assert named(steps) == [(True, "browser")]


def test_the_first_usable_number_is_the_one() -> None:
    person = principal(mobiles=("see Bob", "07400 123456", "07400 654321"))
    steps = number_steps(person, MobileSettings(), is_needed=True)
    assert [step.ok for step in steps] == [None, True]
    assert steps[-1].detail == '"••••• •••456" is •••••••• 456, GB, which is allowed'


def test_a_mail_address_may_stand_in_for_a_number() -> None:
    steps = number_steps(principal(mobiles=()), MobileSettings(), is_needed=True, stand_in="a•••@corp.example")
    assert not any("which is allowed" in step.detail for step in steps)
    assert verdict_of(steps, name="alice").can_sign_in
    assert "by mail to a•••@corp.example" in steps[-1].detail


def test_a_number_that_nobody_needs_stands_against_nobody() -> None:
    steps = number_steps(principal(mobiles=("see Bob",)), MobileSettings(), is_needed=False)
    assert not any("which is allowed" in step.detail for step in steps)
    assert verdict_of(steps, name="alice").can_sign_in


@pytest.mark.parametrize(
    ("decision", "ok", "words"),
    [
        (Send(is_new=False), True, "codes may go to this number, changed "),
        (Send(is_new=True), True, "will be told"),
        (Wait(NOW + 60), False, f"held back until {brief_text(NOW + 60, NOW)}"),
        (SendByMail(NOW + 60), False, f"held back until {brief_text(NOW + 60, NOW)}"),
        (Refuse(), False, "as long as the change is recent"),
    ],
)
def test_a_number_that_changed_lately_says_what_follows(decision: Any, ok: bool, words: str) -> None:
    number = UsableNumber(E164("+447400123456"), "GB")
    judged = Judged(decision=decision, chosen=None, number=number, changed_at=NOW, known=None)
    found = number_found(judged, confirmable(judged, KEYS, principal()))
    step = change_step(found, is_needed=True, login="alice")
    assert step.ok is ok
    assert words in step_text(step, NOW)
    assert (step.cause is None) is ok
    assert change_step(found, is_needed=False, login="alice").ok is None


def test_a_mail_in_the_place_of_a_fresh_number_lets_a_person_in() -> None:
    mail = Chosen(factor=Factor.SMS, mail="alice@corp.example", digests=(b"x",))
    judged = Judged(decision=SendByMail(NOW + 60), chosen=mail, number=None, changed_at=NOW, known=None)
    step = change_step(number_found(judged, None), is_needed=True, login="alice")
    assert step.ok
    assert "so a mail is sent instead" in step.detail


def test_counts_of_passcodes_stand_against_nobody_who_needs_none() -> None:
    full = CounterState(limit=Limit.SENDS_PER_PERSON, count=8, most=8, window_ends_at=NOW)
    asked = {"login": "alice", "address": None}
    assert not verdict_of(throttle_steps([LimitFound(standing=full, takes=1)], **asked), name="alice").can_sign_in
    assert verdict_of(throttle_steps([LimitFound(standing=full, takes=0)], **asked), name="alice").can_sign_in


def test_a_count_below_its_limit_is_told_and_stands_against_nobody() -> None:
    some = CounterState(limit=Limit.PASSWORDS_PER_PERSON, count=3, most=4, window_ends_at=NOW)
    (step,) = throttle_steps([LimitFound(standing=some, takes=1)], login="alice", address=None)
    assert (step.ok, step.detail) == (None, "wrong passwords of this person: 3 of 4")


@given(st.text())
def test_no_more_than_three_digits_of_what_was_typed_are_shown(text: str) -> None:
    assert sum(char.isnumeric() for char in masked_text(text)) <= 3


def test_a_scheme_for_certain_apps_says_so() -> None:
    quick = SchemeSettings(name="quick", factors=("password",), apps=("Wiki",))
    told, counting = told_of_schemes((quick, BROWSER), "192.0.2.7")
    assert counting == [BROWSER]
    assert told[0].detail == '"quick" does not count: it is for "Wiki" (say which with --app)'
    _, counting = told_of_schemes((quick, BROWSER), "192.0.2.7", app="Wiki")
    assert counting == [quick]
