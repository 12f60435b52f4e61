"""One question: why can this person sign in, or not? What is asked of directory and store; `steps` makes words of it.

Reads only, and needs no password. The steps follow those of `proxy.portal.sign_in`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from config.settings import ActiveDirectorySettings, AppSettings, DirectorySettings, Settings
from directory.account_state import DescribingDirectory
from directory.directory import Directory
from directory.errors import DirectoryError
from directory.lockout import LockingDirectory, password_limits
from directory.mobile import UsableNumber
from directory.password_change import PasswordChanger
from directory.principal import Account, Principal
from directory.realms import Realms
from proxy.delivery.channel import is_plain_address, mask_mail
from proxy.first_seen import changed_at
from proxy.help_desk.person import NotFound, choose_realm
from proxy.help_desk.steps import (
    ON_THE_COMMAND_LINE,
    Hints,
    Step,
    account_steps,
    app_step,
    can_sign_in,
    change_step,
    number_steps,
    scheme_steps,
    throttle_steps,
)
from proxy.keys import Keys, Purpose
from proxy.second_factor.known_numbers import decide, number_digest
from proxy.store.store import Store, StoreError
from proxy.throttle.throttle import Throttle


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Whom somebody asks about, and what is known of the sign-in."""

    login: str
    """As it is typed."""
    address: str | None = None
    """Where they come from; None: not known."""
    app: str = ""
    """The name of the app that they want to reach; empty: each is told, and none is part of the verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    steps: tuple[Step, ...]
    account: Account | None = None
    """Whom the directory knows by this name; None: nobody, or it cannot say."""

    @property
    def can_sign_in(self) -> bool:
        return can_sign_in(self.steps)


class Explaining:
    """The parts that are asked."""

    def __init__(
        self,
        settings: Settings,
        *,
        realms: Realms,
        store: Store,
        keys: Keys | str,
        hints: Hints = ON_THE_COMMAND_LINE,
    ) -> None:
        """`keys` name what is counted and remembered; a sentence in their place says why there are none."""
        self._settings = settings
        self._realms = realms
        self._store = store
        self._keys = keys
        self._hints = hints

    async def explain(self, question: Question, *, now: float) -> Explanation:
        """Errors of directory and store are steps, too."""
        try:
            login_name, directory = await choose_realm(self._realms, question.login)
        except NotFound as error:
            return Explanation(steps=(Step(name="realm", ok=False, detail=str(error)),))
        steps = [Step(name="realm", ok=True, detail=directory.realm)]
        account: Account | None = None
        try:
            account = await directory.find(login_name)
            if account is None:
                detail = (
                    "the directory has no such account, or more than one; so a name is refused like a wrong password"
                )
                steps.append(Step(name="account", ok=False, detail=detail))
            else:
                steps += await self._of_account(question, directory, account, now=now)
        except DirectoryError as error:
            steps.append(Step(name="account", ok=False, detail=f"the directory cannot say: {error}"))
        except StoreError as error:
            steps.append(Step(name="store", ok=False, detail=f"the store cannot be read: {error}"))
        return Explanation(steps=tuple(steps), account=account)

    async def _of_account(
        self, question: Question, directory: Directory, account: Account, *, now: float
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
            question.address,
            first_factors=first_factors,
            app=question.app,
            hints=self._hints,
        )
        steps += of_schemes
        needs_passcode = bool(counting) and all("sms" in scheme.factors for scheme in counting)
        mail = principal.mail if self._settings.second_factor.email_for_sms else None
        stand_in = mask_mail(mail) if mail is not None and is_plain_address(mail) else ""
        of_numbers, number = number_steps(principal, self._settings.mobile, is_needed=needs_passcode, stand_in=stand_in)
        steps += of_numbers
        steps += await self._of_counts(
            question,
            directory,
            principal,
            number,
            needs_passcode=needs_passcode,
            has_stand_in=bool(stand_in),
            now=now,
        )
        return steps + [app_step(app, principal, is_asked_for=bool(question.app)) for app in self._apps(question)]

    def _apps(self, question: Question) -> Sequence[AppSettings]:
        return [app for app in self._settings.apps if question.app in ("", app.name)]

    async def _of_counts(
        self,
        question: Question,
        directory: Directory,
        principal: Principal,
        number: UsableNumber | None,
        *,
        needs_passcode: bool,
        has_stand_in: bool,
        now: float,
    ) -> list[Step]:
        """What is remembered: the number used last, and the counts. Both are named by keys."""
        keys = self._keys
        if isinstance(keys, str):
            return [Step(name="throttle", ok=None, detail=f"what is counted cannot be known: {keys}")]
        steps = []
        if number is not None or has_stand_in:
            e164 = number.e164 if number is not None else None
            digests = [
                number_digest(key, guid=principal.guid, number=e164)
                for key in keys.accepted(Purpose.NUMBERS)
                if e164 is not None
            ]
            key = keys.derive(Purpose.THROTTLE)
            changed = await changed_at(self._store, key, principal, e164, now=now, see=False)
            decision = decide(
                self._settings.mobile,
                now=now,
                changed_at=changed,
                digests=digests,
                known=await self._store.known_number(principal.guid),
            )
            steps.append(
                change_step(
                    decision,
                    changed_at=changed,
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
            address=question.address,
            now=now,
        )
        return steps + throttle_steps(
            standings,
            login=principal.username,
            address=question.address,
            needs_passcode=needs_passcode,
            hints=self._hints,
        )


def _takes_tickets(directory: DirectorySettings) -> bool:
    return isinstance(directory, ActiveDirectorySettings) and directory.kerberos_keytab is not None
