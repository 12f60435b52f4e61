"""`gatepost explain LOGIN`: why this person can or cannot sign in, step by step. Reads only, and needs no password."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from typing import TextIO

from config.settings import ActiveDirectorySettings, AppSettings, DirectorySettings, Settings
from directory.account_state import DescribingDirectory
from directory.directory import Directory
from directory.errors import DirectoryError
from directory.lockout import LockingDirectory, password_limits
from directory.mobile import UsableNumber
from directory.password_change import PasswordChanger
from directory.principal import Account, Principal
from directory.realms import Realms
from proxy.commands.explanation import (
    Step,
    account_steps,
    app_step,
    can_sign_in,
    change_step,
    number_steps,
    scheme_steps,
    throttle_steps,
)
from proxy.commands.mobile_formats.words import one_line
from proxy.commands.person import NotFound, choose_realm
from proxy.delivery.channel import is_plain_address
from proxy.key_file import KeyFileError, existing_keys
from proxy.keys import Keys, Purpose
from proxy.second_factor.known_numbers import decide, number_digest
from proxy.server import create_directories
from proxy.store.open import open_store
from proxy.store.store import Store, StoreError
from proxy.throttle.throttle import Throttle

_MARKS = {True: "ok  ", False: "NO  ", None: "    "}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("login", metavar="LOGIN", help="as it is typed: alice, alice@corp.example or CORP\\alice")
    parser.add_argument("--app", metavar="NAME", help="whether they may reach this app, too")
    parser.add_argument("--from", dest="address", metavar="ADDRESS", type=_address, help="the address they come from")
    parser.add_argument("--json", action="store_true", help="for programs")


async def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO, *, now: float) -> int:
    """0 if they can sign in (and reach the app), 1 if not, 2 for an app that is not there."""
    apps = [app for app in settings.apps if arguments.app in (None, app.name)]
    if not apps:
        names = ", ".join(app.name for app in settings.apps)
        print(f"gatepost explain: there is no app {arguments.app!r}; there are: {names}", file=sys.stderr)
        return 2
    realms = create_directories(settings)
    store = open_store(settings.store)
    try:
        explaining = _Explaining(settings, store, login=arguments.login, address=arguments.address, now=now)
        steps = await explaining.steps(realms, apps, is_app_asked_for=arguments.app is not None)
    finally:
        await store.close()
        await realms.close()
    verdict = can_sign_in(steps)
    if arguments.json:
        found = [{"step": step.name, "ok": step.ok, "detail": step.detail} for step in steps]
        json.dump({"login": arguments.login, "can_sign_in": verdict, "steps": found}, stdout, indent=2)
        stdout.write("\n")
    else:
        for step in steps:
            print(f"{_MARKS[step.ok]}  {step.name}: {one_line(step.detail)}", file=stdout)
        reach = f" and reach {arguments.app}" if arguments.app is not None else ""
        print(f"{one_line(arguments.login)} {'can' if verdict else 'cannot'} sign in{reach} now", file=stdout)
    return 0 if verdict else 1


class _Explaining:
    """One question. The steps follow those of `proxy.portal.sign_in`."""

    def __init__(self, settings: Settings, store: Store, *, login: str, address: str | None, now: float) -> None:
        self._settings = settings
        self._store = store
        self._login = login
        self._address = address
        self._now = now

    async def steps(self, realms: Realms, apps: Sequence[AppSettings], *, is_app_asked_for: bool) -> list[Step]:
        try:
            login_name, directory = await choose_realm(realms, self._login)
        except NotFound as error:
            return [Step(name="realm", ok=False, detail=str(error))]
        steps = [Step(name="realm", ok=True, detail=directory.realm)]
        try:
            account = await directory.find(login_name)
            if account is None:
                detail = (
                    "the directory has no such account, or more than one; so a name is refused like a wrong password"
                )
                return [*steps, Step(name="account", ok=False, detail=detail)]
            return steps + await self._of_account(directory, account, apps, is_app_asked_for=is_app_asked_for)
        except DirectoryError as error:
            return [*steps, Step(name="account", ok=False, detail=f"the directory cannot say: {error}")]
        except StoreError as error:
            return [*steps, Step(name="store", ok=False, detail=f"the store cannot be read: {error}")]

    async def _of_account(
        self, directory: Directory, account: Account, apps: Sequence[AppSettings], *, is_app_asked_for: bool
    ) -> list[Step]:
        state = await directory.state(account.guid) if isinstance(directory, DescribingDirectory) else None
        if state is None:
            return [Step(name="account", ok=False, detail="it was there and is gone, or nothing can be read of it")]
        principal = state.principal
        steps = [
            Step(name="account", ok=True, detail=f"{principal.username}, {principal.guid}, as {state.told_by} says")
        ]
        steps += account_steps(state, can_change_password=isinstance(directory, PasswordChanger))
        first_factors = ["password"]
        if any(each.name == directory.realm and _takes_tickets(each) for each in self._settings.directories):
            first_factors.append("kerberos")
        of_schemes, counting = scheme_steps(
            self._settings.schemes,
            principal,
            self._address,
            first_factors=first_factors,
            app=apps[0].name if is_app_asked_for else "",
        )
        steps += of_schemes
        needs_passcode = bool(counting) and all("sms" in scheme.factors for scheme in counting)
        of_numbers, number = number_steps(principal, self._settings.mobile, is_needed=needs_passcode)
        steps += of_numbers
        steps += await self._of_counts(directory, principal, number, needs_passcode=needs_passcode)
        return steps + [app_step(app, principal, is_asked_for=is_app_asked_for) for app in apps]

    async def _of_counts(
        self, directory: Directory, principal: Principal, number: UsableNumber | None, *, needs_passcode: bool
    ) -> list[Step]:
        """What is remembered: the number used last, and the counts. Both are named by keys."""
        try:
            keys = Keys(existing_keys(self._settings.server), clock=lambda: self._now)
        except KeyFileError as error:
            return [Step(name="throttle", ok=None, detail=f"what is counted cannot be known: {error}")]
        steps = []
        if number is not None:
            digests = [
                number_digest(key, guid=principal.guid, number=number.e164) for key in keys.accepted(Purpose.NUMBERS)
            ]
            decision = decide(
                self._settings.mobile,
                now=self._now,
                changed_at=principal.mobile_changed_at,
                digests=digests,
                known=await self._store.known_number(principal.guid),
            )
            steps.append(
                change_step(
                    decision,
                    changed_at=principal.mobile_changed_at,
                    is_needed=needs_passcode,
                    has_mail=principal.mail is not None and is_plain_address(principal.mail),
                )
            )
        throttle = Throttle(self._store, self._settings.throttle, key=keys.derive(Purpose.THROTTLE))
        policy = directory.lockout_policy() if isinstance(directory, LockingDirectory) else None
        limits = password_limits(
            policy,
            configured=self._settings.throttle.passwords_per_person,
            window_seconds=self._settings.throttle.window,
        )
        standings = await throttle.standings(
            person=principal.guid,
            limits=limits,
            number=number.e164 if number is not None else None,
            address=self._address,
            now=self._now,
        )
        return steps + throttle_steps(
            standings, login=principal.username, address=self._address, needs_passcode=needs_passcode
        )


def _takes_tickets(directory: DirectorySettings) -> bool:
    return isinstance(directory, ActiveDirectorySettings) and directory.kerberos_keytab is not None


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an IP address") from None
