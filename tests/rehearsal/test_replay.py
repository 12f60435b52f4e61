"""A replay says what a sign-in and the forwarding plane decide, for each way in."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from config.factors import Factor
from config.settings import Settings
from directory.known_person import KnownPerson
from proxy.access.rules import rules_of
from proxy.access.schemes import create_app_demand
from proxy.factors.proof import Proof
from proxy.factors.second_factor import Chosen
from proxy.forwarding.admissions import Admit, decide
from proxy.rehearsal.changes import Effect, difference
from proxy.rehearsal.parts import Part
from proxy.rehearsal.replay import Access, Asker, Replay
from proxy.rehearsal.standings import Standings
from proxy.secrets.keys import Keys
from proxy.sessions.way import Way
from proxy.sign_in.walk import ProofPlaces
from tests.support.memory_store import MemoryStore
from tests.support.people import NOW, principal, session

OFFICE, ELSEWHERE = "192.0.2.10", "203.0.113.9"
KEYS = Keys(b"k" * 32, clock=lambda: NOW)
SCHEMES = (
    {"name": "office", "factors": ["password"], "networks": ["192.0.2.0/24"]},
    {"name": "staff", "factors": ["password", "sms"], "groups": ["Staff"]},
    {"name": "strong", "factors": ["password", "sms", "email"], "apps": ["Vault"]},
)


def settings(app: dict[str, Any], *schemes: dict[str, Any], **tables: Any) -> Settings:
    known = {"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://10.0.0.5:8080", **app}
    ad = {"type": "active_directory", "name": "corp", "domain": "corp.example", "bind_user": "s", "bind_password": "x"}
    return Settings.model_validate(
        {
            "server": {"public_url": "https://signin.corp.example"},
            "smtp": [{"host": "127.0.0.1", "from": "otp@corp.example", "security": "none"}],
            "directories": [ad],
            "apps": [known],
            "schemes": schemes or SCHEMES,
            **tables,
        }
    )


def asker(known: Settings, *, way: Way = Way.BROWSER, address: str = ELSEWHERE, **fields: Any) -> Asker:
    person = KnownPerson(principal=principal(**fields))
    found = asyncio.run(Standings(MemoryStore(), KEYS, passkeys_of="signin.corp.example").of(known, [person]))
    first = Factor(way.value) if way in (Way.APP_PASSWORD, Way.SERVICE_TOKEN) else Factor.PASSWORD
    return Asker(person=person, places=next(iter(found.values())).places, first=first, way=way, address=address)


def access(known: Settings, part: Part | None = None, **who: Any) -> Access:
    replay = Replay(known)
    return replay.access(asker(known, **who), "Wiki", replay.rule_for("Wiki", part))


groups = st.sampled_from([None, ["Staff"], ["Wiki Users", "Staff"], ["Nobody's"]])
names = st.sampled_from([None, "office", "staff", "strong"])


@given(
    app_groups=groups,
    app_scheme=names,
    rule_groups=groups,
    rule_scheme=names,
    mine=st.frozensets(st.sampled_from(["Staff", "Wiki Users"])),
    address=st.sampled_from([OFFICE, ELSEWHERE]),
    mail=st.sampled_from([None, "alice@corp.example"]),
    is_in_part=st.booleans(),
)
@hypothesis_settings(max_examples=60)
def test_what_is_open_in_a_replay_is_what_the_forwarding_plane_admits(
    app_groups: Any, app_scheme: Any, rule_groups: Any, rule_scheme: Any, mine: Any, address: Any, mail: Any,
    is_in_part: bool,
) -> None:  # fmt: skip
    rule = {"path": "/part/", **{k: v for k, v in (("groups", rule_groups), ("scheme", rule_scheme)) if v is not None}}
    app = {"rules": [rule], **{k: v for k, v in (("groups", app_groups), ("scheme", app_scheme)) if v is not None}}
    known = settings(app)
    found = access(
        known, Part(method=b"GET", path="/part/") if is_in_part else None, groups=mine, address=address, mail=mail
    )
    wiki = known.apps[0]
    chosen = rules_of(wiki, known.schemes)[0] if is_in_part else None
    demand = create_app_demand(wiki, known.schemes)
    # Whoever has proven all that they can, and what the replay says that they prove.
    held = [Factor.PASSWORD, Factor.SMS, *([Factor.EMAIL] if mail else [])]
    for factors in (held, [each for each in held if each in found.factors]):
        proven = tuple(Proof(factor, NOW) for factor in factors) or (Proof(Factor.PASSWORD, NOW),)
        whole = session(
            principal=principal(groups=mine), factors=((Factor.PASSWORD,),), scheme="", proven=proven,
            client_address=address,
        )  # fmt: skip
        admitted = isinstance(decide(whole, wiki, chosen, demand, now=NOW), Admit)
        if found.is_open:
            assert admitted
        elif factors is held and "no scheme" not in found.why:
            assert not admitted


def test_a_public_part_is_open_to_all_from_where_it_may_be_reached() -> None:
    known = settings({"groups": ["X"], "rules": [{"path": "/p", "public": True, "networks": ["192.0.2.0/24"]}]})
    part = Part(method=b"GET", path="/p")
    assert access(known, part, address=OFFICE).is_open
    assert access(known, part) == Access(is_open=False, why="is open only from 192.0.2.0/24")


@pytest.mark.parametrize(
    ("way", "clients", "why"),
    [
        (Way.APP_PASSWORD, ["browser", "app_password"], ""),
        (Way.APP_PASSWORD, ["browser", "bearer"], 'clients = "app_password" is not taken'),
        (Way.SERVICE_TOKEN, ["bearer"], ""),
        (Way.SERVICE_TOKEN, ["browser"], 'clients = "bearer" is not taken'),
        (Way.BROWSER, ["bearer"], 'clients = "browser" is not taken'),
    ],
)
def test_a_way_in_needs_an_app_that_takes_it(way: Way, clients: list[str], why: str) -> None:
    found = access(settings({"clients": clients}), way=way, groups=frozenset({"Staff"}))
    assert (found.is_open, found.why if why else "") == (not why, why)


def test_a_credential_is_one_factor_whatever_the_app_asks_and_too_little_where_a_rule_asks() -> None:
    app = {"clients": ["app_password"], "scheme": "strong", "rules": [{"path": "/pay/", "scheme": "staff"}]}
    schemes = tuple({**each, "apps": None} if each["name"] == "strong" else each for each in SCHEMES)
    known = settings(app, *schemes)
    who = {"way": Way.APP_PASSWORD, "groups": frozenset({"Staff"})}
    assert access(known, **who).factors == {Factor.APP_PASSWORD}
    found = access(known, Part(method=b"GET", path="/pay/"), **who)
    assert found.why == 'asks for "staff", which only a sign-in proves'


@pytest.mark.parametrize(("way", "value"), [(Way.SSH, "ssh"), (Way.RADIUS, "radius"), (Way.API, "api")])
def test_nobody_comes_in_by_a_way_that_is_switched_off(way: Way, value: str) -> None:
    known = settings({})
    found = Replay(known).access(asker(known, way=way), "")
    assert found == Access(is_open=False, why=f'nobody comes in by "{value}"')


def test_what_is_told_is_what_stops_first() -> None:
    known = settings({})
    why = access(known, groups=frozenset()).why
    assert why.startswith('no scheme is meant for them ("office": it is for other places; "staff": it is for other p')
    assert access(known, groups=frozenset({"Staff"}), mobiles=()).why == (
        '"staff" asks for sms, which they cannot prove (mobile_empty)'
    )


def test_who_had_a_ticket_signs_in_with_a_password_where_tickets_are_not_taken() -> None:
    known = settings({})
    with_ticket = replace(asker(known, groups=frozenset({"Staff"})), first=Factor.KERBEROS)
    assert Replay(known).access(with_ticket, "Wiki").factors == {Factor.PASSWORD, Factor.SMS}


def test_a_shorter_freshness_is_part_of_what_is_asked() -> None:
    fresh = {"name": "staff", "factors": ["password", "sms"], "fresh": "10m"}
    before, after = access(settings({}, fresh)), access(settings({"scheme": "staff"}, fresh))
    assert (before.fresh_seconds, after.fresh_seconds) == (None, 600.0)
    told = [difference(*pair) for pair in ((before, after), (after, before))]
    assert [each and each.effect for each in told] == [Effect.MORE, Effect.LESS]


@pytest.mark.parametrize(("way", "is_open"), [(Way.BROWSER, True), (Way.API, False), (Way.SSH, False)])
def test_a_passkey_helps_nobody_where_it_cannot_be_asked_for(way: Way, is_open: bool) -> None:
    choice = {"name": "choice", "factors": ["password", ["passkey", "sms"]]}
    ssh = {"listen": ["127.0.0.1:2222"], "host_key_file": "ssh.key", "scheme": "choice"}
    known = settings({}, choice, api={"enabled": True}, ssh=ssh)
    passkey = Chosen(factor=Factor.PASSKEY, digests=())
    coming = asker(known, way=way, mobiles=())
    places = ProofPlaces(ways={**coming.places.ways, Factor.PASSKEY: passkey}, held=coming.places.held)
    found = Replay(known).access(replace(coming, places=places), "")
    assert found.is_open is is_open, found.why
