"""The states of the admin pages that answer an operator: who is signed in, what works, and who may see what."""

from __future__ import annotations

from pathlib import Path

from directory.errors import DirectoryUnavailable
from directory.login_name import LoginName
from directory.principal import Account
from tests.accessibility.states import States
from tests.portal.admin import SENDS, SERVERS, SESSIONS, THROTTLED, admin_stage, signed_in_admin
from tests.portal.stage import ScriptedDirectory
from tests.portal.test_admin_audit import MAY as MAY_SEARCH
from tests.portal.test_admin_audit import found as audit_found
from tests.portal.test_admin_audit import written
from tests.portal.test_admin_configuration import CONFIGURATION, MAY, RELAY
from tests.portal.test_admin_sends import several
from tests.portal.test_admin_servers import watched
from tests.portal.test_admin_sessions import found, kept
from tests.portal.test_admin_throttled import LIMITS, guess, lock_codes, released


async def collect(states: States, folder: Path) -> None:
    for part in (_sessions, _silence, _throttled, _configuration, _sends, _servers, _audit):
        place = folder / part.__name__
        place.mkdir()
        await part(states, place)


async def _sessions(states: States, folder: Path) -> None:
    places = [{"name": "Ward", "addresses": ["198.51.100.0/24"], "shared": True}]
    async with admin_stage(folder, networks=places) as stage:
        admin = await signed_in_admin(stage)
        states.add("admin: no such session", await found(admin, app="Wiki"))
        states.add("admin: sessions, no such app", await found(admin, app="x"))
        await stage.to_passcode(stage.browser())
        for number in range(60):
            hosts = ("signin.corp.example", "wiki.corp.example")
            await kept(stage, *hosts, client_address=f"198.51.100.{number}")
        page = states.add("admin: sessions", await admin.get(SESSIONS))
        states.add("admin: sessions, page 2", await found(admin, page="2"))
        states.add("admin: sessions of a person", await found(admin, login="alice"))
        states.add("admin: session gone", await admin.post(f"{SESSIONS}/end", {**page.hidden, "session": "x"}))


class Silent(ScriptedDirectory):
    """It finds nobody just now."""

    async def find(self, login_name: LoginName) -> Account | None:
        raise DirectoryUnavailable("corp", "no server answers")


async def _silence(states: States, folder: Path) -> None:
    async with admin_stage(folder, scripted=Silent()) as stage:
        admin = await signed_in_admin(stage)
        states.add("admin: sessions while the directory is down", await found(admin, login="scripted@corp"))


async def _throttled(states: States, folder: Path) -> None:
    async with admin_stage(folder, throttle=LIMITS) as stage:
        await guess(stage, "bob", 6)
        await lock_codes(stage)
        admin = await signed_in_admin(stage)
        page = states.add("admin: paused people", await admin.get(THROTTLED))
        states.add("admin: limits reset", await released(admin, page))
        states.add("admin: nobody is paused", await released(admin, await admin.get(THROTTLED)))


async def _configuration(states: States, folder: Path) -> None:
    async with admin_stage(folder, admin=MAY, smtp=[RELAY]) as stage:
        states.add("admin: the configuration", await (await signed_in_admin(stage)).get(CONFIGURATION))


async def _sends(states: States, folder: Path) -> None:
    async with admin_stage(folder) as stage:
        admin = await signed_in_admin(stage)
        states.add("admin: nothing was sent", await admin.get(SENDS))
        browser = stage.browser()
        await stage.sign_in(browser)
        await several(stage)
        states.add("admin: codes sent", await admin.get(SENDS))


async def _servers(states: States, folder: Path) -> None:
    async with admin_stage(folder) as stage:
        watched(stage)
        states.add("admin: apps and servers", await (await signed_in_admin(stage)).get(SERVERS))


async def _audit(states: States, folder: Path) -> None:
    file = {"file": str(folder / "audit.jsonl")}
    async with admin_stage(folder, admin=MAY_SEARCH, audit=file) as stage:
        await written(stage, 60)
        admin = await signed_in_admin(stage)
        states.add("admin: the audit", await audit_found(admin))
        states.add("admin: nothing in the audit", await audit_found(admin, event="vouch"))
        states.add("admin: the audit, no such day", await audit_found(admin, since="x"))
        await written(stage, 500)
        states.add("admin: the newest of the audit", await audit_found(admin))
