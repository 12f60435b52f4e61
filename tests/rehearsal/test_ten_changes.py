"""Ten known changes, rehearsed over 5,000 decisions, give the list that is worked out here by hand and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from config.factors import Factor
from config.settings import Settings
from directory.known_person import KnownPerson
from proxy.factors.enrolment import Enrolment
from proxy.rehearsal.changes import Effect, Rehearsed
from proxy.rehearsal.rehearse import rehearse
from proxy.rehearsal.standings import Standings
from proxy.secrets.keys import Keys
from proxy.sessions.decided import DecidedAccess
from tests.support.memory_store import MemoryStore
from tests.support.people import NOW, principal

KEYS = Keys(b"k" * 32, clock=lambda: NOW)
CORP, PARTNERS = range(495), range(495, 545)
APPS = ("Docs", "Wiki", "Lab", "Forms", "Chat", "Mail", "Vault", "Desk", "Shop", "Free")
BROWSER = {"name": "browser", "factors": ["password", "sms"]}
OLD: dict[str, Any] = {
    "server": {"public_url": "https://signin.corp.example"},
    "smtp": [{"host": "127.0.0.1", "from": "otp@corp.example", "security": "none"}],
    "directories": [
        {
            "type": "active_directory",
            "name": name,
            "domain": f"{name}.example",
            "servers": [f"ldaps://dc.{name}.example"],
            "bind_user": "svc",
            "bind_password": "x",
        }
        for name in ("corp", "partner")
    ],
    "schemes": [
        {"name": "admins", "factors": ["password"], "groups": ["Admins"], "networks": ["10.0.0.0/8"]},
        {"name": "desk", "factors": ["password", "sms"], "apps": ["Desk"]},
        BROWSER,
        {"name": "strong", "factors": ["password", "totp"]},
        {"name": "token", "factors": ["password", "totp"]},
    ],
    "apps": [
        {
            "name": "Docs",
            "rules": [{"path": "/pub/", "groups": ["Staff"]}, {"path": "/", "groups": ["Editors"]}],
        },
        {"name": "Wiki", "groups": ["Wiki Users"]},
        {"name": "Lab", "rules": [{"path": "/", "networks": ["192.0.2.0/24"]}]},
        {"name": "Forms"},
        {"name": "Chat"},
        {"name": "Mail", "groups": ["A", "B"]},
        {"name": "Vault", "scheme": "strong"},
        {"name": "Desk"},
        {"name": "Shop"},
        {"name": "Free"},
    ],
}


def settings_of(tables: dict[str, Any]) -> Settings:
    apps = [
        {"host": f"{each['name'].lower()}.corp.example", "upstream": "http://127.0.0.1:1", **each}
        for each in tables["apps"]
    ]
    return Settings.model_validate({**tables, "apps": apps})


def new_tables() -> dict[str, Any]:
    """All ten."""
    schemes = {each["name"]: dict(each) for each in OLD["schemes"]}
    apps = {each["name"]: dict(each) for each in OLD["apps"]}
    apps["Docs"]["rules"] = apps["Docs"]["rules"][::-1]  # 1: the order of rules
    apps["Wiki"]["groups"] = ["Wiki User"]  # 2: a typo in a group
    apps["Lab"]["rules"] = [{"path": "/", "networks": ["192.0.2.0/25"]}]  # 3: a network
    apps["Forms"]["scheme"] = "token"  # 4: a scheme
    apps["Chat"].update({"name": "Talk", "host": "chat.corp.example"})  # 5: an app with another name
    directories = OLD["directories"][:1]  # 6: a realm is gone
    apps["Mail"]["groups"] = ["A"]  # 7: a group is gone
    schemes["strong"]["factors"] = ["password", "totp", "email"]  # 8: one factor more
    schemes["desk"]["factors"] = ["password", ["totp", "sms"]]  # 9: a factor becomes a choice
    apps["Shop"]["rules"] = [{"path": "/admin/", "groups": ["Shop Admins"]}]  # 10: a rule for a path
    return {**OLD, "directories": directories, "schemes": [*schemes.values()], "apps": [*apps.values()]}


GROUPS = {
    "Staff": lambda number: True,
    "Editors": lambda number: number % 10 == 0,
    "Wiki Users": lambda number: number % 2 == 0,
    "A": lambda number: number % 3 == 0,
    "B": lambda number: number % 5 == 0,
    "Shop Admins": lambda number: number % 50 == 0,
    "Admins": lambda number: number < 5,
}


def guid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def address(number: int) -> str:
    if number < 5:
        return "10.1.0.1"
    return f"192.0.2.{number % 250}" if number % 4 else "198.51.100.7"


def person(number: int) -> KnownPerson:
    groups = frozenset(name for name, holds in GROUPS.items() if holds(number))
    return KnownPerson(
        principal=principal(
            guid=guid(number),
            realm="partner" if number in PARTNERS else "corp",
            username=f"p{number}",
            mail=None if number % 11 == 0 else f"p{number}@corp.example",
            groups=groups,
        )
    )


def decided(number: int, app: str) -> DecidedAccess:
    who = person(number).principal
    factors = (Factor.PASSWORD,) if number < 5 else (Factor.PASSWORD, Factor.SMS)
    return DecidedAccess(
        realm=who.realm, guid=who.guid, username=who.username, app=app, factors=factors, address=address(number)
    )


DECISIONS = [decided(number, app) for number in CORP for app in APPS] + [decided(each, "Free") for each in PARTNERS]
FEW = range(60)
"""Enough of them where it is not about how many."""


def totp(number: int) -> Enrolment:
    return Enrolment(
        enrolment_id=f"e{number}",
        guid=guid(number),
        realm="corp",
        factor=Factor.TOTP,
        name="Phone",
        sealed=b"",
        made_at=NOW,
    )


async def rehearsed_between(old: Settings, new: Settings, corp: range = FEW) -> Rehearsed:
    known = {guid(number) for number in (*corp, *PARTNERS)}
    return await rehearsed_of([each for each in DECISIONS if each.guid in known], old, new, corp)


async def rehearsed_of(decisions: Iterable[DecidedAccess], old: Settings, new: Settings, corp: range) -> Rehearsed:
    store = MemoryStore()
    for number in filter(lambda number: number % 7 == 0, corp):
        assert await store.enrolments.put_enrolments([totp(number)])
    standings, found = Standings(store, KEYS, passkeys_of="signin.corp.example"), []
    for settings in (old, new):
        there = {each.name for each in settings.directories}
        people = [each for each in map(person, {*corp, *PARTNERS}) if each.principal.realm in there]
        found.append(await standings.of(settings, people))
    return rehearse(old, new, decisions, before=found[0], after=found[1])


@pytest.fixture(scope="module")
def rehearsed() -> Rehearsed:
    return asyncio.run(rehearsed_between(settings_of(OLD), settings_of(new_tables()), CORP))


def people_who(holds: Any, corp: range = CORP) -> set[str]:
    return {f"p{number}" for number in corp if holds(number)}


BY_HAND = {
    (Effect.LOSES, "Docs", "/pub/", "is for Editors"): people_who(lambda number: number % 10 != 0),
    (Effect.LOSES, "Wiki", "", "is for Wiki User"): people_who(lambda number: number % 2 == 0),
    (Effect.LOSES, "Lab", "/", "is open only from 192.0.2.0/25"): people_who(
        lambda number: number % 4 != 0 and number % 250 >= 128
    ),
    (Effect.MORE, "Forms", "", 'by "admins", then "token": password, totp (before: by "admins": password)'): {"p0"},
    (Effect.LOSES, "Forms", "", '"admins" asks for totp, which they cannot prove (no_totp)'): {"p1", "p2", "p3", "p4"},
    (
        Effect.MORE,
        "Forms",
        "",
        'by "browser", then "token": password, sms, totp (before: by "browser": password, sms)',
    ): people_who(lambda number: number >= 5 and number % 7 == 0),
    (Effect.LOSES, "Forms", "", '"browser" asks for totp, which they cannot prove (no_totp)'): people_who(
        lambda number: number >= 5 and number % 7 != 0
    ),
    (Effect.LOSES, "Free", "", 'the realm "partner" is not there any more'): {f"p{number}" for number in PARTNERS},
    (Effect.LOSES, "Mail", "", "is for A"): people_who(lambda number: number % 5 == 0 and number % 3 != 0),
    (Effect.LOSES, "Vault", "", '"admins" asks for email, which they cannot prove (no_mail)'): {"p0"},
    (Effect.LOSES, "Vault", "", '"browser" asks for email, which they cannot prove (no_mail)'): people_who(
        lambda number: number >= 5 and number % 77 == 0
    ),
    (
        Effect.MORE,
        "Vault",
        "",
        'by "browser", then "strong": password, sms, totp, email'
        ' (before: by "browser", then "strong": password, sms, totp)',
    ): people_who(lambda number: number >= 5 and number % 7 == 0 and number % 11 != 0),
    (
        Effect.OTHER,
        "Desk",
        "",
        'by "desk": password, totp (before: by "desk": password, sms)',
    ): people_who(lambda number: number >= 5 and number % 7 == 0),
    (Effect.LOSES, "Shop", "/admin/", "is for Shop Admins"): people_who(lambda number: number % 50 != 0),
}


def test_ten_changes_over_5000_decisions_give_the_list_that_was_worked_out(rehearsed: Rehearsed) -> None:
    assert (len(DECISIONS), rehearsed.decisions, rehearsed.people) == (5000, 5000, 545)
    found = {
        (each.effect, each.app, each.part, each.why): {one.username for one in each.people}
        for each in rehearsed.changes
    }
    assert found == BY_HAND
    assert rehearsed.harms


def test_a_hundred_thousand_decisions_take_seconds() -> None:
    """Of processor time: what else runs on the machine does not count."""
    people = range(10_000)
    decisions = [decided(number, app) for number in people for app in APPS]
    began = time.process_time()
    found = asyncio.run(rehearsed_of(decisions, settings_of(OLD), settings_of(new_tables()), people))
    assert time.process_time() - began < 10
    assert (found.decisions, found.people) == (100_000, 10_000)


def test_what_was_renamed_or_is_gone_is_told(rehearsed: Rehearsed) -> None:
    assert rehearsed.notes == ('the app "Chat" is taken for "Talk"', 'the realm "partner" is not there any more')


def test_the_same_changes_the_other_way_round_give_back_what_they_took() -> None:
    back = asyncio.run(rehearsed_between(settings_of(new_tables()), settings_of(OLD)))
    gained = {one.username for each in back.changes if each.app == "Wiki" for one in each.people}
    assert gained == people_who(lambda number: number % 2 == 0, FEW)
    assert {each.effect for each in back.changes} == {Effect.GAINS, Effect.LESS, Effect.OTHER}


def test_an_app_that_is_removed_is_lost_by_all_who_can_open_it() -> None:
    without = {**OLD, "apps": [each for each in OLD["apps"] if each["name"] != "Mail"]}
    found = asyncio.run(rehearsed_between(settings_of(OLD), settings_of(without)))
    (change,) = found.changes
    assert (change.effect, change.app, change.why) == (Effect.LOSES, "Mail", "the app is not there any more")
    who = people_who(lambda number: number % 3 == 0 or number % 5 == 0, FEW)
    assert {one.username for one in change.people} == who
    assert found.notes == ('the app "Mail" is not there any more',)


def test_a_configuration_beside_itself_changes_nothing() -> None:
    nothing = asyncio.run(rehearsed_between(settings_of(OLD), settings_of(OLD)))
    assert (nothing.changes, nothing.notes, nothing.harms) == ((), (), False)


async def test_passkeys_are_lost_by_all_whose_sign_in_pages_move_to_another_host() -> None:
    schemes = [{"name": "keys", "factors": ["password", "passkey"]}]
    old = {**OLD, "schemes": schemes, "apps": [{"name": "Free"}]}
    new = {**old, "server": {"public_url": "https://new.corp.example"}}
    store = MemoryStore()
    assert await store.enrolments.put_enrolments([replace(totp(7), factor=Factor.PASSKEY)])
    standings, people = Standings(store, KEYS, passkeys_of="signin.corp.example"), [person(7)]
    before, after = settings_of(old), settings_of(new)
    found = rehearse(
        before,
        after,
        [decided(7, "Free")],
        before=await standings.of(before, people),
        after=await standings.of(after, people),
    )
    assert [(each.effect, each.app) for each in found.changes] == [(Effect.LOSES, "Free")]
