"""Which groups open an app."""

from __future__ import annotations

import pytest

from config.settings import AppSettings
from directory.principal import Principal
from proxy.access.policy import Allowed, NotInGroups, judge


def app(groups: tuple[str, ...] | None) -> AppSettings:
    return AppSettings.model_construct(name="Wiki", host="wiki.corp.example", groups=groups)


@pytest.mark.parametrize(
    ("groups", "asked_for", "is_allowed"),
    [
        ({"A"}, ("A",), True),
        ({"B"}, ("A", "B"), True),
        ({"C"}, ("A", "B"), False),
        (set(), ("A",), False),
        ({"a"}, ("A",), False),
        (set(), None, True),
        ({"A"}, (), False),
    ],
)
def test_any_one_of_an_apps_groups_opens_it(
    groups: set[str], asked_for: tuple[str, ...] | None, is_allowed: bool
) -> None:
    alice = Principal(guid="g", realm="corp", username="alice", display_name="Alice", groups=frozenset(groups))
    verdict = judge(alice, app(asked_for))
    assert verdict == (Allowed() if is_allowed else NotInGroups(asked_for or ()))
