"""`[help_desk]`: what lets passes stand in for second factors, and where they never do."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.factors import Factor
from config.load import load_settings
from config.problems import ConfigurationError
from config.settings import Settings
from config.tables.help_desk import LONGEST_PASS_SECONDS
from proxy.secrets.keys import Purpose
from tests.config.test_admin_checks import GROUPS, SCHEMES, START

ON = "[help_desk]\npasses = true\n"
VOUCHING = "[help_desk]\nvouching = true\n"


def load(folder: Path, text: str) -> Settings:
    (folder / "users.toml").write_text("")
    (folder / "gatepost.toml").write_text(START + text)
    return load_settings(folder / "gatepost.toml", {})


def test_a_pass_is_one_more_choice_for_the_last_second_factor_and_no_other(tmp_path: Path) -> None:
    three = '[[schemes]]\nname = "three"\nfactors = ["password", "sms", ["email", "sms"]]\napps = ["Wiki"]\n'
    settings = load(tmp_path, GROUPS + ON + SCHEMES + three.replace(', ["email", "sms"]]', ', "email"]') + MAIL)
    found = {scheme.name: scheme.factors for scheme in settings.schemes}
    assert found["browser"] == ((Factor.PASSWORD,), (Factor.SMS, Factor.PASS))
    assert found["three"] == ((Factor.PASSWORD,), (Factor.SMS,), (Factor.EMAIL, Factor.PASS))
    assert found["admins"] == found["quick"] == ((Factor.PASSWORD,),)


@pytest.mark.parametrize("key", [ON, VOUCHING])
def test_without_schemes_it_stands_in_too(tmp_path: Path, key: str) -> None:
    (scheme,) = load(tmp_path, GROUPS + key).schemes
    assert scheme.factors[-1] == (Factor.SMS, Factor.PASS)


def test_while_it_is_off_nothing_stands_in(tmp_path: Path) -> None:
    assert all(Factor.PASS not in choice for scheme in load(tmp_path, SCHEMES).schemes for choice in scheme.factors)


def test_keys_are_accepted_for_as_long_as_a_pass_may_be_given() -> None:
    assert Purpose.PASSES.accepted_seconds >= LONGEST_PASS_SECONDS


MAIL = '[second_factor]\nchannels = ["kapow", "email"]\n'


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        (ON, "passes", "needs groups in [admin]"),
        (VOUCHING, "vouching", "needs groups in [admin]"),
        (GROUPS + VOUCHING + '[[schemes]]\nname = "a"\nfactors = ["password"]\n', "vouching", "no scheme asks"),
        (GROUPS + VOUCHING + "two_persons = true\n", "two_persons", "needs passes = true"),
        (GROUPS + "[help_desk]\ntwo_persons = true\n", "two_persons", "needs passes = true"),
        (GROUPS + ON + '[[schemes]]\nname = "a"\nfactors = ["password"]\n', "passes", "no scheme asks for a second"),
        (GROUPS + ON + 'longest_pass = "30m"\n', "longest_pass", 'at least "1h"'),
        (GROUPS + ON + 'longest_pass = "8d"\n', "longest_pass", "at most"),
        ('[[schemes]]\nname = "a"\nfactors = ["password", "pass"]\n', "factors", "is named in none"),
        ('[[schemes]]\nname = "a"\nfactors = ["password", ["sms", "pass"]]\n', "factors", "is named in none"),
        ('[[schemes]]\nname = "a"\nfactors = ["pass"]\n', "factors", "is named in none"),
    ],
)
def test_what_does_not_agree_stops_the_start(tmp_path: Path, text: str, key: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    found = [(problem.key.partition("[")[0], problem.message) for problem in caught.value.problems]
    assert any(found_key == key and message in found_message for found_key, found_message in found), found
