"""`[admin]`: without groups nobody is admitted, and no key of it is passed over in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from config import checks
from config.load import load_settings
from config.problems import ConfigurationError
from config.settings import Settings
from config.tables.admin import AdminSettings, admin_problems

START = """
[server]
public_url = "https://signin.corp.example"
[[directories]]
type = "local"
name = "local"
file = "users.toml"
[smtp]
host = "smtp.corp.example"
from = "otp@corp.example"
[[apps]]
name = "Wiki"
host = "wiki.corp.example"
upstream = "http://10.0.0.5:8080"
"""
SCHEMES = """
[[schemes]]
name = "admins"
factors = ["password"]
groups = ["Gatepost Admins"]
networks = ["10.0.0.0/8"]
[[schemes]]
name = "browser"
factors = ["password", "sms"]
[[schemes]]
name = "quick"
factors = ["password"]
apps = ["Wiki"]
"""
GROUPS = '[admin]\ngroups = ["Help Desk"]\n'

ROLE = '[[admin.roles]]\ngroups = ["Security"]\n'

Load = Callable[[str], Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str) -> Settings:
        (tmp_path / "users.toml").write_text("")
        (tmp_path / "gatepost.toml").write_text(START + text)
        return load_settings(tmp_path / "gatepost.toml", {})

    return load


@pytest.mark.parametrize("text", ["", "[admin]\n"])
def test_without_groups_there_are_no_admin_pages(load: Load, text: str) -> None:
    assert not load(text).admin.is_on


def test_the_groups_are_asked_of_the_directories(load: Load) -> None:
    settings = load(GROUPS)
    assert settings.admin.is_on
    assert settings.group_names == {"Help Desk"}


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ('[admin]\nnetworks = ["10.0.0.0/8"]\n', "groups", "is missing: networks is given"),
        ('[admin]\nscheme = "browser"\n', "groups", "is missing: scheme is given"),
        ("[admin]\ngroups = []\n", "groups", "an empty list"),
        ('[admin]\ngroups = [" "]\n', "groups[0]", "must not be blank"),
        ('[admin]\ngroup = ["Help Desk"]\n', "group", 'unknown key; did you mean "groups"?'),
        (GROUPS + 'scheme = "browsr"\n', "scheme", 'there is no scheme "browsr"; did you mean "browser"?'),
        (GROUPS + '[[admin.roles]]\nmay = ["look"]\n', "roles[0].groups", "is missing"),
        (GROUPS + ROLE + 'may = ["lok"]\n', "roles[0].may[0]", "must be 'look', 'act'"),
        (GROUPS + ROLE + "may = []\n", "roles[0].may", "an empty list"),
        (GROUPS + ROLE + 'may = ["audit", "numbers"]\n', "roles[0].may", '"numbers" needs "look"'),
        (SCHEMES + GROUPS + 'scheme = "admins"\n', "scheme", '"admins" has groups and networks'),
        (SCHEMES + GROUPS + 'scheme = "quick"\n', "scheme", '"quick" has apps'),
    ],
)
def test_what_would_be_passed_over_is_refused(load: Load, text: str, key: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(text)
    (problem,) = caught.value.problems
    assert (problem.table, problem.key) == ("admin", key)
    assert message in problem.message


def test_a_scheme_by_name_is_one_that_is_there(load: Load) -> None:
    assert load(SCHEMES + GROUPS + 'scheme = "browser"\n').admin.scheme == "browser"
    assert load(GROUPS + 'scheme = "browser"\n').admin.scheme == "browser"  # there is one of this name by default


@pytest.mark.parametrize(
    ("text", "is_warned"),
    [
        ("", False),
        (GROUPS, False),  # from elsewhere than the networks of "admins" the pages ask for more
        ('[[schemes]]\nname = "open"\nfactors = ["password"]\n' + GROUPS, True),
        (GROUPS + 'networks = ["10.0.0.0/8"]\n', False),
        (GROUPS + 'scheme = "browser"\n', False),
    ],
)
def test_a_password_alone_from_everywhere_is_warned_about(load: Load, text: str, is_warned: bool) -> None:
    found = [line for line in checks.warnings(load(SCHEMES + text)) if line.startswith("admin:")]
    assert bool(found) == is_warned
    assert all('has "open": whom it lets in opens the admin pages with a password alone' in line for line in found)


def test_a_scheme_that_the_admin_pages_name_may_have_to_be_fresh(load: Load) -> None:
    scheme = '[[schemes]]\nname = "browser"\nfactors = ["password", "sms"]\nfresh = "15m"\n'
    assert checks.warnings(load(scheme + GROUPS + 'scheme = "browser"\n')) == ()
    assert any("fresh" in line for line in checks.warnings(load(scheme + GROUPS)))


def test_who_may_change_local_people_is_a_group_that_directories_are_asked_about(load: Load) -> None:
    settings = load(SCHEMES + GROUPS + 'people_groups = ["Reception"]\n')
    assert settings.admin.people_groups == ("Reception",)
    assert "Reception" in settings.group_names
    assert load(SCHEMES + GROUPS).admin.people_groups is None, "off by default"


def test_people_who_may_be_changed_need_pages_and_a_file(load: Load) -> None:
    with pytest.raises(ConfigurationError, match="people_groups is given, and without groups nobody is admitted"):
        load(SCHEMES + '[admin]\npeople_groups = ["Reception"]\n')
    admin = AdminSettings(groups=("Help Desk",), people_groups=("Reception",))
    ((key, sentence),) = admin_problems(admin, (), ())
    assert (key, sentence.split(":")[0]) == ("people_groups", "there are no local people")


def test_a_role_opens_the_pages_by_itself_and_its_groups_are_asked_of_the_directories(load: Load) -> None:
    settings = load(ROLE + 'may = ["look", "numbers"]\n')
    assert settings.admin.is_on
    assert settings.group_names == {"Security"}
    assert load(GROUPS + ROLE + 'may = ["audit"]\n').admin.open_to == ("Help Desk", "Security")
