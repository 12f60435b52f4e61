"""Schemes that prove nobody and apps that nobody reaches stop the start, each with one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from config import checks
from config.factors import Factor
from config.load import load_settings
from config.problems import ConfigurationError
from config.settings import Settings

TEXT = """
[server]
public_url = "https://signin.corp.example"
[[directories]]
type = "local"
name = "local"
file = "users.toml"
[smtp]
host = "smtp.corp.example"
from = "otp@corp.example"
{channels}
{schemes}
[[apps]]
name = "Wiki"
host = "wiki.corp.example"
upstream = "http://10.0.0.5:8080"
{wiki}
[[apps]]
name = "Payroll"
host = "payroll.corp.example"
upstream = "http://10.0.0.6:8080"
{payroll}
"""
MAIL = '[second_factor]\nchannels = ["kapow", "email"]'

Load = Callable[..., Settings]


def scheme(name: str, *factors: str | list[str], **more: list[str]) -> str:
    lines = [f"{key} = {value}".replace("'", '"') for key, value in more.items()]
    return "\n".join(["[[schemes]]", f'name = "{name}"', f"factors = {list(factors)}".replace("'", '"'), *lines, ""])


BROWSER = scheme("browser", "password", "sms")
STRONG = scheme("strong", "password", "sms", "email")


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(schemes: str, *, channels: str = "", wiki: str = "", payroll: str = "") -> Settings:
        (tmp_path / "users.toml").write_text("")
        text = TEXT.format(schemes=schemes, channels=channels, wiki=wiki, payroll=payroll)
        (tmp_path / "gatepost.toml").write_text(text)
        return load_settings(tmp_path / "gatepost.toml", {})

    return load


@pytest.mark.parametrize("second", ["fax", ["sms", "fax"], ["fax"], "", [""]])
def test_only_what_a_scheme_may_name_is_offered_for_an_unknown_name(load: Load, second: str | list[str]) -> None:
    with pytest.raises(ConfigurationError) as told:
        load(scheme("s", "password", second))
    message = str(told.value)
    assert "must be 'password', 'kerberos', 'sms', 'email', 'totp', 'recovery_code' or 'passkey'" in message
    assert "'pass'" not in message
    assert "remembered" not in message


@pytest.mark.parametrize(
    ("schemes", "options", "table", "key", "message"),
    [
        (scheme("s", "sms"), {}, 'schemes[0] ("s")', "factors", "does not say who somebody is"),
        (scheme("s", "email", "password"), {"channels": MAIL}, 'schemes[0] ("s")', "factors", "must begin with"),
        (scheme("s", "password", "fax"), {}, 'schemes[0] ("s")', "factors[1]", "must be 'password'"),
        (scheme("s", "password", "sms", "sms"), {}, 'schemes[0] ("s")', "factors", "names the same thing twice"),
        (scheme("s", "password", "kerberos"), {}, 'schemes[0] ("s")', "factors", "can only come first"),
        (scheme("s", "password", ["sms", "kerberos"]), {}, 'schemes[0] ("s")', "factors", "can only come first"),
        (scheme("s", ["password", "sms"]), {}, 'schemes[0] ("s")', "factors", "does not say who somebody is"),
        (scheme("s", "password", ["sms", "fax"]), {}, 'schemes[0] ("s")', "factors[1][1]", "must be 'password'"),
        (scheme("s", "password", []), {}, 'schemes[0] ("s")', "factors[1]", "empty"),
        (scheme("s", "password", "sms", ["sms", "email"]), {}, 'schemes[0] ("s")', "factors", "the same thing twice"),
        (scheme("s", "password", ["sms", "email"]), {}, 'schemes[0] ("s")', "factors", 'asks for "email"'),
        (scheme("s", ["kerberos", "password"]), {}, 'schemes[0] ("s")', "factors", "needs a directory"),
        (STRONG, {}, 'schemes[0] ("strong")', "factors", 'asks for "email"'),
        (scheme("s", "recovery_code"), {}, 'schemes[0] ("s")', "factors", "never the one factor"),
        (scheme("s", ["password", "recovery_code"]), {}, 'schemes[0] ("s")', "factors", "never the one factor"),
        (scheme("s", "totp"), {}, 'schemes[0] ("s")', "factors", "does not say who somebody is"),
        (
            BROWSER,
            {"channels": '[second_factor]\nchannels = ["email"]'},
            "second_factor",
            "channels",
            'a scheme asks for "sms"',
        ),
        (scheme("s", "password", apps=["Wikis"]) + BROWSER, {}, 'schemes[0] ("s")', "apps", 'did you mean "Wiki"?'),
        (scheme("s", "password", apps=["Wiki"]), {}, 'apps[1] ("Payroll")', "name", "cannot be reached"),
        (BROWSER, {"payroll": 'scheme = "strong"'}, 'apps[1] ("Payroll")', "scheme", 'there is no scheme "strong"'),
        ("", {"payroll": 'scheme = "brwser"'}, 'apps[1] ("Payroll")', "scheme", 'did you mean "browser"?'),
        (BROWSER + 'fresh = "10s"\n', {}, 'schemes[0] ("browser")', "fresh", 'at least "1m"'),
        (BROWSER + scheme("s", "password") + 'fresh = "15m"\n', {}, 'schemes[1] ("s")', "fresh", "needs a passcode"),
        (BROWSER + 'remember = "91d"\n', {}, 'schemes[0] ("browser")', "remember", "at most"),
        (BROWSER + scheme("s", "password") + 'remember = "9d"\n', {}, 'schemes[1] ("s")', "remember", "second factor"),
        (scheme("s", "password", "remembered"), {}, 'schemes[0] ("s")', "factors", 'write remember = "14d"'),
        (scheme("s", "password", ["sms", "remembered"]), {}, 'schemes[0] ("s")', "factors", 'write remember = "14d"'),
        (
            scheme("s", "password", ["sms", "app_password"]),
            {},
            'schemes[0] ("s")',
            "factors[1]",
            "takes it by its clients",
        ),
        (scheme("s", "service_token"), {}, 'schemes[0] ("s")', "factors[0]", "takes it by its clients"),
        (
            BROWSER + scheme("s", "password", apps=["Wiki"]),
            {"payroll": 'scheme = "s"'},
            'apps[1] ("Payroll")',
            "scheme",
            '"s" is for other apps',
        ),
        (
            BROWSER + scheme("s", "password", groups=["A"], networks=["10.0.0.0/8"]),
            {"payroll": 'scheme = "s"'},
            'apps[1] ("Payroll")',
            "scheme",
            '"s" has groups and networks, which are not asked for here',
        ),
        (
            BROWSER + scheme("s", "password", groups=["A"]),
            {"wiki": '[[apps.rules]]\npath = "/a/"\nscheme = "s"'},
            'apps[0] ("Wiki")',
            "rules[0].scheme",
            '"s" has groups',
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_one_line(
    load: Load, schemes: str, options: dict[str, str], table: str, key: str, message: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(schemes, **options)
    (problem,) = refused.value.problems
    assert (problem.table, problem.key) == (table, key)
    assert message in problem.message
    assert "\n" not in problem.message


def test_schemes_for_apps_and_apps_that_name_schemes_load(load: Load) -> None:
    quick = scheme("quick", "password", apps=["Wiki"], networks=["10.0.0.0/8"])
    settings = load(quick + BROWSER + STRONG + 'fresh = "15m"\n', channels=MAIL, payroll='scheme = "strong"')
    assert settings.schemes[0].apps == ("Wiki",)
    assert settings.apps[1].scheme == "strong"
    assert settings.schemes[2].fresh == 900
    assert checks.warnings(settings) == ()


@pytest.mark.parametrize(
    ("schemes", "options", "expected"),
    [
        (BROWSER + STRONG, {"channels": MAIL}, '"strong"): is never used: an earlier one matches everyone'),
        (
            scheme("a", "password", "sms", networks=["10.0.0.0/8"])
            + scheme("b", "password", "sms", networks=["10.1.0.0/16"])
            + BROWSER,
            {},
            '"b"): is never used: "a" matches all that it is for',
        ),
        (
            scheme("a", "password", "sms", groups=["A", "B"], apps=["Wiki"])
            + scheme("b", "password", "sms", groups=["B"], apps=["Wiki"])
            + BROWSER,
            {},
            '"b"): is never used: "a" matches all that it is for',
        ),
        (BROWSER + 'fresh = "15m"\n', {}, '"browser"): fresh: means nothing'),
        (scheme("a", "password", groups=["A"]) + BROWSER, {}, '"a"): has no networks: its groups get in'),
        (scheme("a", "password", apps=["Wiki"]) + BROWSER, {}, "everyone in to Wiki with a password alone"),
    ],
)
def test_what_is_seldom_meant_is_one_warning(load: Load, schemes: str, options: dict[str, str], expected: str) -> None:
    (warning,) = checks.warnings(load(schemes, **options))
    assert expected in warning


@pytest.mark.parametrize(
    "later",
    [
        scheme("b", "password", "sms", networks=["10.0.0.0/7"]),
        scheme("b", "password", "sms", networks=["2001:db8::/32"]),
        scheme("b", "password", "sms", groups=["A"]),
    ],
)
def test_a_scheme_that_somebody_else_matches_is_not_called_unused(load: Load, later: str) -> None:
    earlier = scheme("a", "password", "sms", networks=["10.0.0.0/8"])
    assert checks.warnings(load(earlier + later + BROWSER)) == ()


def test_an_entry_may_be_a_choice(load: Load) -> None:
    settings = load(scheme("either", "password", ["sms", "email"]), channels=MAIL)
    assert settings.schemes[0].factors == ((Factor.PASSWORD,), (Factor.SMS, Factor.EMAIL))
    assert checks.warnings(settings) == ()
