"""What `gatepost check` says of the factors that schemes ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config.checks import warnings
from proxy.commands.offered_factors import check_clients, check_offered_factors, check_session_limits
from tests.portal.stage import portal_settings

RESISTANT = 'has no phishing-resistant way: offer "passkey" in a choice'


def said(tmp_path: Path, scheme: dict[str, Any], **changes: Any) -> list[str]:
    found = check_offered_factors(portal_settings(tmp_path, schemes=[{"name": "s", **scheme}], **changes))
    assert all(each.ok and each.subject == 'scheme "s"' for each in found)
    return [each.detail for each in found]


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ({"factors": ["password", "sms"]}, [RESISTANT]),
        ({"factors": ["password", ["totp", "sms"]]}, [RESISTANT]),
        ({"factors": ["password", ["passkey", "sms"]]}, []),
        ({"factors": ["passkey"]}, []),
        ({"factors": ["password"]}, ["one factor is enough (a password), for everybody from everywhere", RESISTANT]),
        (
            {
                "factors": ["password"],
                "groups": ["Admins"],
                "networks": ["127.0.0.0/8", "10.0.0.0/8"],
                "apps": ["Wiki"],
            },
            [
                "one factor is enough (a password), for members of Admins from 127.0.0.0/8, 10.0.0.0/8 to Wiki",
                RESISTANT,
            ],
        ),
        (
            {"factors": [["password", "passkey"]]},
            ["one factor is enough (a password or a passkey), for everybody from everywhere"],
        ),
    ],
    ids=str,
)
def test_each_scheme_is_named_with_what_it_lacks(tmp_path: Path, scheme: dict[str, Any], expected: list[str]) -> None:
    assert said(tmp_path, scheme) == expected


def test_mail_in_the_place_of_sms_is_named(tmp_path: Path) -> None:
    changes = {"second_factor": {"channels": ["kapow", "email"], "email_for_sms": True}}
    found = said(tmp_path, {"factors": ["password", ["passkey", "sms"]]}, **changes)
    assert len(found) == 1
    assert "second_factor.email_for_sms" in found[0]
    assert said(tmp_path, {"factors": ["password", "passkey"]}, **changes) == []


@pytest.mark.parametrize("second", ["email", ["passkey", "email"]])
def test_mail_as_the_second_factor_is_named(tmp_path: Path, second: str | list[str]) -> None:
    changes = {"second_factor": {"channels": ["kapow", "email"]}}
    found = said(tmp_path, {"factors": ["password", second]}, **changes)
    assert 'a mail is enough as the second factor ("email"): NIST SP 800-63B-4 counts none as one' in found
    assert not any("a mail" in each for each in said(tmp_path, {"factors": ["password", "sms"]}, **changes))


@pytest.mark.parametrize(
    ("factors", "is_stuck"),
    [
        (["passkey"], True),
        (["password", ["passkey", "totp"]], True),
        (["password", ["passkey", "sms"]], False),
        (["password"], False),
    ],
)
def test_where_nobody_can_add_a_first_one_that_is_said(tmp_path: Path, factors: list[Any], is_stuck: bool) -> None:
    settings = portal_settings(tmp_path, schemes=[{"name": "s", "factors": factors}])
    assert any("nobody can add a first factor" in each for each in warnings(settings)) is is_stuck


def test_a_passkey_alone_is_no_warning(tmp_path: Path) -> None:
    schemes = [{"name": "keys", "factors": ["passkey"]}, {"name": "browser", "factors": ["password", "sms"]}]
    assert not any("alone" in each for each in warnings(portal_settings(tmp_path, schemes=schemes)))


def test_apps_that_take_one_factor_of_programs_are_named(tmp_path: Path) -> None:
    clients = {
        "Wiki": ["browser"],
        "Git": ["browser", "app_password"],
        "API": ["bearer"],
        "All": ["bearer", "app_password"],
    }
    apps = [
        {"name": name, "host": f"{name.lower()}.corp.example", "upstream": "http://127.0.0.1:1", "clients": each}
        for name, each in clients.items()
    ]
    apps[1]["groups"] = ["Developers", "Testers"]
    found = check_clients(portal_settings(tmp_path, apps=apps))
    assert all(each.ok for each in found)
    assert {each.subject: each.detail for each in found} == {
        'app "Git"': "one factor is enough for programs (an app password), for members of Developers or Testers"
        " from everywhere",
        'app "API"': "one factor is enough for programs (a service token), for everybody from everywhere",
        'app "All"': "one factor is enough for programs (a service token or an app password), for everybody"
        " from everywhere",
    }


def test_sessions_that_last_longer_than_recommended_are_named(tmp_path: Path) -> None:
    def named(**sessions: str) -> list[str]:
        return [each.subject for each in check_session_limits(portal_settings(tmp_path, sessions=sessions))]

    assert named() == named(idle="1h", absolute="24h") == []
    assert named(idle="61m", absolute="25h") == ["sessions.idle", "sessions.absolute"]
