"""Apps and realms with other names are found again where that is certain, and what is taken for what is told."""

from __future__ import annotations

from typing import Any

import pytest

from config.settings import Settings
from proxy.rehearsal.counterparts import counterparts
from proxy.rehearsal.everybody import finds_alike

AD = {"type": "active_directory", "name": "corp", "domain": "corp.example", "bind_user": "svc", "bind_password": "x"}
WIKI = {"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://10.0.0.5:8080"}
FORMS = {"name": "Forms", "host": "forms.corp.example", "upstream": "http://10.0.0.6:8080"}


SERVER = {"public_url": "https://signin.corp.example"}
SCHEME = {"name": "staff", "factors": ["password", "sms"]}


def settings(*apps: dict[str, Any], directories: tuple[dict[str, Any], ...] = (AD,), **tables: Any) -> Settings:
    return Settings.model_validate(
        {
            "server": SERVER,
            "smtp": [{"host": "127.0.0.1", "from": "otp@corp.example", "security": "none"}],
            "directories": directories,
            "apps": apps or (WIKI, FORMS),
            **tables,
        }
    )


@pytest.mark.parametrize(
    ("apps", "found", "notes"),
    [
        ((WIKI, FORMS), {"Wiki": "Wiki", "Forms": "Forms"}, []),
        ((FORMS, {**WIKI, "name": "Handbook", "upstream": "http://10.9.9.9:1"}), {"Wiki": "Handbook"}, ["taken"]),
        (
            (FORMS, {**WIKI, "name": "Handbook", "host": "handbook.corp.example"}),
            {"Wiki": "Handbook"},
            ["taken", "moves from wiki.corp.example to handbook.corp.example"],
        ),
        # Another app has its old name: by its name it is this one, whatever else it has.
        (({**WIKI, "host": "x.corp.example", "upstream": "http://10.9.9.9:1"}, FORMS), {"Wiki": "Wiki"}, ["moves"]),
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


@pytest.mark.parametrize(
    ("changed", "is_alike"),
    [
        ({}, True),
        ({"name": "head-office"}, True),
        ({"mobile_attributes": ["telephoneNumber"]}, False),
        ({"bind_user": "other"}, False),
        ({"base_dn": "OU=Staff,DC=corp,DC=example"}, False),
    ],
)
def test_a_directory_that_would_tell_something_else_is_read_again(changed: dict[str, Any], is_alike: bool) -> None:
    (one,), (other,) = (settings(directories=(each,)).directories for each in (AD, {**AD, **changed}))
    assert finds_alike(one, other) is is_alike


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"store": {"url": "sqlite:state.db"}}, {"store": {"url": "sqlite:new.db"}}, "the store is another one"),
        ({"server": SERVER}, {"server": {**SERVER, "key_file": "new.key"}}, "the master key stands elsewhere"),
        ({"schemes": [{**SCHEME, "remember": "14d"}]}, {"schemes": [SCHEME]}, '"staff" remembers no browsers any more'),
    ],
)
def test_what_no_decision_shows_is_told(before: dict[str, Any], after: dict[str, Any], told: str) -> None:
    (note,) = counterparts(settings(**before), settings(**after)).notes
    assert note.startswith(told)
