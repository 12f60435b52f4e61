"""What has to agree in `[[apps.rules]]`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from config import checks
from config.load import load_settings
from config.problems import ConfigurationError
from config.settings import Settings

START = """
[server]
public_url = "https://signin.corp.example"
trusted_proxies = ["10.0.0.1"]
[[directories]]
type = "local"
name = "local"
file = "users.toml"
[smtp]
host = "smtp.corp.example"
from = "otp@corp.example"
[[schemes]]
name = "browser"
factors = ["password", "sms"]
[[apps]]
name = "Wiki"
host = "wiki.corp.example"
upstream = "http://10.0.0.5:8080"
groups = ["Wiki Users"]
"""
RULE = "[[apps.rules]]\n"

Load = Callable[[str], Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str) -> Settings:
        (tmp_path / "users.toml").write_text("")
        (tmp_path / "gatepost.toml").write_text(text)
        return load_settings(tmp_path / "gatepost.toml", {})

    return load


@pytest.mark.parametrize(
    ("rule", "key", "message"),
    [
        ("public = true", "rules[0].path", "is missing"),
        ('path = "/a/"\npattern = "/b/*"', "rules[0].pattern", "path is given too"),
        ('path = "/a/"\nscheme = "broswer"', "rules[0].scheme", 'no scheme "broswer"; did you mean "browser"?'),
        ('path = "/a/"\npublic = true\ngroups = ["A"]', "rules[0].groups", "means nothing where public"),
        ('path = "/a/"\npublic = true\nscheme = "browser"', "rules[0].scheme", "means nothing where public"),
        ('path = "/a/"\ngroup = ["A"]', "rules[0].group", 'unknown key; did you mean "groups"?'),
        ('path = "/a/"\ngroups = []', "rules[0].groups", "an empty list"),
        ('path = "/a/"\nnetworks = []', "rules[0].networks", "an empty list"),
        ('path = "/a/"\nmethods = []', "rules[0].methods", "an empty list"),
        ('path = "/a/"\nmethods = ["get"]', "rules[0].methods[0]", "in capitals"),
        ('path = "/a/"\nnetworks = ["10.0.0.1/8"]', "rules[0].networks[0]", "host part"),
        ('path = "/a/"\npublic = "yes"', "rules[0].public", "true or false"),
        ('path = "a/"', "rules[0].path", "not a path"),
        ('path = ""', "rules[0].path", "not a path"),
        ('path = "/a*"', "rules[0].path", "write it as pattern"),
        ('path = "/a%20b"', "rules[0].path", "decoded"),
        ('path = "/a?b"', "rules[0].path", "decoded"),
        ('path = "/a;b"', "rules[0].path", "decoded"),
        ("path = '/a\\b'", "rules[0].path", "decoded"),
        ('path = "/a//b"', "rules[0].path", "empty segment"),
        ('path = "/a/../b"', "rules[0].path", "ends in a dot"),
        ('path = "/a."', "rules[0].path", "ends in a dot"),
        ('pattern = "/a"', "rules[0].pattern", "write it as path"),
        ('pattern = "/*a*"', "rules[0].pattern", 'one "*"'),
        ('pattern = "/**/a/**"', "rules[0].pattern", 'one "*"'),
        ('pattern = "/a**"', "rules[0].pattern", 'one "*"'),
    ],
)
def test_a_rule_that_is_not_clear_stops_the_start(load: Load, rule: str, key: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(START + RULE + rule)
    assert [(problem.table, problem.key) for problem in caught.value.problems] == [('apps[0] ("Wiki")', key)]
    assert message in caught.value.problems[0].message


def test_the_groups_of_rules_are_asked_of_the_directories(load: Load) -> None:
    settings = load(START + RULE + 'path = "/a/"\ngroups = ["Wiki Admins"]\n')
    assert settings.group_names == {"Wiki Users", "Wiki Admins"}


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ('path = "/"', 'path = "/a"'),
        ('path = "/a/"', 'path = "/a/"'),
        ('path = "/a/"', 'path = "/a/b/c"'),
        ('path = "/a/"', 'pattern = "/a/b*/**"'),
        ('path = "/a"', 'path = "/a"'),
        ('pattern = "/**"', 'path = "/a"'),
        ('pattern = "/a/*"', 'pattern = "/a/*"'),
        ('path = "/a"\nmethods = ["GET", "POST"]', 'path = "/a"\nmethods = ["POST"]'),
    ],
)
def test_a_rule_that_is_never_reached_is_a_warning(load: Load, earlier: str, later: str) -> None:
    settings = load(START + RULE + earlier + "\n" + RULE + later)
    assert checks.warnings(settings) == ('apps ("Wiki"): rules[1]: is never used: rules[0] matches all that it is for',)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ('path = "/a/b"', 'path = "/a/"'),
        ('path = "/a/"', 'pattern = "/*/b"'),
        ('path = "/a/"', 'path = "/ab"'),
        ('path = "/a"\nmethods = ["POST"]', 'path = "/a"'),
        ('path = "/a"\nmethods = ["POST"]', 'path = "/a"\nmethods = ["GET", "POST"]'),
    ],
)
def test_a_rule_that_is_reached_is_fine(load: Load, earlier: str, later: str) -> None:
    assert checks.warnings(load(START + RULE + earlier + "\n" + RULE + later)) == ()


@pytest.mark.parametrize("rule", ['path = "/"', 'pattern = "/**"', 'pattern = "/**/a"'])
def test_a_public_rule_for_everything_is_a_warning(load: Load, rule: str) -> None:
    (warning,) = checks.warnings(load(START + RULE + rule + "\npublic = true"))
    assert "opens the app to everybody" in warning


def test_an_app_behind_another_proxy_needs_no_upstream(load: Load) -> None:
    text = START.replace('upstream = "http://10.0.0.5:8080"', "forward_auth = true")
    assert load(text).apps[0].upstream_urls == ()
    with pytest.raises(ConfigurationError, match="trusted_proxies"):
        load(text.replace('trusted_proxies = ["10.0.0.1"]', ""))


def test_a_rule_that_nobody_can_reach_with_ignore_case_stops_the_start(load: Load) -> None:
    rule = RULE + 'path = "/stra\u00dfe/"\n'
    assert load(START + rule).apps[0].rules
    with pytest.raises(ConfigurationError) as caught:
        load(START + "ignore_case = true\n" + rule)
    (problem,) = caught.value.problems
    assert problem.key == "rules[0].path"
    assert "letters whose case servers ignore in different ways" in problem.message


def test_with_ignore_case_a_rule_in_other_case_shadows_the_next(load: Load) -> None:
    rules = RULE + 'path = "/Admin/"\n' + RULE + 'path = "/admin/x"\n'
    assert checks.warnings(load(START + rules)) == ()
    (warning,) = checks.warnings(load(START + "ignore_case = true\n" + rules))
    assert "rules[1]: is never used" in warning
