"""The states of the admin pages, and of the report that is downloaded there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from config.settings import MobileSettings
from directory.mobile_report import Field, SweptPerson
from directory.mobile_sweep import Findings, Rules
from proxy.factors.passcode.passcodes import known_as
from proxy.help_desk.number_sweeps import SweepCount
from proxy.operations.health import CheckState, Readiness
from proxy.portal.admin.parts import ADMIN_PARTS
from proxy.portal.admin.report import pack
from proxy.portal.admin.report_maker import ReportProgress
from proxy.sessions.lease import LEASE_SECONDS
from tests.accessibility.states import States
from tests.portal.admin import (
    ADMIN,
    CONFIRM,
    END,
    FACTOR,
    MOBILES,
    PASSES,
    PERSON,
    UNDELIVERED,
    UNLOCK,
    admin_stage,
    explained,
    signed_in_admin,
)
from tests.portal.stage import SIGN_IN_ORIGIN, Stage
from tests.portal.test_admin_mobiles import kept
from tests.portal.test_admin_overview import failure
from tests.portal.test_confirmed_number import NAME, OLD, Domain
from tests.portal.test_local_people import ACCOUNT, EDIT, MAY, NEW, NUMBER, PEOPLE, fields_of
from tests.portal.test_not_me import second_browser, with_mail
from tests.portal.test_own_factors import add_app, make_codes
from tests.portal.test_passes import SCHEMES as DESK
from tests.portal.test_passes import give
from tests.portal.test_reported_numbers import THEIRS, pressed, reported
from tests.portal.test_reported_numbers import Domain as Reporting
from tests.portal.test_vouch import ON, asking, managed

FORGET, SETTLE = f"{PERSON}/forget-browsers", f"{PERSON}/settle"


async def collect(states: States, folder: Path) -> None:
    for part in (_overview, _person, _buttons, _numbers, _passes, _people, _mobiles, _reported, _rights, _refused):
        place = folder / part.__name__
        place.mkdir()
        await part(states, place)


async def _overview(states: States, folder: Path) -> None:
    async with admin_stage(folder) as stage:
        admin = await signed_in_admin(stage)
        states.add("admin: all is well", await admin.get(ADMIN))
        now = stage.now
        stage.readiness = Readiness(
            ready=True,
            degraded=True,
            checks={
                "store": CheckState(ok=True, detail="", at=now - 4),
                "relay": CheckState(ok=False, detail="smtp.corp.example:587: connection refused", at=now - 4),
                "directory local": CheckState(ok=True, detail="", at=None),
            },
        )
        states.add("admin: nothing undelivered", await admin.get(UNDELIVERED))
        for number in range(60):
            await stage.store.deliveries.put_failure(failure(number, username=f"person-{number}"))
        states.add("admin: something is broken", await admin.get(ADMIN))
        states.add("admin: undelivered", await admin.get(UNDELIVERED))
        states.add("admin: undelivered, page 2", await admin.get(f"{UNDELIVERED}?page=2"))


async def _person(states: States, folder: Path) -> None:
    async with admin_stage(folder) as stage:
        admin = await signed_in_admin(stage)
        states.add("admin: who", await admin.get(PERSON))
        for name, fields in (
            ("no login", {"login": ""}),
            ("no address", {"address": "x"}),
            ("no such app", {"app": "x"}),
        ):
            states.add(f"admin: who, {name}", await explained(admin, **{"login": "alice", **fields}))
        states.add("admin: can sign in", await explained(admin, "alice", app="Wiki", address="192.0.2.9"))
        states.add("admin: cannot sign in", await explained(admin, "carol"), then=_UNFOLD)
        states.add("admin: nobody of this name", await explained(admin, "nobody"))
        states.add("admin: about themselves", await explained(admin, "admin"))


async def _buttons(states: States, folder: Path) -> None:
    """What an admin does about a person who has everything: sessions, browsers, factors, a report, counts."""
    schemes = [
        {"name": "admins", "factors": ["password"], "groups": ["Gatepost Admins"]},
        {"name": "browser", "factors": ["password", ["sms", "totp", "recovery_code"]], "remember": "14d"},
    ]
    async with admin_stage(folder, schemes=schemes) as stage:
        with_mail(folder)
        _, url = await second_browser(stage)
        remembered = stage.browser()
        page = await stage.to_passcode(remembered)
        await stage.answer(remembered, page, stage.passcode, remember="yes")
        await add_app(stage, remembered)
        await make_codes(remembered)
        pressed = await stage.browser().get(url)
        await stage.browser().post(f"{SIGN_IN_ORIGIN}/.gatepost/not-me", pressed.hidden)
        again = stage.browser()
        stage.now += 60
        page = await stage.to_passcode(again)
        await stage.answer(again, page, stage.passcode, remember="yes")
        admin = await signed_in_admin(stage)
        states.add("admin: somebody said that it was not them", await admin.get(ADMIN))
        page = states.add("admin: all there is to do about a person", await explained(admin, "alice"), then=_UNFOLD)
        states.add("admin: counts cleared", await admin.post(UNLOCK, page.hidden))
        states.add("admin: factor not there", await admin.post(FACTOR, {**page.hidden, "factor": "x"}))
        states.add("admin: browsers forgotten", await admin.post(FORGET, page.hidden))
        states.add("admin: report settled", await admin.post(SETTLE, page.hidden))
        states.add("admin: sessions ended", await admin.post(END, page.hidden))
        own = await explained(admin, "admin")
        states.add("admin: own sessions ended", await admin.post(END, own.hidden))


async def _numbers(states: States, folder: Path) -> None:
    domain = Domain()
    async with admin_stage(folder, scripted=domain) as stage:
        domain.person = replace(domain.person, mobile_changed_at=stage.now - 3600.0)
        known = known_as(stage.keys, domain.person, OLD, now=stage.now - 86_400.0 * 30)
        await stage.store.numbers.put_known_number(domain.person.guid, known)
        admin = await signed_in_admin(stage)
        page = states.add("admin: a number to confirm", await explained(admin, NAME))
        states.add("admin: another number", await admin.post(CONFIRM, {**page.hidden, "number": "x"}))
        states.add("admin: number confirmed", await admin.post(CONFIRM, page.hidden))


async def _passes(states: States, folder: Path) -> None:
    async with admin_stage(folder, schemes=DESK, help_desk={**ON, "two_persons": True}) as stage:
        managed(folder, alice="bob", bob="carol")
        admin = await signed_in_admin(stage)
        states.add("admin: no passes", await admin.get(PASSES))
        states.add("admin: a pass may be given", await explained(admin, "bob"))
        states.add("admin: a pass with no reason", await give(admin, "bob", reason=""))
        states.add("admin: pass given", await give(admin, "bob"))
        states.add("admin: has a pass", await explained(admin, "bob"))
        await asking(stage)
        page = states.add("admin: passes", await admin.get(PASSES))
        states.add("admin: pass gone", await admin.post(PASSES, {**page.hidden, "end": "x"}))
        (given,) = await stage.store.passes.passes(now=stage.now)
        states.add("admin: pass ended", await admin.post(PASSES, {**page.hidden, "end": given.pass_id}))


async def _mobiles(states: States, folder: Path) -> None:
    async with admin_stage(folder) as stage:
        admin = await signed_in_admin(stage)
        states.add("admin: no report", await admin.get(MOBILES))
        _, page = await kept(stage)
        states.add("admin: report", page, then=_UNFOLD)
        states.add("admin: report, nobody on the list", await admin.get(f"{MOBILES}?search=nobody"))
        states.add_file("the report as a file", (await admin.get(f"{MOBILES}.html")).text)
        reports = stage.portal[ADMIN_PARTS].reports
        await reports.keep(_of_many(stage), begun_at=stage.now)
        states.add("admin: report of many", await admin.get(f"{MOBILES}?sort=name&page=2"), then=_UNFOLD)
        await reports.tell(ReportProgress(begun_at=stage.now, failure="it took longer than 600 seconds"))
        states.add("admin: report not made", await admin.get(MOBILES))
        await stage.store.leases.take_lease("mobiles", "another worker", now=stage.now, seconds=LEASE_SECONDS)
        await reports.tell(ReportProgress(begun_at=stage.now))
        states.add("admin: report under way", await admin.get(MOBILES), plain=True)


async def _reported(states: States, folder: Path) -> None:
    domain = Reporting()
    async with admin_stage(folder, scripted=domain) as stage:
        domain.person = replace(domain.person, mobile_changed_at=stage.now - 40 * 86_400.0)
        domain.has(THEIRS)
        _, page = await pressed(stage)
        states.add("passcode, the number is not mine", page)
        (one,) = await reported(stage)
        for number in range(60):
            await stage.store.reported_numbers.put_reported_number(replace(one, guid=f"guid-{number}"))
        sweeps = stage.store.sweeps
        for number in range(3):
            await sweeps.put_sweep(
                SweepCount(made_at=stage.now - 60 + number, persons=1000, unusable=9 - number), most=9
            )
        admin = await signed_in_admin(stage)
        states.add("admin: numbers that are not theirs, and a chart", await admin.get(MOBILES), then=_UNFOLD)


async def _people(states: States, folder: Path) -> None:
    """Local people: the list, and one of them with another number, or disabled."""
    async with admin_stage(folder, admin=MAY) as stage:
        admin = await signed_in_admin(stage)
        states.add("admin: local people", await admin.get(PEOPLE))
        states.add("admin: a local person looked up", await explained(admin, "alice"), then=_UNFOLD)
        alice = await fields_of(stage, admin, folder, "alice")
        states.add("admin: a local person", await admin.post(EDIT, alice))
        states.add("admin: a number that is none", await admin.post(NUMBER, {**alice, "mobile": "020 7946 0000"}))
        states.add("admin: a local person's new number", await admin.post(NUMBER, {**alice, "mobile": NEW}))
        states.add("admin: disabled", await admin.post(ACCOUNT, {**alice, "account": "disable"}))
        own = await fields_of(stage, admin, folder, "admin")
        states.add("admin: their own number", await admin.post(EDIT, own))
        (folder / "users.toml").write_text("")
        states.add("admin: nobody of this name any more", await admin.post(EDIT, alice))


async def _rights(states: States, folder: Path) -> None:
    """What somebody sees who may not press anything, and may see numbers."""
    roles = [{"groups": ["Gatepost Admins"], "may": ["look", "numbers"]}]
    async with admin_stage(folder, admin={"groups": ["Nobody"], "roles": roles}) as stage:
        admin = await signed_in_admin(stage)
        states.add("admin: about a person, without buttons", await explained(admin, "alice"), then=_UNFOLD)
        states.add("admin: not for this role", await admin.get(MOBILES))


async def _refused(states: States, folder: Path) -> None:
    async with admin_stage(folder) as stage:
        browser = stage.browser()
        await stage.sign_in(browser)
        states.add("admin: not for everybody", await browser.get(ADMIN))


def _of_many(stage: Stage) -> bytes:
    with Findings(Rules(mobile=MobileSettings(), now=stage.now, changed_within_seconds=60)) as findings:
        for number in range(80):
            findings.add(
                SweptPerson(
                    realm="corp",
                    guid=f"guid-{number}",
                    username=f"person-{number}",
                    display_name=f"Person with a long name {number}",
                    container=f"Staff/Site {number % 3}",
                    department=f"Department {number % 4}",
                    is_disabled=False,
                    fields=(Field(attribute="mobile", text="020 7946 0000" if number % 3 else "ask Bob"),),
                )
            )
        return pack(findings)


_UNFOLD = "document.querySelectorAll('details').forEach((each) => { each.open = true })"
