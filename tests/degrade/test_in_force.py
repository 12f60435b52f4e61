"""What is in force, and what follows: pure, on what is kept, on the settings and on the time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.factors import Factor
from config.settings import DegradeSettings, RungKind, SchemeSettings
from config.tables.degrade import with_mail_for_sms
from directory.mobile import E164
from proxy.degrade.in_force import NOTHING, Degraded, degraded
from proxy.factors.second_factor import Chosen, Lack, Unusable
from proxy.operations.steady_clock import SKEW_SECONDS
from tests.support.people import NOW
from tests.support.rungs import begun_rung

OTHER = DegradeSettings(name="other", what=RungKind.CHANNELS, channels=("aql",))
MAIL = DegradeSettings(name="mail", what=RungKind.MAIL)
REMEMBERED = DegradeSettings(name="remembered", what=RungKind.REMEMBERED)
CLOSED = DegradeSettings(name="closed", what=RungKind.CLOSED)
ALL = (OTHER, MAIL, REMEMBERED, CLOSED)
SMS = Chosen(factor=Factor.SMS, number=E164("+447400123456"), digests=(b"n",))
STAND_IN = Chosen(factor=Factor.SMS, mail="alice@corp.example", digests=(b"m",))
BY_MAIL = Chosen(factor=Factor.EMAIL_FOR_SMS, mail="alice@corp.example", digests=(b"m",))
APP = Chosen(factor=Factor.TOTP, digests=(b"t",))
NO_NUMBER = Unusable(factor=Factor.SMS, lack=Lack.NUMBER, reason="mobile_empty")
COVERED = (Factor.SMS, Factor.TOTP, Factor.EMAIL_FOR_SMS)


def in_force(*names: str, **fields: Any) -> Degraded:
    what = {each.name: each.what.value for each in ALL}
    return degraded([begun_rung(name, what[name], **fields) for name in names], ALL, NOW)


@pytest.mark.parametrize(
    ("rungs", "sms", "by_mail"),
    [
        ((), SMS, Lack.RUNG),
        (("other",), SMS, Lack.RUNG),
        (("mail",), Lack.SMS_OFF, BY_MAIL),
        (("mail", "other"), Lack.SMS_OFF, BY_MAIL),
        (("remembered",), Lack.SMS_OFF, Lack.RUNG),
        (("remembered", "mail"), Lack.SMS_OFF, Lack.RUNG),
        (("closed",), SMS, Lack.RUNG),  # of those who are signed in; nobody else gets so far
    ],
)
def test_each_rung_decides_how_an_entry_with_sms_is_proven(
    rungs: tuple[str, ...], sms: Chosen | Lack, by_mail: Chosen | Lack
) -> None:
    found = in_force(*rungs)

    def told(factor: Factor, way: Chosen | Unusable) -> Chosen | Lack:
        judged = found.judged(factor, COVERED, way)
        return judged.lack if isinstance(judged, Unusable) else judged

    assert told(Factor.SMS, SMS) == sms
    assert told(Factor.EMAIL_FOR_SMS, BY_MAIL) == by_mail
    # What nothing is sent for, what lacks something anyway, and a mail for people without a number stay as they are.
    assert [found.judged(each.factor, COVERED, each) for each in (APP, NO_NUMBER, STAND_IN)] == [
        APP,
        NO_NUMBER,
        STAND_IN,
    ]


def test_where_no_mail_may_stand_in_an_sms_is_sent_although_mails_do_elsewhere() -> None:
    assert in_force("mail").judged(Factor.SMS, (Factor.SMS, Factor.TOTP), SMS) == SMS
    assert isinstance(in_force("mail").judged(Factor.SMS, (Factor.SMS, Factor.EMAIL), SMS), Unusable)


def test_who_is_refused_hears_until_when() -> None:
    refused = in_force("remembered", seconds=600).judged(Factor.SMS, COVERED, SMS)
    closed = in_force("closed", seconds=600).stops_sign_in(Factor.PASSWORD)
    assert isinstance(refused, Unusable)
    assert closed is not None
    assert (refused.until, closed.until, closed.lack) == (NOW + 600, NOW + 600, Lack.CLOSED)
    assert in_force("mail", "other", "remembered").stops_sign_in(Factor.PASSWORD) is None


def test_a_mail_in_the_place_of_an_sms_does_not_outlast_its_rung() -> None:
    assert in_force("mail").takes_answer(Factor.EMAIL_FOR_SMS)
    for none in (NOTHING, in_force("other"), in_force("remembered", "mail")):
        assert not none.takes_answer(Factor.EMAIL_FOR_SMS)
        assert none.takes_answer(Factor.SMS)


def test_sms_go_by_the_channels_of_the_rung_begun_last_and_mails_as_always() -> None:
    configured = ("kapow", "email")
    assert NOTHING.order(configured) == configured
    assert in_force("mail", "closed").order(configured) == configured
    assert in_force("other").order(configured) == ("aql", "email")
    last = DegradeSettings(name="last", what=RungKind.CHANNELS, channels=("textlocal", "aql"))
    kept = [begun_rung("last", "channels", at=NOW - 1), begun_rung("other", "channels", at=NOW - 2)]
    assert degraded(kept, (OTHER, last), NOW).order(("kapow",)) == ("textlocal", "aql")


@pytest.mark.parametrize(
    ("kept", "is_in_force"),
    [
        (begun_rung("closed"), True),
        (begun_rung("closed", at=NOW - 3599.9), True),
        (begun_rung("closed", at=NOW - 3600), False),
        (begun_rung("closed", at=NOW + 2), True),  # by the clock of another node
        (begun_rung("closed", ended_at=NOW - 1), False),
        (begun_rung("closed", is_end_told=True), False),  # a clock was turned back
        (begun_rung("closed", at=NOW - 4 * 3600 + 1, seconds=86_400), True),
        (begun_rung("closed", at=NOW - 4 * 3600, seconds=86_400), False),  # longer than the configuration says
        (begun_rung("closed", "mail"), False),  # what is called so does something else by now
        (begun_rung("gone", "closed"), False),
    ],
)
def test_a_rung_is_in_force_until_exactly_its_end_and_as_it_is_configured(kept: Any, is_in_force: bool) -> None:
    assert (degraded([kept], ALL, NOW).closed is not None) is is_in_force


@given(st.lists(st.tuples(st.sampled_from(ALL), st.floats(NOW - 9e4, NOW + 9e4), st.floats(60, 9e4))), st.booleans())
def test_nothing_is_in_force_after_its_end_and_before_nothing_ends(
    begun: list[tuple[DegradeSettings, float, float]], ended: bool
) -> None:
    kept = [
        begun_rung(each.name, each.what.value, at=at, seconds=seconds, ended_at=NOW if ended else None)
        for each, at, seconds in begun
    ]
    for rung in degraded(kept, ALL, NOW).rungs:
        assert not ended
        assert NOW < rung.ends_at <= rung.begun.decided_at + rung.settings.longest


SECONDS = st.lists(
    st.lists(
        st.sampled_from([Factor.SMS, Factor.EMAIL, Factor.TOTP, Factor.PASSKEY]), min_size=1, max_size=3, unique=True
    ),
    max_size=2,
)


@given(SECONDS)
def test_no_rung_opens_what_needs_two_factors_by_one(entries: list[list[Factor]]) -> None:
    """What a rung adds is one more choice behind those of an entry that takes an SMS: every entry stays."""
    scheme = SchemeSettings.model_construct(
        name="s", factors=((Factor.PASSWORD,), *map(tuple, entries)), groups=None, networks=None, apps=None
    )
    (changed,) = with_mail_for_sms([scheme], ALL)
    assert len(changed.factors) == len(scheme.factors)
    for before, after in zip(scheme.factors, changed.factors, strict=True):
        added = after[len(before) :]
        assert after[: len(before)] == before
        assert added in ((), (Factor.EMAIL_FOR_SMS,))
        assert not added or (Factor.SMS in before and Factor.EMAIL not in before)
    assert with_mail_for_sms([scheme], (OTHER, REMEMBERED, CLOSED)) == (scheme,)
    elsewhere = MAIL.model_copy(update={"schemes": ("another",)})
    assert with_mail_for_sms([scheme], [elsewhere]) == (scheme,)


def test_what_is_kept_shows_neither_who_nor_why_when_printed() -> None:
    shown = repr(replace(begun_rung("closed"), reason="Anna is ill", by="root", ended_by="bob"))
    assert not any(word in shown for word in ("Anna", "root", "bob"))


def test_a_clock_that_was_ahead_lengthens_no_rung_that_asks_for_less() -> None:
    year = 365 * 86_400.0
    assert in_force("mail", at=NOW + year).mail_for_sms is None
    assert in_force("mail", at=NOW + SKEW_SECONDS).mail_for_sms is not None
    assert in_force("closed", at=NOW + year).closed is not None
    assert in_force("remembered", at=NOW + year).without_sms is not None
