"""No part of an app is overlooked, however rules of two configurations lie over each other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from config.factors import Factor
from config.settings import Settings
from directory.known_person import KnownPerson
from proxy.rehearsal.changes import Effect
from proxy.rehearsal.parts import Part
from proxy.rehearsal.rehearse import People, rehearse
from proxy.rehearsal.replay import Asker, Replay
from proxy.rehearsal.standings import Standings
from proxy.sessions.decided import DecidedAccess
from tests.rehearsal.test_replay import ELSEWHERE, KEYS, settings
from tests.support.memory_store import MemoryStore
from tests.support.people import principal

STAFF = {"name": "staff", "factors": ["password", "sms"]}
PLACES = ("/", "/docs", "/docs/", "/docs/x", "/docs/q", "/docs/x/x", "/q", "/q/x", "/q/q/x", "/team/x", "/team/q")
METHODS = (b"GET", b"POST", b"PUT", b"PATCH")
METHOD_LISTS = (None, ["GET"], ["GET", "POST"], ["PUT"])
WRITTEN = ("/", "/docs", "/docs/", "/docs/x", "/team/", "/*/x", "/docs/**", "/**/x")


def rule(written: str, methods: list[str] | None, group: str) -> dict[str, Any]:
    kind = "pattern" if "*" in written else "path"
    return {kind: written, "groups": [group], **({"methods": methods} if methods else {})}


def app(*rules: dict[str, Any]) -> Settings:
    return settings({"groups": ["Mine"], "rules": list(rules)}, STAFF)


PERSON = KnownPerson(principal=principal(groups=frozenset({"Mine"})))
DECIDED = DecidedAccess(
    realm=PERSON.principal.realm,
    guid=PERSON.principal.guid,
    username=PERSON.principal.username,
    app="Wiki",
    factors=(Factor.PASSWORD, Factor.SMS),
    address=ELSEWHERE,
)
STANDING: People = asyncio.run(Standings(MemoryStore(), KEYS, passkeys_of="signin.corp.example").of(app(), [PERSON]))
ASKER = Asker(
    person=PERSON,
    places=next(iter(STANDING.values())).places,
    first=Factor.PASSWORD,
    way=DECIDED.way,
    address=ELSEWHERE,
)


def lost(old: Settings, new: Settings) -> set[str]:
    found = rehearse(old, new, [DECIDED], before=STANDING, after=STANDING)
    return {change.part for change in found.changes if change.effect is Effect.LOSES}


@pytest.mark.parametrize(
    ("first", "second", "part"),
    [
        # Another rule has the same path and takes what a page load sends.
        (rule("/api/", ["GET"], "Mine"), ("/api/", None), "/api/"),
        (rule("/api/", ["GET"], "Mine"), ("/api/", ["GET", "POST"]), "GET,HEAD,POST /api/"),
        # Another rule takes the very path that it is written with.
        (rule("/docs", None, "Mine"), ("/docs/", None), "/docs/"),
        (rule("/docs/any", None, "Mine"), ("/docs/*", None), "/docs/*"),
    ],
)
def test_a_rule_behind_another_one_is_looked_at(first: Any, second: tuple[str, Any], part: str) -> None:
    old, new = app(first, rule(*second, "Mine")), app(first, rule(*second, "Others"))
    assert lost(old, new) == {part}
    assert lost(new, old) == set()


RULES = st.lists(
    st.builds(rule, st.sampled_from(WRITTEN), st.sampled_from(METHOD_LISTS), st.sampled_from(["Mine", "Others"])),
    max_size=3,
)


@given(RULES, RULES)
@hypothesis_settings(max_examples=150, deadline=None)
def test_whoever_loses_some_page_is_told_of(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    old, new = app(*before), app(*after)
    replays = Replay(old), Replay(new)
    for path in PLACES:
        for method in METHODS:
            part = Part(method=method, path=path)
            was, now = (replay.access(ASKER, "Wiki", replay.rule_for("Wiki", part)).is_open for replay in replays)
            if was and not now:
                assert lost(old, new), part
                return
