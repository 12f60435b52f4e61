"""The states of the pages of somebody who is signed in, or was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

from directory.change_outcomes import ChangeRefusal
from directory.directory import RefusalReason
from directory.errors import DirectoryUnavailable
from proxy.http.reserved import SIGNED_IN
from proxy.sign_in.enrolling import MOST_PER_PERSON
from tests.accessibility.states import States
from tests.portal.admin import admin_stage, signed_in_admin
from tests.portal.stage import SIGN_IN_ORIGIN, START, WIKI, Browser, Page, running_portal
from tests.portal.test_app_passwords import APPS, FORM, begin, password_on
from tests.portal.test_app_passwords import PAGE as APP_PASSWORDS
from tests.portal.test_kept_request import keep, sign_in_again, signed_out, token_in, way_back
from tests.portal.test_not_me import SCHEMES as TOLD
from tests.portal.test_not_me import second_browser_of, with_mail
from tests.portal.test_own_factors import FACTORS, add_app, secret_on, totp
from tests.portal.test_passes import SCHEMES as DESK
from tests.portal.test_passes import signed_in_by_pass, to_pass_page
from tests.portal.test_passkey import add_passkey, device, send_new
from tests.portal.test_password_change import NEW, OLD, World, running_world
from tests.portal.test_password_change import PAGE as PASSWORD_PAGE
from tests.portal.test_step_up import SCHEMES as STEPS
from tests.portal.test_step_up import ask, press, query, to_passcode, with_ticket
from tests.portal.test_step_up import signed_in as step_up_signed_in
from tests.portal.test_step_up import with_mail as with_a_mail
from tests.portal.test_tickets_and_sign_out import ticket_for
from tests.portal.test_vouch import MINE, ON, VOUCH, asking, managed, manager_of, no_phone, request_of
from tests.portal.test_vouch import ask as ask_manager

ME, STEP_UP = f"{SIGN_IN_ORIGIN}/.gatepost/me", f"{SIGN_IN_ORIGIN}/.gatepost/step-up"
SIGN_OUT = f"{SIGN_IN_ORIGIN}/.gatepost/sign-out"
EVERYTHING = ["totp", "sms", "recovery_code", "passkey"]
DAY = 86_400.0


async def collect(states: States, folder: Path) -> None:
    for part in (_apps, _sessions, _step_up, _own_factors, _passwords, _kept_forms, _app_passwords, _passes, _vouching):
        place = folder / part.__name__
        place.mkdir()
        await part(states, place)


async def _apps(states: States, folder: Path) -> None:
    async with running_portal(folder) as stage:
        browser = stage.browser()
        await stage.sign_in(browser)
        states.add("start", await browser.get(f"{SIGN_IN_ORIGIN}/"))
        states.add("signed in, in a window of its own", await browser.get(SIGN_IN_ORIGIN + SIGNED_IN))
        states.add("sign-out", await browser.get(SIGN_OUT))
        states.add("signed out", await browser.post(SIGN_OUT, (await browser.get(SIGN_OUT)).hidden))
        lost = stage.browser()
        ticket = await ticket_for(stage, lost)
        lost.cookies["wiki.corp.example"].clear()
        states.add("an app whose cookies are blocked", await lost.get(f"{ticket}&again=1"))
        half = stage.browser()
        await stage.to_passcode(half)
        states.add("sign-out while half signed in", await half.get(SIGN_OUT))
    closed = [{"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1", "groups": ["Nobody"]}]
    async with admin_stage(_new(folder, "closed"), apps=closed) as stage:
        admin = await signed_in_admin(stage)
        states.add("start with no app", await admin.get(f"{SIGN_IN_ORIGIN}/"))


async def _sessions(states: States, folder: Path) -> None:
    async with running_portal(folder, schemes=TOLD, admin={"groups": ["Gatepost Admins"]}) as stage:
        with_mail(folder)
        browser = stage.browser()
        page = await stage.to_passcode(browser)
        await stage.answer(browser, page, stage.passcode)
        states.add("me, with one session", await browser.get(ME))
        stage.now += 600
        other = stage.browser(address="203.0.113.9")
        page = await stage.to_passcode(other)
        await stage.answer(other, page, stage.passcode, remember="yes")
        await stage.all_told()
        third = stage.browser()
        await stage.to_passcode(third)
        states.add("me, with several sessions and a remembered browser", await other.get(ME))
        states.add("me, after one was ended", await other.get(f"{ME}?ended=1"))
        states.add("me, after a browser was forgotten", await other.get(f"{ME}?forgotten=1"))
    async with running_portal(_new(folder, "new"), schemes=TOLD) as stage:
        with_mail(folder / "new")
        browser = stage.browser()
        await stage.sign_in(browser)
        await stage.all_told()
        _, url = await second_browser_of(stage)
        page = states.add("not me", await browser.get(url))
        states.add("not me, done", await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/not-me", page.hidden))
        states.add("not me, over", await browser.get(url))


async def _step_up(states: States, folder: Path) -> None:
    async with running_portal(folder, schemes=STEPS) as stage:
        with_a_mail(folder)
        browser = stage.browser()
        await stage.password(browser)
        page = states.add("step-up", await ask(browser))
        states.add("step-up by mail", await ask(browser, "mailed"))
        states.add("step-up with a form that is too old", await press(browser, page, csrf_token="x"))
        states.add("step-up that has expired", await ask(browser, "unknown"))
        states.add("step-up at a work computer", await ask(browser, "inside"))
        states.add("step-up, passcode", await to_passcode(browser))
        by_ticket = await step_up_signed_in(stage)
        await with_ticket(stage, by_ticket)
        states.add("step-up, password", await ask(by_ticket, "quick"))
        done = await browser.get(f"{STEP_UP}?{urlencode({'scheme': 'quick'})}")
        states.add("step-up, all done", done)
        bob = stage.browser()
        await stage.password(bob, "bob")
        states.add("step-up without a number", await ask(bob))
    schemes = [
        {"name": "keys", "factors": ["password", "totp"], "apps": ["Forms"]},
        {"name": "browser", "factors": ["password", "sms"]},
    ]
    async with running_portal(_new(folder, "enrolled"), schemes=schemes) as stage:
        browser = stage.browser()
        await stage.sign_in(browser)
        states.add("step-up with nothing enrolled", await ask(browser, "keys"))
    fresh = [{"name": "browser", "factors": ["password", "sms"], "fresh": "15m"}]
    async with running_portal(_new(folder, "fresh"), schemes=fresh) as stage:
        browser = stage.browser()
        await stage.sign_in(browser)
        stage.now += 1000
        page = await browser.get(f"{STEP_UP}?{urlencode(query('browser'))}")
        if page.status == 200:
            states.add("step-up again", page)


async def _own_factors(states: States, folder: Path) -> None:
    schemes = [{"name": "browser", "factors": ["password", EVERYTHING]}]
    async with running_portal(folder, schemes=schemes) as stage:
        browser = stage.browser()
        await stage.sign_in(browser)
        states.add("second factors, none", await browser.get(FACTORS))
        page = states.add("add an app", await browser.get(f"{FACTORS}?add=totp"))
        wrong = {**page.hidden, "passcode": "000000", "name": "Phone", "add": "totp"}
        states.add("add an app, wrong code", await browser.post(FACTORS, wrong))
        states.add("add an app, too late", await browser.post(FACTORS, {**wrong, "sealed": "x"}))
        await add_app(stage, browser)
        states.add("second factors, one added", await browser.get(f"{FACTORS}?told=added"))
        page = states.add("make recovery codes", await browser.get(f"{FACTORS}?add=recovery_code"))
        states.add("recovery codes shown", await browser.post(FACTORS, {**page.hidden, "add": "recovery_code"}))
        states.add("make recovery codes again", await browser.get(f"{FACTORS}?add=recovery_code"))
        page = states.add("add a passkey", await browser.get(f"{FACTORS}?add=passkey"), plain=True)
        states.add("add a passkey, refused", await send_new(browser, page, "{}"))
        for said in ("failed", "there", "unsupported"):
            states.add(f"add a passkey, {said}", page, then=SAY.format(what=said))
        await add_passkey(browser, device())
        page = states.add("second factors", await browser.get(FACTORS))
        names = [part.partition('"')[0] for part in page.text.split("?change=")[1:]]
        for number, name in enumerate(names, 1):
            states.add(f"change a second factor, {number}", await browser.get(f"{FACTORS}?change={name}"))
        for number in range(MOST_PER_PERSON):
            page = await browser.get(f"{FACTORS}?add=totp")
            if page.status != 200:
                break
            stage.now += 60
            code = totp(secret_on(page), stage.now)
            await browser.post(FACTORS, {**page.hidden, "passcode": code, "name": f"Phone {number}", "add": "totp"})
        states.add("second factors, too many", await browser.get(f"{FACTORS}?add=totp"))
    async with running_portal(_new(folder, "off"), schemes=[{"name": "browser", "factors": ["password"]}]) as stage:
        browser = stage.browser()
        await stage.password(browser)
        states.add("second factors, none asked for", await browser.get(FACTORS))


async def _passwords(states: States, folder: Path) -> None:
    async with running_world(folder, {"sessions": {"tell_new_browsers": False}}) as world:
        browser = world.stage.browser()
        page = states.add("choose a new password", await world.must_change(browser))
        for name, fields in (
            ("empty", {"new": "", "again": ""}),
            ("not the same twice", {"again": "another"}),
            ("not usable", {"new": "\x00", "again": "\x00"}),
        ):
            states.add(f"password {name}", await world.change(browser, page, **fields))
        for refusal in ChangeRefusal:
            world.corp.refusal = None if refusal is ChangeRefusal.WRONG_PASSWORD else refusal
            world.stage.now += 1
            old = "not it" if refusal is ChangeRefusal.WRONG_PASSWORD else OLD
            answer = await world.change(browser, page, old=old, new=f"new one {refusal.value}")
            states.add(f"password refused: {refusal.value}", answer)
        await _throttled_change(states, world, browser, page)
    async with running_world(_new(folder, "own")) as world:
        browser = world.stage.browser()
        await world.sign_in(browser)
        states.add("change your password", await browser.get(PASSWORD_PAGE))
        world.corp.error = DirectoryUnavailable("dc1", "no answer")
        states.add("password, directory away", await world.change(browser, await browser.get(PASSWORD_PAGE)))
        world.corp.error = None
        await world.change(browser, await browser.get(PASSWORD_PAGE))
        states.add("start, after the password was changed", await browser.get(f"{SIGN_IN_ORIGIN}/?password_changed=1"))
    async with running_world(_new(folder, "verify")) as world:
        world.corp.verifies = False
        browser = world.stage.browser()
        await world.sign_in(browser)
        states.add("password changed, and signed out", await world.change(browser, await browser.get(PASSWORD_PAGE)))
    async with running_world(_new(folder, "expires"), warn_before_expiry=14 * DAY) as world:
        now = world.stage.now
        world.corp.principal = replace(
            world.corp.principal, password_expires_at=now + 3 * DAY, password_set_at=now - DAY
        )
        browser = world.stage.browser()
        back = {"return_to": f"{WIKI}/", "start": START}
        landed = await world.sign_in(browser, **back)
        states.add("password about to expire", await browser.get(SIGN_IN_ORIGIN + landed.location), plain=True)
        states.add("start, with a password about to expire", await browser.get(f"{SIGN_IN_ORIGIN}/"))
        world.corp.stopped = RefusalReason.MUST_CHANGE
    async with running_portal(_new(folder, "local")) as stage:
        browser = stage.browser()
        await stage.sign_in(browser)
        states.add("password to be changed elsewhere", await browser.get(PASSWORD_PAGE))


async def _throttled_change(states: States, world: World, browser: Browser, page: Page) -> None:
    world.corp.refusal = None
    for number in range(20):
        answer = await world.change(browser, page, old=f"wrong {number}", new=NEW)
        if answer.status == 429:
            break
    states.add("password tried too often", answer)


async def _kept_forms(states: States, folder: Path) -> None:
    async with running_portal(folder, sessions={"kept_request_bytes": 2000}) as stage:
        browser = await signed_out(stage)
        kept = await keep(browser)
        page = states.add("kept form", await sign_in_again(stage, browser, kept))
        states.add("kept form, not sent", await browser.post(f"{WIKI}/.gatepost/kept", page.hidden))
        states.add("kept form, gone", await browser.get(f"{WIKI}/.gatepost/kept?request={token_in(kept)}"))
        too_large = await keep(browser, b"x" * 2001)
        states.add("form not kept", too_large)
        other = await signed_out(stage)
        back = way_back(await keep(other))
        landed = await stage.password(other, "admin", **back)
        states.add("kept form of somebody else", await other.get((await other.get(landed.location)).location))


async def _app_passwords(states: States, folder: Path) -> None:
    async with running_portal(folder, apps=APPS) as stage:
        browser = stage.browser()
        await stage.sign_in(browser)
        page = states.add("app passwords, none", await browser.get(APP_PASSWORDS))
        for name, changes in (
            ("no name", {"name": ""}),
            ("no app", {"app": "x"}),
            ("wrong methods", {"methods": "a b c ;"}),
            ("wrong networks", {"networks": "here"}),
        ):
            refused = await browser.post(APP_PASSWORDS, {**page.hidden, **FORM, **changes})
            states.add(f"app password, {name}", refused)
        wanted = {**page.hidden, **FORM, "methods": "get, PROPFIND"}
        made = states.add("app password made", await browser.post(APP_PASSWORDS, wanted))
        states.add("app passwords", await browser.get(APP_PASSWORDS))
        states.add("app passwords, one removed", await browser.get(f"{APP_PASSWORDS}?told=removed"))
        await begin(stage, password_on(made))
        states.add("me, with app passwords", await browser.get(ME))


async def _passes(states: States, folder: Path) -> None:
    async with admin_stage(folder, schemes=DESK, help_desk={"passes": True}) as stage:
        browser = stage.browser(address="198.51.100.7")
        page = states.add("pass from the help desk", await to_pass_page(stage, browser))
        states.add("pass, wrong", await stage.answer(browser, page, "0" * 20))
        browser, _ = await signed_in_by_pass(stage)
        states.add("start, with a pass", await browser.get(f"{SIGN_IN_ORIGIN}/"))
        states.add("not with a pass", await browser.get(FACTORS))


async def _vouching(states: States, folder: Path) -> None:
    async with admin_stage(folder, schemes=DESK, help_desk=ON) as stage:
        managed(folder, alice="bob", bob="carol")
        browser = stage.browser(address="198.51.100.7")
        form = states.add("ask a manager", await no_phone(stage, browser))
        states.add("ask a manager, no reason", await ask_manager(browser, form, reason=""))
        states.add("ask a manager, wrong hours", await ask_manager(browser, form, hours="99"))
        states.add("waiting for a manager", await ask_manager(browser, form), plain=True)
        frame = await browser.get(f"{VOUCH}/status?frame=yes")
        # It loads itself again: one line, in a frame of a page that stays, and only where no script runs.
        assert '<meta http-equiv="refresh"' in frame.text
        frame.text = frame.text.replace('<meta http-equiv="refresh" content="5">', "")
        states.add("waiting for a manager, the frame", frame)
        manager = await manager_of(stage)
        states.add("start, with somebody to vouch for", await manager.get(f"{SIGN_IN_ORIGIN}/"))
        states.add("me, with somebody to vouch for", await manager.get(ME))
        page = states.add("vouch", await manager.get(MINE))
        asked = await request_of(stage)
        sent = {**page.hidden, "vouch": asked.vouch_id, "words": asked.words, "answer": "yes"}
        await manager.post(MINE, sent)
        states.add("a manager has vouched", await browser.get(VOUCH))
        states.add("a manager has vouched, the frame", await browser.get(f"{VOUCH}/status?frame=yes"))
        states.add("vouch, given", await manager.get(f"{MINE}?told=yes"))
        states.add("vouch, too late", await manager.post(MINE, sent))
        stage.now += 3600
        waiting, _ = await asking(stage, "alice")
        manager = await manager_of(stage)
        page = await manager.get(MINE)
        asked = await request_of(stage)
        await manager.post(MINE, {**page.hidden, "vouch": asked.vouch_id, "answer": "no"})
        states.add("a manager has said no", await waiting.get(VOUCH))
        nobody = stage.browser(address="198.51.100.7")
        states.add("no manager to ask", await no_phone(stage, nobody, username="carol"))


SAY = "for (const each of document.querySelectorAll('[data-said]')) each.hidden = each.dataset.said !== '{what}'"
"""As `passkey.js` does when a browser declines."""


def _new(folder: Path, name: str) -> Path:
    place = folder / name
    place.mkdir()
    return place
