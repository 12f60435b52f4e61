"""`[[degrade]]`: what cannot be a rung, what is a weak one, and what `gatepost check` says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config.checks import problems, warnings
from config.factors import Factor
from config.settings import Settings
from tests.portal.stage import portal_settings

BOTH = [
    {"name": "browser", "factors": ["password", "sms"]},
    {"name": "both", "factors": ["password", "sms", "email"], "groups": ["Payroll"]},
]
MAILS = {"second_factor": {"channels": ["kapow", "email"]}}


def settings_with(folder: Path, *rungs: dict[str, Any], **changes: Any) -> Settings:
    return portal_settings(folder, degrade=list(rungs), **{**MAILS, **changes})


def found(settings: Settings) -> list[str]:
    return [f"{place.position} {place.key}: {text}" for place, text in problems(settings) if place.table == "degrade"]


def rung(what: str, **fields: Any) -> dict[str, Any]:
    return {"name": what, "what": what, **fields}


def test_rungs_of_all_kinds_are_fine(tmp_path: Path) -> None:
    kinds = [rung("channels", channels=["aql"]), rung("mail"), rung("remembered"), rung("closed", longest="30m")]
    assert found(settings_with(tmp_path, *kinds)) == []


@pytest.mark.parametrize(
    ("rungs", "changes", "message"),
    [
        ([rung("closed"), rung("closed")], {}, "1 name: another rung has this name"),
        ([rung("channels")], {}, "0 channels: is missing"),
        ([rung("closed", channels=["aql"])], {}, '0 channels: belongs to what = "channels" alone'),
        ([rung("closed", schemes=["browser"])], {}, '0 schemes: belongs to what = "mail" alone'),
        ([rung("channels", channels=["aqll"])], {}, '0 channels: unknown SMS gateway "aqll"'),
        ([rung("channels", channels=["email"])], {}, "0 channels: are SMS gateways"),
        ([rung("channels", channels=["kapow_http"])], {}, '0 channels: "kapow_http" needs a table'),
        ([rung("mail"), rung("mail", name="again")], {}, '1 what: another rung is "mail"'),
        ([rung("mail", schemes=["brauser"])], {}, '0 schemes: there is no scheme "brauser"; did you mean "browser"?'),
        ([rung("mail", schemes=["admins"])], {}, '0 schemes: "admins" asks for no text message'),
        ([rung("mail")], {"second_factor": {"channels": ["kapow"]}}, '0 what: "mail" needs "email" among'),
        ([rung("mail")], {"schemes": [{"name": "one", "factors": ["password"]}]}, '0 what: "mail" takes the place'),
        ([rung("mail")], {"schemes": BOTH}, '0 what: "mail" would leave scheme "both" one factor short'),
    ],
)
def test_what_cannot_be_a_rung_is_told(
    tmp_path: Path, rungs: list[dict[str, Any]], changes: dict[str, Any], message: str
) -> None:
    told = found(settings_with(tmp_path, *rungs, **changes))
    assert any(each.startswith(message) for each in told), told


def test_a_rung_may_spare_the_scheme_that_it_would_make_weaker(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, rung("mail", schemes=["browser"]), schemes=BOTH)
    assert found(settings) == []
    browser, both = settings.schemes
    assert browser.factors == ((Factor.PASSWORD,), (Factor.SMS, Factor.EMAIL_FOR_SMS))
    assert both.factors == ((Factor.PASSWORD,), (Factor.SMS,), (Factor.EMAIL,))


def test_no_scheme_names_what_only_a_rung_puts_in(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stands in for"):
        portal_settings(tmp_path, schemes=[{"name": "s", "factors": ["password", ["sms", "email_for_sms"]]}])


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (rung("mail"), 'degrade ("mail"): is a weak rung'),
        (rung("channels", channels=["kapow"]), 'degrade ("channels"): changes nothing'),
        (rung("remembered"), 'degrade ("remembered"): no scheme has remember'),
    ],
)
def test_what_is_seldom_meant_is_warned_of(tmp_path: Path, one: dict[str, Any], message: str) -> None:
    told = [each for each in warnings(settings_with(tmp_path, one)) if each.startswith("degrade")]
    assert len(told) == 1
    assert told[0].startswith(message)


@pytest.mark.parametrize(
    ("schemes", "admin", "is_warned_of"),
    [
        (None, {"groups": ["Admins"]}, True),
        (None, {"groups": ["Admins"], "scheme": "browser"}, True),
        (["browser"], {"groups": ["Admins"], "scheme": "admins"}, False),
        (None, {}, False),
    ],
)
def test_a_mail_that_would_open_the_admin_pages_is_told(
    tmp_path: Path, schemes: list[str] | None, admin: dict[str, Any], is_warned_of: bool
) -> None:
    two = [{"name": name, "factors": ["password", "sms"]} for name in ("browser", "admins")]
    mail = rung("mail") if schemes is None else rung("mail", schemes=schemes)
    told = warnings(settings_with(tmp_path, mail, schemes=two, admin=admin))
    assert any(each.startswith('degrade ("mail"): opens the admin pages') for each in told) is is_warned_of


def test_the_gateway_of_a_rung_is_not_called_unused(tmp_path: Path) -> None:
    gateway = {"own": {"url": "https://sms.example/", "body": "{text}{number}", "success": "OK"}}
    settings = settings_with(tmp_path, rung("channels", channels=["own"]), sms={"http": gateway})
    assert settings.all_channels == ("kapow", "email", "own")
    assert not [each for each in warnings(settings) if "never used" in each and "own" in each]
