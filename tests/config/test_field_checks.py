"""`pass_fields`: what may be named there, and what naming it means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from config import checks
from config.field_kinds import SET_BY_GATEPOST
from config.load import load_settings
from config.problems import ConfigurationError
from config.settings import Settings
from tests.config.test_rule_checks import START

Load = Callable[[str], Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(fields: str, start: str = START) -> Settings:
        (tmp_path / "users.toml").write_text("")
        (tmp_path / "gatepost.toml").write_text(f"{start}pass_fields = [{fields}]\n")
        return load_settings(tmp_path / "gatepost.toml", {})

    return load


def spellings(name: str) -> tuple[str, ...]:
    return name, name.upper(), name.replace("-", "_").upper(), name.replace("-", ".")


@pytest.mark.parametrize("name", [*(name.decode() for name in SET_BY_GATEPOST), "x-gatepost-anything"])
def test_no_spelling_of_gateposts_own_fields_can_be_named(load: Load, name: str) -> None:
    for spelling in spellings(name):
        with pytest.raises(ConfigurationError) as caught:
            load(f'"X-Real-IP", "{spelling}"')
        (problem,) = caught.value.problems
        assert (problem.table, problem.key) == ('apps[0] ("Wiki")', "pass_fields[1]")
        assert (
            problem.message == f'"{spelling}": only Gatepost says this to apps, whatever a client sends: leave it out'
        )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Authorization", "pass_authorization = true"),
        ("Cookie", "decides itself"),
        ("Content_Length", "decides itself"),
        ("Transfer-Encoding", "decides itself"),
        ("Connection", "decides itself"),
        ("Host", "decides itself"),
        ("Proxy", "decides itself"),
        ("X Real IP", "not the name of a request field"),
        ("X-Real-IP:", "not the name of a request field"),
        ("X-Réal-IP", "not the name of a request field"),
        ("", "not the name of a request field"),
    ],
)
def test_what_frames_a_request_cannot_be_named(load: Load, name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load(f'"{name}"')


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        (
            "SCRIPT_NAME",
            "It passes from everybody who may send the app a request: leave it out unless the app needs it",
        ),
        ("X-Forwarded-Prefix", "It passes from trusted proxies: leave it out unless the app needs it"),
        ("X-Custom", "passes without being named"),
    ],
)
def test_what_naming_a_field_opens_is_told(load: Load, name: str, warning: str) -> None:
    (found,) = checks.warnings(load(f'"{name}"'))
    assert found.startswith(f'apps ("Wiki"): pass_fields: {name}: ')
    assert found.endswith(warning)


def test_a_field_that_nobody_may_say_is_told(load: Load) -> None:
    start = START.replace('trusted_proxies = ["10.0.0.1"]', "")
    (found,) = checks.warnings(load('"X-Real-IP"', start))
    assert found.endswith("passes from server.trusted_proxies alone, and none is named there")
    assert checks.warnings(load('"X-Real-IP", "api_key"')) == ()
