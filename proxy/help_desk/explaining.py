"""One question: why can this person sign in, or not? What is asked of directory and store; `steps` makes words of it.

Reads only, and needs no password. The steps follow those of `proxy.portal.sign_in`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from config.factors import Factor
from config.settings import ActiveDirectorySettings, DirectorySettings, Settings
from directory.account_state import AccountState, DescribingDirectory
from directory.directory import Directory
from directory.errors import DirectoryError
from directory.login_name import LoginName
from directory.mail_address import is_plain_address, mask_mail
from directory.mobile import UsableNumber
from directory.password_change import PasswordChanger
from directory.principal import Account, Principal
from directory.realms import Realms
from proxy.factors.passcode.destination import Judged, mail_of, number_destination
from proxy.factors.passcode.passcode_store import NumberStore
from proxy.help_desk.confirming import Confirmable, confirmable
from proxy.help_desk.hints import ON_THE_COMMAND_LINE, Hints
from proxy.help_desk.number_steps import change_step, mail_step, number_steps
from proxy.help_desk.person import NotFound, choose_realm
from proxy.help_desk.steps import account_steps, app_steps, scheme_steps
from proxy.help_desk.throttle_steps import throttle_steps
from proxy.help_desk.unlocking import still_counted
from proxy.help_desk.verdict import Cause, Step, Verdict, Who, verdict_of
from proxy.mobile_formats.words import one_line
from proxy.operations.store_errors import StoreError
from proxy.secrets.keys import Keys, Purpose
from proxy.throttle.counter_store import ThrottleStore
from proxy.throttle.limits import Limit
from proxy.throttle.throttle import Throttle
from proxy.throttle.typed_names import counted_as

_LONGEST_SHOWN = 80
_LATER = "try again in a few minutes, then tell them"
_OF_PASSWORDS = (Limit.PASSWORDS_PER_PERSON, Limit.PASSWORDS_FROM_UNFAMILIAR)


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
    verdict: Verdict
    account: Account | None = None
    """Whom the directory knows by this name; None: nobody, or it cannot say."""
    confirmable: Confirmable | None = None
    """The number that is held back because it changed, where somebody may confirm it."""

    @property
    def can_sign_in(self) -> bool:
        return self.verdict.can_sign_in


@dataclass(slots=True)
class _Found:
    """What comes to light on the way."""

    steps: list[Step]
    account: Account | None = None
    display_name: str = ""
    confirmable: Confirmable | None = None


class AskedStore(NumberStore, ThrottleStore, Protocol):
    """What is asked of a store."""


class Explaining:
    """The parts that are asked."""

    def __init__(
        self,
        settings: Settings,
        *,
        realms: Realms,
        store: AskedStore,
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
        found = _Found([])
        try:
            await self._ask(question, found, now=now)
        except NotFound as error:
            cause = Cause(why=str(error), what="ask them for the name that they sign in to their computer with")
            found.steps.append(Step(name="realm", ok=False, detail=str(error), cause=cause))
        except DirectoryError as error:
            cause = Cause(why="the directory cannot say who they are just now", what=_LATER, who=Who.OPERATOR)
            detail = f"the directory cannot say: {error}"
            found.steps.append(Step(name="account", ok=False, detail=detail, cause=cause))
        except StoreError as error:
            cause = Cause(why="what Gatepost keeps of them cannot be read just now", what=_LATER, who=Who.OPERATOR)
            found.steps.append(Step(name="store", ok=False, detail=f"the store cannot be read: {error}", cause=cause))
        return Explanation(
            steps=tuple(found.steps),
            verdict=verdict_of(found.steps, name=_name(question, found), app=question.app),
            account=found.account,
            confirmable=found.confirmable,
        )

    async def _ask(self, question: Question, found: _Found, *, now: float) -> None:
        """Fills `found` as far as it gets. Raises `NotFound`, `DirectoryError` and `StoreError`."""
        login_name, directory = await choose_realm(self._realms, question.login)
        found.steps.append(Step(name="realm", ok=True, detail=directory.realm))
        account = found.account = await directory.find(login_name)
        if account is None:
            cause = Cause(
                why="the directory has no account of this name",
                what="ask them for the name that they sign in to their computer with",
                who=Who.HELP_DESK,
            )
            detail = "the directory has no such account, or more than one; so a name is refused like a wrong password"
            found.steps.append(Step(name="account", ok=False, detail=detail, cause=cause))
            return
        state = await directory.state(account.guid) if isinstance(directory, DescribingDirectory) else None
        if state is None:
            cause = Cause(why="nothing can be read of their account", what="look at it there", who=Who.DIRECTORY)
            detail = "it was there and is gone, or nothing can be read of it"
            found.steps.append(Step(name="account", ok=False, detail=detail, cause=cause))
            return
        found.display_name = state.principal.display_name
        await self._of_account(question, login_name, directory, state, found, now=now)

    async def _of_account(
        self,
        question: Question,
        login_name: LoginName,
        directory: Directory,
        state: AccountState,
        found: _Found,
        *,
        now: float,
    ) -> None:
        principal, steps = state.principal, found.steps
        steps.append(
            Step(name="account", ok=True, detail=f"{principal.username}, {principal.guid}, as {state.told_by} says")
        )
        steps += account_steps(state, can_change_password=isinstance(directory, PasswordChanger))
        settings = self._settings_of(directory)
        first_factors = [Factor.PASSWORD]
        if isinstance(settings, ActiveDirectorySettings) and settings.kerberos_keytab is not None:
            first_factors.append(Factor.KERBEROS)
        of_schemes, counting = scheme_steps(
            self._settings.schemes,
            principal,
            question.address,
            first_factors=first_factors,
            app=question.app,
            hints=self._hints,
        )
        steps += of_schemes
        needs = {
            factor: bool(counting) and all((factor,) in scheme.factors for scheme in counting)
            for factor in (Factor.SMS, Factor.EMAIL)
        }
        sent_to = await self._destinations(principal, found, needs, now=now)
        steps += await self._counts(
            question,
            login_name,
            directory,
            principal,
            sent_to=sent_to,
            needs_passcode=any(needs.values()),
            now=now,
        )
        admins = self._settings.admin.groups or ()
        steps += app_steps(
            self._settings.apps,
            principal,
            asked_for=question.app,
            may_administer=not principal.groups.isdisjoint(admins),
        )

    async def _destinations(
        self, principal: Principal, found: _Found, needs: Mapping[Factor, bool], *, now: float
    ) -> str | None:
        """Where passcodes go, as sends are counted; None: nowhere."""
        keys, settings = self._keys, self._settings
        mail = principal.mail if principal.mail is not None and is_plain_address(principal.mail) else None
        stand_in = mask_mail(mail) if mail is not None and settings.second_factor.email_for_sms else ""
        of_numbers, number = number_steps(
            principal, settings.mobile, is_needed=needs[Factor.SMS], stand_in=stand_in, hints=self._hints
        )
        found.steps += of_numbers
        if needs[Factor.EMAIL]:
            found.steps.append(mail_step(mask_mail(mail) if mail is not None else ""))
        if isinstance(keys, str):
            return None
        sent_to: str | None = number.e164 if isinstance(number, UsableNumber) else None
        judged = await number_destination(settings, self._store, keys, principal, now=now, see=False)
        if isinstance(judged, Judged):
            login = principal.username
            found.steps.append(change_step(judged, is_needed=needs[Factor.SMS], login=login, hints=self._hints))
            found.confirmable = confirmable(judged, keys, principal)
            sent_to = judged.chosen.address if judged.chosen is not None else sent_to
        if needs[Factor.EMAIL] and not needs[Factor.SMS]:
            by_mail = mail_of(keys, principal, factor=Factor.EMAIL)
            sent_to = by_mail.address if by_mail is not None else None
        return sent_to

    async def _counts(
        self,
        question: Question,
        login_name: LoginName,
        directory: Directory,
        principal: Principal,
        *,
        sent_to: str | None,
        needs_passcode: bool,
        now: float,
    ) -> list[Step]:
        """What is counted, which is named by keys."""
        keys, settings = self._keys, self._settings.throttle
        if isinstance(keys, str):
            return [Step(name="throttle", ok=None, detail=f"what is counted cannot be known: {keys}")]
        throttle = Throttle(self._store, settings, key=keys.derive(Purpose.THROTTLE))
        limits = throttle.password_limits(directory)
        standings = await throttle.standings(
            person=principal.guid,
            limits=limits,
            number=sent_to,
            address=question.address,
            typed=counted_as(login_name, self._settings_of(directory)),
            now=now,
        )
        kept = None
        if any(each.is_reached and each.limit in _OF_PASSWORDS for each in standings):
            kept, _ = await still_counted(directory, principal.guid, limits)
        return throttle_steps(
            standings,
            login=principal.username,
            address=question.address,
            needs_passcode=needs_passcode,
            still_counted=kept,
            hints=self._hints,
        )

    def _settings_of(self, directory: Directory) -> DirectorySettings | None:
        return next((each for each in self._settings.directories if each.name == directory.realm), None)


def _name(question: Question, found: _Found) -> str:
    """As a person is called, and the name that they type."""
    login = found.account.username if found.account is not None else question.login
    login = one_line(login)[:_LONGEST_SHOWN]
    called = one_line(found.display_name)[:_LONGEST_SHOWN]
    return login if not called or called == login else f"{called} ({login})"
