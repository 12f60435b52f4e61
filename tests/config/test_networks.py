"""`[[networks]]`: what loads, and what cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.load import load_settings
from config.problems import ConfigurationError
from config.settings import Settings
from tests.config.test_checks import GOOD

WARD = '[[networks]]\nname = "Ward"\naddresses = ["10.30.0.0/16"]\nshared = true\n'


def load(folder: Path, text: str) -> Settings:
    (folder / "gatepost.toml").write_text(GOOD + text)
    return load_settings(folder / "gatepost.toml", {})


def test_sessions_in_a_shared_network_end_after_five_minutes(tmp_path: Path) -> None:
    (network,) = load(tmp_path, WARD).networks
    assert (network.name, network.shared, network.idle) == ("Ward", True, 300.0)
    assert load(tmp_path, WARD + 'idle = "2m"').networks[0].idle == 120.0
    assert load(tmp_path, "").networks == ()


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        (WARD + WARD, "name", "another network has this name"),
        (WARD.replace("true", "false"), "shared", "without shared = true"),
        (WARD + 'idle = "31m"', "idle", "longer than that of [sessions]"),
        (WARD + 'idle = "1s"', "idle", 'at least "1m"'),
        (WARD.replace('"10.30.0.0/16"', ""), "addresses", "empty"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, key: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, text)
    (problem,) = refused.value.problems
    assert problem.key == key
    assert message in problem.message
