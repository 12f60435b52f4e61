"""What people are told on their phone fits into one message, whatever the sign-in host is called."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.factors import Factor
from proxy.delivery.text_rules import TextRules, wrong_with
from proxy.help_desk.passes import TOLD_ENDED, TOLD_GIVEN, TOLD_VOUCHED
from proxy.portal.factor_notice import factor_notices, used_code_notices
from proxy.portal.number_notice import notice_of, stolen
from proxy.sign_in.changed_numbers import Notice, NumberEvent
from tests.portal.stage import portal_settings

KAPOW = TextRules(gateway="kapow", in_subject=True)
SHORT, USUAL = "https://id.example", "https://signin.corp.example"
LONG = f"https://{'sign-in.' * 15}departments.corp.example:8443"


def of_factors(url: str) -> Iterator[Notice]:
    settings = portal_settings(Path("/nowhere"), server={"public_url": url})
    for factor in (Factor.TOTP, Factor.RECOVERY_CODE, Factor.PASSKEY):
        for is_added in (True, False):
            yield factor_notices(settings)(factor, is_added)
    for left in range(10):
        yield used_code_notices(settings)(left)


@pytest.mark.parametrize("url", [SHORT, USUAL, LONG])
def test_what_is_told_of_factors_fits_and_its_mail_has_the_link(url: str) -> None:
    for notice in of_factors(url):
        assert wrong_with(notice.sms, KAPOW) is None
        assert "Not you?" in notice.sms
        assert f"{url}/.gatepost/me/factors" in notice.mail


def test_the_text_has_the_link_where_there_is_room() -> None:
    for url in (SHORT, USUAL):
        assert all(f"{url}/.gatepost/me/factors" in notice.sms for notice in of_factors(url))
    assert not any("https:" in notice.sms for notice in of_factors(LONG))


def test_all_else_that_is_told_fits() -> None:
    texts = [notice_of(event, "x").sms for event in NumberEvent]
    for text in (*texts, stolen().sms, TOLD_GIVEN, TOLD_VOUCHED, TOLD_ENDED):
        assert wrong_with(text, KAPOW) is None
