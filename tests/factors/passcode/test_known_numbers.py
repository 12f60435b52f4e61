"""When a number that changed recently is sent a passcode, and what is kept of the number before it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import MobileSettings
from directory.mobile import E164
from proxy.factors.passcode.known_numbers import (
    Decision,
    KnownNumber,
    Refuse,
    Send,
    SendByMail,
    Wait,
    decide,
    number_digest,
    open_number,
    seal_number,
)
from tests.support.people import NOW

KEY = b"k" * 32
OLD, NEW = E164("+447400123456"), E164("+447400999999")
HOUR = 3600.0


def known(number: E164) -> KnownNumber:
    return KnownNumber(digest=number_digest(KEY, guid="a", number=number), sealed=b"", used_at=NOW)


def decided(changed_at: float | None, before: E164 | None, **settings: object) -> Decision:
    rule = MobileSettings.model_validate({"changed_within": "24h", **settings})
    digests = [number_digest(key, guid="a", number=NEW) for key in (b"\1" * 32, KEY)]
    return decide(rule, now=NOW, changed_at=changed_at, digests=digests, known=known(before) if before else None)


@pytest.mark.parametrize("changed_at", [None, NOW, NOW - HOUR, NOW - 25 * HOUR, NOW + HOUR])
def test_the_known_number_is_sent_to_whenever_it_was_written(changed_at: float | None) -> None:
    assert decided(changed_at, NEW, then="refuse") == Send(is_new=False)


def test_a_fresh_number_waits() -> None:
    assert decided(NOW - HOUR, OLD) == Wait(NOW + 23 * HOUR)


def test_a_fresh_number_of_somebody_unknown_waits_as_well() -> None:
    assert decided(NOW - HOUR, None) == Wait(NOW + 23 * HOUR)


def test_a_change_in_the_future_is_one_of_now() -> None:
    assert decided(NOW + 1000 * HOUR, OLD) == Wait(NOW + 24 * HOUR)


def test_the_wait_is_over_at_its_end() -> None:
    assert decided(NOW - 24 * HOUR + 0.1, OLD) == Wait(NOW + 0.1)
    assert decided(NOW - 24 * HOUR, OLD) == Send(is_new=True)


def test_a_change_of_unknown_age_is_sent_to_and_told() -> None:
    assert decided(None, OLD) == Send(is_new=True)
    assert decided(None, None) == Send(is_new=False)


def test_the_operator_chooses() -> None:
    assert decided(NOW, OLD, then="refuse") == Refuse()
    assert decided(NOW - HOUR, OLD, then="other_channel") == SendByMail(NOW + 23 * HOUR)
    assert decided(NOW, OLD, then="send") == Send(is_new=True)
    assert decided(NOW, OLD, changed_within="0s") == Send(is_new=True)


@given(changed_at=st.floats(0, 2 * NOW), then=st.sampled_from(["wait", "refuse", "other_channel"]))
def test_no_fresh_number_is_sent_to(changed_at: float, then: str) -> None:
    decision = decided(changed_at, OLD, then=then)
    assert isinstance(decision, Send) == (changed_at <= NOW - 24 * HOUR)
    if isinstance(decision, Wait | SendByMail):
        assert NOW < decision.until <= NOW + 24 * HOUR


def test_digests_tell_persons_apart() -> None:
    assert number_digest(KEY, guid="a", number=OLD) != number_digest(KEY, guid="b", number=OLD)
    assert number_digest(KEY, guid="a", number=OLD) != number_digest(b"x" * 32, guid="a", number=OLD)


@given(digits=st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_a_sealed_number_opens_with_its_key_for_its_person_only(digits: str) -> None:
    sealed = seal_number(KEY, guid="a", number=E164(digits))
    assert digits[1:].encode() not in sealed
    assert open_number(KEY, guid="a", sealed=sealed) == digits
    assert open_number(KEY, guid="b", sealed=sealed) is None
    assert open_number(b"x" * 32, guid="a", sealed=sealed) is None
    assert open_number(KEY, guid="a", sealed=sealed[:-1]) is None
    assert open_number(KEY, guid="a", sealed=b"") is None
