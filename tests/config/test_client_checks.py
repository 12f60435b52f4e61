"""`clients`: who may come to an app, and what does not go together with that."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import checks
from config.client_kinds import ClientKind
from config.load import load_settings
from config.problems import ConfigurationError
from config.settings import AppSettings, Settings
from tests.config.test_rule_checks import START

RULE = '[[apps.rules]]\npath = "/a/"\n'


def load(tmp_path: Path, text: str, start: str = START) -> Settings:
    (tmp_path / "users.toml").write_text("")
    (tmp_path / "gatepost.toml").write_text(start + text)
    return load_settings(tmp_path / "gatepost.toml", {})


def the_app(tmp_path: Path, text: str) -> AppSettings:
    return load(tmp_path, text).apps[0]


def test_an_app_is_for_browsers_alone_unless_it_says_otherwise(tmp_path: Path) -> None:
    app = the_app(tmp_path, "")
    assert (app.clients, app.takes_credentials) == ((ClientKind.BROWSER,), False)
    app = the_app(tmp_path, 'clients = ["app_password"]\n' + RULE)
    assert (app.clients, app.takes_credentials) == ((ClientKind.APP_PASSWORD,), True)


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("clients = []\n", "clients", "an empty list"),
        ('clients = ["bearer", "bearer"]\n', "clients", "the same thing twice"),
        ('clients = ["password"]\n', "clients[0]", "bearer"),
        (RULE + 'clients = ["bearer"]\n', "rules[0].clients", '"bearer" is none of the app\'s clients'),
        (RULE + "clients = []\n", "rules[0].clients", "an empty list"),
        (RULE + 'public = true\nclients = ["browser"]\n', "rules[0].clients", "means nothing where public"),
        ('clients = ["browser", "bearer"]\npass_authorization = true\n', "pass_authorization", "for Gatepost alone"),
        ('clients = ["browser", "bearer"]\nforward_auth = true\n', "forward_auth", "would hand the app"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, key: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, text)
    (problem,) = refused.value.problems
    assert (problem.table, problem.key) == ('apps[0] ("Wiki")', key)
    assert message in problem.message


def test_credentials_in_the_clear_are_warned_of(tmp_path: Path) -> None:
    clear = START.replace("https://signin.corp.example", "http://signin.localhost")
    warnings = "\n".join(checks.warnings(load(tmp_path, 'clients = ["bearer"]\n', clear)))
    assert "tokens cross the network in the clear" in warnings
    assert "tokens cross" not in "\n".join(checks.warnings(load(tmp_path, 'clients = ["bearer"]\n')))
