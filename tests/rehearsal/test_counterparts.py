"""Apps and realms with other names are found again where that is certain, and what is taken for what is told."""

from __future__ import annotations

from typing import Any

import pytest

from config.settings import Settings
from proxy.rehearsal.counterparts import counterparts

AD = {"type": "active_directory", "name": "corp", "domain": "corp.example", "bind_user": "svc", "bind_password": "x"}
WIKI = {"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://10.0.0.5:8080"}
FORMS = {"name": "Forms", "host": "forms.corp.example", "upstream": "http://10.0.0.6:8080"}


def settings(*apps: dict[str, Any], directories: tuple[dict[str, Any], ...] = (AD,)) -> Settings:
    return Settings.model_validate(
        {
            "server": {"public_url": "https://signin.corp.example"},
            "smtp": [{"host": "127.0.0.1", "from": "otp@corp.example", "security": "none"}],
            "directories": directories,
            "apps": apps or (WIKI, FORMS),
        }
    )


@pytest.mark.parametrize(
    ("apps", "found", "notes"),
    [
        ((WIKI, FORMS), {"Wiki": "Wiki", "Forms": "Forms"}, []),
        ((FORMS, {**WIKI, "name": "Handbook", "upstream": "http://10.9.9.9:1"}), {"Wiki": "Handbook"}, ["taken"]),
        ((FORMS, {**WIKI, "name": "Handbook", "host": "handbook.corp.example"}), {"Wiki": "Handbook"}, ["taken"]),
        # Another app has its old name: by its name it is this one, whatever else it has.
        (({**WIKI, "host": "x.corp.example", "upstream": "http://10.9.9.9:1"}, FORMS), {"Wiki": "Wiki"}, []),
        ((FORMS,), {"Wiki": None}, ["not there"]),
        # Two new ones at its servers: nobody knows which.
        (
            (FORMS, {**WIKI, "name": "A", "host": "a.corp.example"}, {**WIKI, "name": "B", "host": "b.corp.example"}),
            {"Wiki": None},
            ["not there", "new", "new"],
        ),
    ],
)
def test_an_app_is_found_by_name_then_host_then_servers(
    apps: tuple[dict[str, Any], ...], found: dict[str, str | None], notes: list[str]
) -> None:
    same = counterparts(settings(), settings(*apps))
    assert {name: same.apps.get(name) for name in found} == found
    assert len(same.notes) == len(notes)
    assert all(word in note for word, note in zip(notes, same.notes, strict=True)), same.notes


def test_a_domain_with_another_name_is_the_same_realm_and_another_domain_is_not() -> None:
    other = {**AD, "name": "other", "domain": "other.example"}
    renamed = counterparts(settings(), settings(directories=({**AD, "name": "head-office"}, other)))
    assert renamed.realms == {"corp": "head-office"}
    assert renamed.notes == (
        'the realm "corp" is taken for "head-office"',
        'the realm "other" is new: nothing was decided about it',
    )
    gone = counterparts(settings(), settings(directories=(other,)))
    assert gone.realms == {}
    assert gone.notes[0] == 'the realm "corp" is not there any more'


def test_local_people_of_a_realm_with_another_name_are_others() -> None:
    local, renamed = ({"type": "local", "name": name, "file": "users.toml"} for name in ("local", "guests"))
    assert counterparts(settings(directories=(local,)), settings(directories=(renamed,))).realms == {}
