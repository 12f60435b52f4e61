"""One question: why can this person sign in, or not? The dry run of the sign-in answers; `steps` makes words of it.

Reads only, and needs no password.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from config.factors import Factor
from config.settings import Settings
from directory.directory import Directory
from directory.errors import DirectoryError
from directory.principal import Account
from directory.realms import Realms
from proxy.help_desk.hints import ON_THE_COMMAND_LINE, Hints
from proxy.help_desk.number_steps import change_step, mail_step, number_steps
from proxy.help_desk.person import NotFound, choose_realm
from proxy.help_desk.rung_steps import rung_steps
from proxy.help_desk.steps import account_steps, app_steps, factor_steps, no_app_step, only_by, scheme_steps, vouch_step
from proxy.help_desk.throttle_steps import throttle_steps
from proxy.help_desk.unlocking import still_counted
from proxy.help_desk.verdict import Cause, Step, StepName, Verdict, Who, verdict_of
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.mobile_formats.words import one_line
from proxy.operations.store_errors import StoreError
from proxy.secrets.keys import Keys
from proxy.sign_in.changed_numbers import Confirmable
from proxy.sign_in.dry_run import DryRun, DryRunStore
from proxy.sign_in.foreseen import Foreseen
from proxy.throttle.limits import Limit

_LONGEST_SHOWN = 80
_LATER = N_("try again in a few minutes, then tell them")
_RIGHT_NAME = N_("ask them for the name that they sign in to their computer with")
_OF_PASSWORDS = (Limit.PASSWORDS_PER_PERSON, Limit.PASSWORDS_FROM_UNFAMILIAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInQuestion:
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
    numbers: tuple[str, ...] = field(default=(), repr=False)
    """Their mobile numbers as the directory has them, in full: for those alone who may see them."""

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
    numbers: tuple[str, ...] = ()


class Explaining:
    """The parts that are asked."""

    def __init__(
        self,
        settings: Settings,
        *,
        realms: Realms,
        store: DryRunStore,
        keys: Keys | str,
        hints: Hints = ON_THE_COMMAND_LINE,
    ) -> None:
        """`keys` name what is counted and remembered; a sentence in their place says why there are none."""
        self._settings = settings
        self._realms = realms
        self._store = store
        self._keys = None if isinstance(keys, str) else keys
        self._no_keys = keys if isinstance(keys, str) else ""
        self._hints = hints

    async def explain(self, question: SignInQuestion, *, now: float) -> Explanation:
        """Errors of directory and store are steps, too."""
        found = _Found([])
        try:
            await self._ask(question, found, now=now)
        except NotFound as error:
            cause = Cause(why=str(error), what=_(_RIGHT_NAME))
            found.steps.append(Step(name=StepName.REALM, ok=False, detail=str(error), cause=cause))
        except DirectoryError as error:
            cause = Cause(why=_("the directory cannot say who they are just now"), what=_(_LATER), who=Who.OPERATOR)
            detail = _("the directory cannot say: %(error)s", error=error)
            found.steps.append(Step(name=StepName.ACCOUNT, ok=False, detail=detail, cause=cause))
        except StoreError as error:
            cause = Cause(why=_("Gatepost's data about them cannot be read now"), what=_(_LATER), who=Who.OPERATOR)
            detail = _("the store cannot be read: %(error)s", error=error)
            found.steps.append(Step(name=StepName.STORE, ok=False, detail=detail, cause=cause))
        return Explanation(
            steps=tuple(found.steps),
            verdict=verdict_of(found.steps, name=_name(question, found), app=question.app),
            account=found.account,
            confirmable=found.confirmable,
            numbers=found.numbers,
        )

    async def _ask(self, question: SignInQuestion, found: _Found, *, now: float) -> None:
        """Fills `found` as far as it gets. Raises `NotFound`, `DirectoryError` and `StoreError`."""
        login_name, directory = await choose_realm(self._realms, question.login)
        found.steps.append(Step(name=StepName.REALM, ok=True, detail=directory.realm))
        account = found.account = await directory.find(login_name)
        if account is None:
            cause = Cause(
                why=_("the directory has no account of this name"),
                what=_(_RIGHT_NAME),
                who=Who.HELP_DESK,
            )
            detail = _(
                "the directory has no such account, or more than one; so a name is refused like a wrong password"
            )
            found.steps.append(Step(name=StepName.ACCOUNT, ok=False, detail=detail, cause=cause))
            return

        async def asked(keys: Keys | None) -> Foreseen | None:
            dry_run = DryRun(self._settings, store=self._store, keys=keys)
            return await dry_run.foresee(
                login_name, directory, account, address=question.address, app=question.app, now=now
            )

        try:
            foreseen = await asked(self._keys)
        except StoreError:
            # What the directory says is told all the same.
            if (foreseen := await asked(None)) is not None:
                self._of_person(foreseen, question, found)
            raise
        if foreseen is None:
            cause = Cause(why=_("their account cannot be read"), what=_("look at it there"), who=Who.DIRECTORY)
            detail = _("it was there and is gone, or cannot be read")
            found.steps.append(Step(name=StepName.ACCOUNT, ok=False, detail=detail, cause=cause))
            return
        self._of_person(foreseen, question, found)
        found.confirmable = foreseen.number.confirmable if foreseen.number is not None else None
        found.steps += await self._counts(foreseen, directory, question)
        found.steps += app_steps(foreseen.apps, foreseen.state.principal, stops=foreseen.stops, asked_for=question.app)
        if foreseen.gets_through:
            free = [way.first_factor for way in foreseen.counting_ways if not way.stops]
            found.steps = [only_by(step, free) for step in found.steps]
        if not question.app and (nothing := no_app_step(foreseen.apps, self._may_administer(foreseen))) is not None:
            found.steps.append(nothing)

    def _of_person(self, foreseen: Foreseen, question: SignInQuestion, found: _Found) -> None:
        """The account, the schemes, and the places that passcodes go to."""
        state, stops = foreseen.state, foreseen.stops
        principal = state.principal
        found.display_name, found.numbers = principal.display_name, principal.mobiles
        detail = _(
            "%(username)s, %(guid)s, as %(source)s says",
            username=principal.username,
            guid=principal.guid,
            source=state.told_by,
        )
        found.steps.append(Step(name=StepName.ACCOUNT, ok=True, detail=detail))
        found.steps += account_steps(state, stops=stops)
        found.steps += rung_steps(foreseen)
        found.steps += scheme_steps(foreseen.schemes, question.address, app=question.app, hints=self._hints)
        needs_number = foreseen.asks_for(Factor.SMS)
        found.steps += number_steps(
            principal,
            self._settings.mobile,
            is_needed=needs_number,
            blocks=foreseen.lacks_number,
            stand_in=foreseen.stand_in,
            hints=self._hints,
        )
        if foreseen.asks_for(Factor.EMAIL) or foreseen.lacks_mail:
            found.steps.append(mail_step(foreseen.mail))
        if foreseen.number is not None:
            is_needed = needs_number or foreseen.lacks_trust
            login = principal.username
            found.steps.append(change_step(foreseen.number, is_needed=is_needed, login=login, hints=self._hints))
        found.steps += factor_steps(foreseen.not_enrolled)
        if foreseen.voucher is not None:
            found.steps.append(vouch_step(foreseen.voucher))

    async def _counts(self, foreseen: Foreseen, directory: Directory, question: SignInQuestion) -> list[Step]:
        """What is counted, which is named by keys."""
        if foreseen.limits is None:
            detail = _("the counts cannot be read: %(why)s", why=self._no_keys)
            return [Step(name=StepName.THROTTLE, ok=None, detail=detail)]
        principal, kept = foreseen.state.principal, None
        if any(each.standing.is_reached and each.standing.limit in _OF_PASSWORDS for each in foreseen.limits):
            kept = (await still_counted(directory, principal.guid, foreseen.password_limits))[0]
        return throttle_steps(
            foreseen.limits,
            login=principal.username,
            address=question.address,
            still_counted=kept,
            hints=self._hints,
        )

    def _may_administer(self, foreseen: Foreseen) -> bool:
        return not foreseen.state.principal.groups.isdisjoint(self._settings.admin.open_to)


def _name(question: SignInQuestion, found: _Found) -> str:
    """As a person is called, and the name that they type."""
    login = found.account.username if found.account is not None else question.login
    login = one_line(login)[:_LONGEST_SHOWN]
    called = one_line(found.display_name)[:_LONGEST_SHOWN]
    return login if not called or called == login else f"{called} ({login})"
