"""An explanation says what the sign-in would do, also where it asks for more than one code, or there are two ways."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxy.help_desk.explaining import SignInQuestion
from proxy.help_desk.verdict import Light, Verdict
from tests.help_desk.test_one_glance import (
    ALICE,
    GUID,
    NEW_PLACE,
    NOW,
    OFFICE,
    World,
    day_used_up,
    mobile,
    put,
    settings,
    wrong_passwords,
)

WITH_TICKETS = {
    "directories": [
        {
            "type": "active_directory",
            "name": "corp",
            "domain": "corp.example",
            "servers": ["ldaps://dc1.corp.example"],
            "bind_user": "svc@corp.example",
            "bind_password": "x",
            "kerberos_keytab": str(Path("gatepost.keytab").absolute()),
        }
    ]
}
BY_MAIL = {"name": "mailed", "factors": ["password", "email"]}
BY_SMS = {"name": "browser", "factors": ["password", "sms"]}
ALONE = {"name": "office", "factors": ["password"], "networks": ["192.0.2.0/24"]}


def world(*schemes: dict[str, Any], wiki: str | None = None, **changes: Any) -> World:
    """With these schemes; `wiki` names the one that the app Wiki asks for."""
    app = {"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1"}
    if wiki is not None:
        app["scheme"] = wiki
    return World(settings(**{"schemes": list(schemes), "apps": [app], **changes}))


async def verdict(world: World, **asked: str) -> Verdict:
    return (await world.explained(SignInQuestion(login="alice", **asked))).verdict


def without_mail(world: World) -> World:
    world.domain.principal = replace(ALICE, mail=None)
    return world


async def test_without_a_mail_address_nobody_signs_in_by_a_code_that_is_mailed() -> None:
    found = await verdict(without_mail(world(BY_MAIL)))
    assert (found.light, found.can_sign_in) == (Light.RED, False)
    assert "the directory has no usable mail address" in found.headline


async def test_nor_do_they_reach_an_app_that_asks_for_one() -> None:
    asks_for_more = without_mail(world(BY_SMS, BY_MAIL, wiki="mailed"))
    assert (await verdict(asks_for_more)).can_sign_in
    found = await verdict(asks_for_more, app="Wiki")
    assert (found.light, found.can_sign_in) == (Light.RED, False)
    assert "the directory has no usable mail address" in found.headline


async def test_without_codes_left_for_the_day_nobody_signs_in_by_one() -> None:
    used_up = world(BY_MAIL, throttle={"sends_per_day": 1})
    await put(used_up, day_used_up)
    assert "the codes of this day are used up" in (await verdict(used_up)).headline


async def test_nor_do_they_reach_an_app_that_asks_for_a_code() -> None:
    used_up = world(ALONE, BY_SMS, wiki="browser", throttle={"sends_per_day": 1})
    await put(used_up, day_used_up)
    assert (await verdict(used_up, address=OFFICE)).can_sign_in
    found = await verdict(used_up, address=OFFICE, app="Wiki")
    assert (found.light, found.can_sign_in) == (Light.RED, False)
    assert "the codes of this day are used up" in found.headline


async def test_one_code_is_too_little_for_a_scheme_that_sends_two() -> None:
    both = world({"name": "both", "factors": ["password", "sms", "email"]}, throttle={"sends_per_day": 2})
    assert (await verdict(both)).can_sign_in
    await put(both, day_used_up)
    explanation = await both.explained(SignInQuestion(login="alice"))
    assert not explanation.can_sign_in
    (step,) = [step for step in explanation.steps if step.ok is False]
    assert step.detail == "passcodes sent to everybody today: 1 of 2, and a sign-in takes 2"


async def test_each_code_of_a_scheme_needs_its_own_place() -> None:
    both = world({"name": "both", "factors": ["password", "sms", "email"]}, throttle={"sends_per_number": 1})
    await both.throttle.reserve_send(person="bob", number=ALICE.mail or "", address="198.51.100.9", now=NOW)
    found = await verdict(both)
    assert "too many codes were sent to their number or mail address" in found.headline


@pytest.mark.parametrize(("mail", "can"), [("alice@corp.example", True), (None, False)])
async def test_where_each_way_lacks_something_else_there_is_none(mail: str | None, can: bool) -> None:
    ways = world(BY_SMS, {"name": "tickets", "factors": ["kerberos", "email"]}, **WITH_TICKETS)
    await put(ways, mobile())
    ways.domain.principal = replace(ways.domain.principal, mail=mail)
    found = await verdict(ways)
    assert (found.can_sign_in, found.light) == (can, Light.AMBER if can else Light.RED)
    assert found.more == (0 if can else 1)


async def test_a_ticket_lets_somebody_in_whose_passwords_are_used_up() -> None:
    ways = world(BY_SMS, {"name": "tickets", "factors": ["kerberos"]}, **WITH_TICKETS)
    await put(ways, wrong_passwords())
    found = await verdict(ways, address=NEW_PLACE)
    assert (found.can_sign_in, found.light) == (True, Light.AMBER)
    assert "so only with the Kerberos ticket of their computer" in found.headline


async def test_an_app_that_asks_for_a_ticket_is_not_reached_by_a_password() -> None:
    tickets = {"name": "tickets", "factors": ["kerberos"], "networks": ["192.0.2.0/24"]}
    asks = world(BY_SMS, tickets, wiki="tickets", **WITH_TICKETS)
    assert (await verdict(asks, address=OFFICE, app="Wiki")).can_sign_in
    found = await verdict(asks, address=NEW_PLACE, app="Wiki")
    assert (found.can_sign_in, found.light) == (False, Light.RED)
    assert "Wiki asks for a sign-in with the Kerberos ticket" in found.headline


async def test_a_dry_run_changes_nothing() -> None:
    asked = world(BY_SMS)
    asked.domain.principal = replace(ALICE, is_mobile_change_unread=True)
    for _ in range(3):
        assert await verdict(asked) == await verdict(asked)
    changing = {"add", "reserve", "give_back", "reset_count", "add_familiar", "put_known_number", "put_challenge"}
    assert changing.isdisjoint(asked.store.calls)
    assert asked.domain.principal.guid == GUID


async def test_an_app_that_asks_for_a_factor_again_after_a_while_says_so() -> None:
    often = world(BY_SMS, {**BY_SMS, "name": "again", "fresh": "10m"}, wiki="again")
    explanation = await often.explained(SignInQuestion(login="alice"))
    (app,) = [step.detail for step in explanation.steps if step.name == "app"]
    assert app.endswith("; its last factor once more where that was longer ago than 10 minutes")
    rule = {"path": "/admin/", "scheme": "again"}
    wiki = {"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1", "rules": [rule]}
    explanation = await world(BY_SMS, {**BY_SMS, "name": "again", "fresh": "10m"}, apps=[wiki]).explained(
        SignInQuestion(login="alice")
    )
    (app,) = [step.detail for step in explanation.steps if step.name == "app"]
    assert app.endswith("; some of its paths ask for a factor once more after a while")
