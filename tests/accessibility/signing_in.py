"""The states of the pages that somebody sees who is not signed in yet."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

from config.factors import ChannelKind
from directory.directory import PasswordRefused, RefusalReason
from directory.principal import Account, Principal
from proxy.degrade.rung import BegunRung
from proxy.delivery.channel import DeliveryStatus, Outcome
from proxy.factors.passcode.passcodes import known_as
from proxy.http.reserved import CUT
from proxy.operations.notice_board import OperatorNotice
from proxy.portal.delays import NoDelays
from proxy.portal.landing import LOST
from tests.accessibility.states import States
from tests.portal.stage import (
    PASSWORD,
    SIGN_IN_ORIGIN,
    START,
    WIKI,
    Browser,
    Down,
    Page,
    ScriptedDirectory,
    Stage,
    running_portal,
)
from tests.portal.test_kept_request import keep, signed_out, way_back
from tests.portal.test_own_factors import add_app, another, make_codes
from tests.portal.test_passkey import add_passkey, device, options_on
from tests.portal.test_told_pause import NEW_PLACE, tries
from tests.support.rungs import begun_rung

SIGN_IN, PASSCODE = f"{SIGN_IN_ORIGIN}/.gatepost/sign-in", f"{SIGN_IN_ORIGIN}/.gatepost/passcode"
WARD = "10.30.4.5"
SHARED = [{"name": "Wards", "addresses": ["10.30.0.0/16"], "shared": True}]
EVERY_FACTOR = ["passkey", "totp", "sms", "email", "recovery_code"]


class OnePerson(ScriptedDirectory):
    """The realm `corp`, whose one person has the right password."""

    def __init__(self) -> None:
        super().__init__()
        self.person = Principal(
            guid=self.account.guid,
            realm="corp",
            username="scripted",
            display_name="Scripted Person",
            mail="scripted@corp.example",
            mobiles=("07400 123456",),
            groups=frozenset({"Wiki Users"}),
        )
        self.stopped: RefusalReason | None = None

    async def authenticate(self, account: Account | None, password: str) -> Principal | PasswordRefused:
        if account is None or password != PASSWORD:
            return await super().authenticate(account, password)
        return self.person if self.stopped is None else PasswordRefused(self.stopped, self.person)


async def collect(states: States, folder: Path) -> None:
    for part in (_passwords, _shared_computers, _degraded, _passcodes, _messages, _factors, _stopped, _passkeys):
        place = folder / part.__name__
        place.mkdir()
        await part(states, place)


async def _passwords(states: States, folder: Path) -> None:
    async with running_portal(folder) as stage:
        states.add("sign-in", await stage.browser().get(SIGN_IN), plain=True)
        back = {"return_to": f"{WIKI}/page", "start": START}
        states.add("sign-in for an app", await stage.browser().get(f"{SIGN_IN}?{urlencode(back)}"))
        states.add("sign-in refused", await stage.password(stage.browser(), password="wrong"))

        form = await stage.browser().get(SIGN_IN)
        blocked = await stage.browser().post(SIGN_IN, {**form.hidden, "username": "alice", "password": PASSWORD})
        states.add("sign-in where cookies are blocked", blocked)
        states.add("sign-in where a cookie was lost", await stage.browser().get(f"{SIGN_IN}?{LOST}=1"))
        states.add(
            "sign-in where the script finds cookies off",
            await stage.browser().get(SIGN_IN),
            then="document.getElementById('cookies-off').hidden = false",
        )
        browser = stage.browser()
        page = await browser.get(SIGN_IN)
        stale = await browser.post(SIGN_IN, {**page.hidden, "csrf_token": "x", "username": "alice", "password": "x"})
        states.add("sign-in with a form that is too old", stale)
        await stage.to_passcode(browser)
        states.add("sign-in while half signed in", await browser.get(SIGN_IN))
        cut = urlencode({**back, CUT: "1"})
        states.add("sign-in after a long address", await stage.browser().get(f"{SIGN_IN}?{cut}"))
        framed = await stage.browser().get(SIGN_IN, Sec_Fetch_Dest="iframe")
        states.add("sign-in inside another page", framed)
        await stage.sign_in(browser)
        states.add("an address that is too long", await browser.get(f"{SIGN_IN}?{cut}"))

        browser = await signed_out(stage)
        kept = await keep(browser)
        states.add("sign-in for a kept form", await browser.get(f"{SIGN_IN}?{urlencode(way_back(kept))}"))

        *_, begun, within = await tries(
            stage, stage.browser(address=NEW_PLACE), "alice", ["one", "two", "three", PASSWORD]
        )
        states.add("sign-in refused, and a pause begins", begun)
        states.add("sign-in within a pause", within)


async def _shared_computers(states: States, folder: Path) -> None:
    """In a house with a name, colour, languages and help of its own."""
    house = {
        "languages": ["en", "cy", "ar"],
        "name": "Corp Borough Council",
        "colour": "#7a1f5c",
        "help": {"text": "The IT help desk", "telephone": "020 7946 0123", "hours": "Monday to Friday, 8 to 6"},
    }
    async with running_portal(folder, networks=SHARED, pages=house) as stage:
        notice = OperatorNotice(text="Text messages to Vodafone are slow today.", ends_at=stage.now + 60)
        await stage.store.operator_notices.put_up(notice)
        await stage.notice_board.look()
        browser = stage.browser(address=WARD)
        states.add("sign-in at a shared computer", await browser.get(SIGN_IN))
        states.add("passcode at a shared computer", await stage.to_passcode(browser))
        from_right = await stage.browser().get(SIGN_IN, Accept_Language="ar")
        assert 'dir="rtl"' in from_right.text
        states.add("sign-in from right to left", from_right)


async def _degraded(states: States, folder: Path) -> None:
    rungs = [
        {"name": "other gateway", "what": "channels", "channels": ["aql"], "text": "The first provider is down."},
        {"name": "no SMS", "what": "remembered"},
        {"name": "closed", "what": "closed"},
    ]
    async with running_portal(folder, degrade=rungs) as stage:

        async def begin(rung: BegunRung) -> None:
            await stage.store.rungs.put_rung(rung, seen=None)
            await stage.degrade.look()

        await begin(begun_rung("other gateway", "channels", at=stage.now))
        states.add("sign-in while degraded", await stage.browser().get(SIGN_IN))
        states.add("passcode while degraded", await stage.to_passcode(stage.browser()))
        await begin(begun_rung("no SMS", "remembered", at=stage.now))
        states.add("no SMS while degraded", await stage.password(stage.browser()))
        await begin(begun_rung("closed", at=stage.now))
        states.add("sign-in while nobody gets in", await stage.browser().get(SIGN_IN))
        states.add("nobody gets in", await stage.password(stage.browser()))


async def _passcodes(states: States, folder: Path) -> None:
    schemes = [{"name": "browser", "factors": ["password", ["totp", "sms"]], "remember": "14d"}]
    async with running_portal(folder, schemes=schemes) as stage:
        browser = stage.browser()
        page = states.add("passcode", await stage.to_passcode(browser), plain=True)
        over = await browser.get(f"{PASSCODE}?{urlencode({'challenge': page.hidden['challenge']})}")
        states.add("passcode that runs out while it is looked at", over, then=_RUN_OUT)
        states.add("passcode wrong", await stage.answer(browser, page, stage.wrong_passcode(), remember="yes"))
        states.add("passcode incomplete", await stage.answer(browser, page, "12"))
        states.add("passcode with a form that is too old", await browser.post(PASSCODE, {"csrf_token": "x"}))
        states.add("passcode asked for again too soon", await _resend(browser, page))
        stage.now += 60
        states.add("passcode sent again", await _followed(browser, await _resend(browser, page)))
        stage.now += 60
        stage.phone.outcome = Outcome.UNAVAILABLE
        states.add("passcode not sent again", await _resend(browser, page))
        for _ in range(3):
            stage.now += 1
            last = await stage.answer(browser, page, stage.wrong_passcode())
        assert "0 tries" not in last.text
        states.add("passcode wrong too often", await stage.answer(browser, page, stage.wrong_passcode()))

        stage.phone.outcome = Outcome.ACCEPTED
        browser = stage.browser()
        page = await stage.to_passcode(browser)
        stage.now += 301
        states.add("passcode over", await stage.answer(browser, page, "123456"))
    async with running_portal(_new(folder, "sends"), throttle={"sends_per_day": 2}) as stage:
        browser = stage.browser()
        page = await stage.to_passcode(browser)
        for _ in range(2):
            stage.now += 120
            last = await _resend(browser, page)
        states.add("passcode asked for too often", last)
        states.add("passcode not to be sent any more", await stage.password(stage.browser()))


async def _messages(states: States, folder: Path) -> None:
    """What becomes of a message."""
    person = OnePerson()
    second = {"channels": ("kapow", "other", "email"), "email_for_sms": True}
    async with running_portal(folder, scripted=person, second_factor=second) as stage:
        stage.phone.channels = {"kapow": ChannelKind.SMS, "other": ChannelKind.SMS, "email": ChannelKind.EMAIL}
        stage.phone.has_tags = stage.phone.reports = True
        browser = stage.browser()
        page = states.add("passcode with a tag, and another provider", await _to_passcode_of_one(stage, browser))
        for status in (DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED):
            stage.now += 20
            stage.phone.status = status
            await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/passcode-status?challenge={page.hidden['challenge']}")
            states.add(f"passcode {status.value}", await browser.get(PASSCODE))
        stage.now += 60
        states.add("passcode by another provider", await _followed(browser, await _resend(browser, page, "another")))
        stage.now += 60
        states.add(
            "passcode by mail after text messages", await _followed(browser, await _resend(browser, page, "another"))
        )
        stage.phone.outcome = Outcome.UNAVAILABLE
        states.add("message not sent", await stage.password(stage.browser(), "scripted@corp"))
        stage.phone.outcome = Outcome.REFUSED
        states.add("message refused", await stage.password(stage.browser(), "scripted@corp"))
        person.person = replace(person.person, mobiles=())
        stage.phone.outcome = Outcome.UNAVAILABLE
        stage.now += 3600
        states.add("mail not sent", await stage.password(stage.browser(), "scripted@corp"))
        stage.phone.outcome = Outcome.ACCEPTED
        stage.now += 3600
        states.add("passcode by mail", await _to_passcode_of_one(stage, stage.browser()))


async def _factors(states: States, folder: Path) -> None:
    schemes = [{"name": "browser", "factors": ["password", ["totp", "sms", "recovery_code"]], "remember": "14d"}]
    async with running_portal(folder, schemes=schemes) as stage:
        browser = stage.browser()
        await stage.sign_in(browser)
        await add_app(stage, browser)
        await make_codes(browser)
        other = stage.browser()
        page = states.add("authenticator app", await stage.to_passcode(other))
        states.add("authenticator app, wrong code", await stage.answer(other, page, "000000"))
        states.add("passcode in place of the app", await another(other, page, "sms"))
        stage.delays.by = Down("phone")
        states.add("sign-in while text messages are delayed", await stage.browser().get(SIGN_IN))
        states.add("passcode while text messages are delayed", await other.get(PASSCODE))
        stage.delays.by = NoDelays()
        page = states.add("recovery code", await another(other, page, "recovery_code"))
        states.add("recovery code wrong", await stage.answer(other, page, "AAAA-BBBB-CCCC"))
        stage.now += 301
        states.add("proof over", await stage.answer(other, page, "AAAA-BBBB-CCCC"))


async def _stopped(states: States, folder: Path) -> None:
    """Who typed the right password, and is not let in."""
    directories = [
        {"type": "local", "name": "local", "file": str(folder / "users.toml")},
        {
            **{"type": "active_directory", "name": "corp", "domain": "corp.example", "explain_refusals": True},
            **{"bind_user": "svc@corp.example", "bind_password": "service"},
        },
    ]
    person = OnePerson()
    schemes = [{"name": "browser", "factors": ["password", "sms"], "networks": ["192.0.2.0/24", "203.0.113.0/24"]}]
    async with running_portal(folder, scripted=person, directories=directories, schemes=schemes) as stage:
        states.add("no number", await stage.password(stage.browser(), "bob"))
        states.add("no way in from this network", await stage.password(stage.browser(address="198.51.100.1")))
        person.stopped = RefusalReason.LOGON_HOURS
        states.add("account not to be used now", await stage.password(stage.browser(), "scripted@corp"))
        person.stopped = None
        before = known_as(stage.keys, person.person, "+447400999999", now=stage.now - 86_400 * 30)  # type: ignore[arg-type]
        await stage.store.numbers.put_known_number(person.person.guid, before)
        person.person = replace(person.person, mobile_changed_at=stage.now - 3600.0)
        states.add("number changed recently", await stage.password(stage.browser(), "scripted@corp"))
    async with running_portal(
        _new(folder, "enrolled"), schemes=[{"name": "a", "factors": ["password", "totp"]}]
    ) as stage:
        states.add("nothing enrolled", await stage.password(stage.browser()))


async def _passkeys(states: States, folder: Path) -> None:
    schemes = [
        {"name": "keys", "factors": ["passkey"], "networks": ["192.0.2.0/24"]},
        {"name": "browser", "factors": ["password", ["passkey", "sms"]], "remember": "14d"},
    ]
    async with running_portal(folder, schemes=schemes) as stage:
        states.add("sign-in with a passkey offered", await stage.browser().get(SIGN_IN), plain=True)
        for said in ("failed", "unsupported"):
            page = await stage.browser().get(SIGN_IN)
            states.add(f"sign-in, passkey {said}", page, then=_say(said))
        browser = stage.browser()
        page = await browser.get(SIGN_IN)
        sent = {**page.hidden, "passkey": json.dumps({"id": "x"}), "passkey_stamp": "x"}
        states.add("sign-in, passkey refused", await browser.post(SIGN_IN, sent))

        browser, authenticator = stage.browser(address="203.0.113.5"), device()
        await stage.sign_in(browser)
        await add_passkey(browser, authenticator)
        other = stage.browser(address="203.0.113.5")
        page = states.add("passkey as the second factor", await stage.to_passcode(other), plain=True)
        states.add("passkey as the second factor, failed", await other.get(PASSCODE), then=_say("failed"))
        wrong = replace(authenticator, origin="https://elsewhere.example")
        states.add(
            "passkey as the second factor, wrong", await stage.answer(other, page, wrong.prove(options_on(page)))
        )
        states.add("passcode in place of the passkey", await another(other, page, "sms"))


_RUN_OUT = """new Promise((done) => {
  const over = document.getElementById('over');
  over.append(document.getElementById('when-over').content.cloneNode(true));
  document.querySelector('form').hidden = document.querySelector('.aside').hidden = true;
  done();
})"""
"""As `portal.js` does at that instant."""


def _say(what: str) -> str:
    """As `passkey.js` does when a browser declines."""
    return f"for (const each of document.querySelectorAll('[data-said]')) each.hidden = each.dataset.said !== '{what}'"


def _new(folder: Path, name: str) -> Path:
    place = folder / name
    place.mkdir()
    return place


async def _to_passcode_of_one(stage: Stage, browser: Browser) -> Page:
    return await stage.to_passcode(browser, username="scripted@corp")


async def _resend(browser: Browser, page: Page, how: str = "yes") -> Page:
    return await browser.post(PASSCODE, {**page.hidden, "resend": how})


async def _followed(browser: Browser, answer: Page) -> Page:
    assert answer.status == 303, answer.text
    return await browser.get(SIGN_IN_ORIGIN + answer.location)
