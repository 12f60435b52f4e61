"""What is said of account, scheme and apps: pure, by the same decisions as a sign-in itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from config.factors import Factor, in_words
from config.settings import AppSettings, SchemeSettings
from directory.account_state import AccountState
from directory.directory import RefusalReason
from directory.principal import Principal
from proxy.access.policy import NotInGroups, judge
from proxy.access.schemes import choose_scheme
from proxy.help_desk.hints import ON_THE_COMMAND_LINE, Hints
from proxy.help_desk.verdict import Cause, Step, Who

_ACCOUNT = {
    RefusalReason.DISABLED: ("is disabled", "enable it in the directory"),
    RefusalReason.LOCKED: ("is locked in the directory", "unlock it in the directory, or wait"),
    RefusalReason.ACCOUNT_EXPIRED: ("has expired", "set a later expiry date in the directory"),
    RefusalReason.LOGON_HOURS: ("may not be used at this hour", "allow this hour in the directory, or wait"),
    RefusalReason.WORKSTATION: (
        "may only be used on certain computers",
        "add the domain controllers to its computers in the directory",
    ),
    RefusalReason.PASSWORD_EXPIRED: ("has a password that has expired", "set a new password in the directory"),
    RefusalReason.MUST_CHANGE: (
        "has a password that must be changed before anything else",
        "set a new password in the directory",
    ),
}
_MOST_GROUPS = 4


def account_steps(state: AccountState, *, can_change_password: bool) -> list[Step]:
    """What the directory says of the account itself."""
    steps = []
    for reason in state.refusals:
        why, what = _ACCOUNT[reason]
        text = f"the account {why}"
        if reason.is_fixed_by_a_change and can_change_password:
            note = Cause(why=f"{text}, so Gatepost asks for a new one on the way")
            steps.append(
                Step(name="state", ok=None, detail=f"{text}; Gatepost asks for a new one after signing in", cause=note)
            )
            continue
        until = state.locked_until if reason is RefusalReason.LOCKED else None
        cause = Cause(why=text, what=what, who=Who.DIRECTORY, until=until)
        moments = () if until is None else (("until", until),)
        steps.append(Step(name="state", ok=False, detail=f"{text}: {what}", moments=moments, cause=cause))
    return steps or [Step(name="state", ok=True, detail="the account is in order")]


def scheme_steps(
    schemes: Sequence[SchemeSettings],
    principal: Principal,
    address: str | None,
    *,
    first_factors: Collection[Factor],
    app: str = "",
    hints: Hints = ON_THE_COMMAND_LINE,
) -> tuple[list[Step], list[SchemeSettings]]:
    """The schemes that count, one for each factor that the person may begin with; why others before them do not.

    `app`: the one that they come from; empty: from none.
    """
    counting = [
        scheme
        for factor in first_factors
        if (scheme := choose_scheme(schemes, principal, address or "", first_factor=factor, app=app)) is not None
    ]
    steps = []
    chosen_for: set[Factor] = set()
    for scheme in schemes:
        if chosen_for.issuperset(scheme.factors[0]):
            continue
        if scheme in counting:
            chosen_for.update(scheme.factors[0])
            detail = f'"{scheme.name}" counts: {in_words(scheme.factors)}'
            steps.append(Step(name="scheme", ok=True, detail=detail))
        else:
            detail = (
                f'"{scheme.name}" does not count: {_why_not(scheme, principal, address, first_factors, app, hints)}'
            )
            steps.append(Step(name="scheme", ok=None, detail=detail))
    if not counting:
        cause = Cause(
            why="no way of signing in is meant for them" + (f" from {address}" if address else " from just anywhere"),
            what="give them a way of signing in there" if address else f"if they are at work, {hints.address}",
            who=Who.OPERATOR if address else Who.HELP_DESK,
        )
        detail = "no scheme is meant for this person from there"
        steps.append(Step(name="scheme", ok=False, detail=detail, cause=cause))
    return steps, counting


def _why_not(
    scheme: SchemeSettings,
    principal: Principal,
    address: str | None,
    first_factors: Collection[Factor],
    app: str,
    hints: Hints,
) -> str:
    usable = [factor for factor in scheme.factors[0] if factor in first_factors]
    if not usable:
        return f"it begins with {in_words(scheme.factors[:1])}, which this realm does not have"
    first = usable[0]
    reasons = []
    if scheme.apps is not None and app not in scheme.apps:
        reasons.append(f"it is for {either(scheme.apps)}" + ("" if app else f" ({hints.app})"))
    anywhere = scheme.model_copy(update={"networks": None, "apps": None})
    if choose_scheme((anywhere,), principal, address or "", first_factor=first) is None:
        reasons.append(f"it is for {either(scheme.groups or ())}")
    anybody = scheme.model_copy(update={"groups": None, "apps": None})
    if choose_scheme((anybody,), principal, address or "", first_factor=first) is None:
        networks = ", ".join(map(str, scheme.networks or ()))
        given = f"not {address}" if address else hints.address
        reasons.append(f"it is for {networks} ({given})")
    return " and ".join(reasons)


def app_steps(
    apps: Sequence[AppSettings], principal: Principal, *, asked_for: str = "", may_administer: bool = False
) -> list[Step]:
    """Whether they may reach each app once signed in. One that is asked for is part of the verdict, and so is it that
    there is none at all: whoever may open nothing has no use of a sign-in.

    `may_administer`: the admin pages are open to them.
    """
    steps = [app_step(app, principal, is_asked_for=bool(asked_for)) for app in apps if asked_for in ("", app.name)]
    if steps and not asked_for and not may_administer and all(step.ok is None for step in steps):
        groups = list(dict.fromkeys(group for app in apps for group in app.groups or ()))
        shown = either(groups) if len(groups) <= _MOST_GROUPS else "a group of the app that they need"
        cause = Cause(why="they are in no group of any app", what=f"add them to {shown}", who=Who.DIRECTORY)
        detail = "no app is open to them, so they would reach nothing after signing in"
        steps.append(Step(name="app", ok=False, detail=detail, cause=cause))
    return steps


def app_step(app: AppSettings, principal: Principal, *, is_asked_for: bool) -> Step:
    verdict = judge(principal, app)
    if isinstance(verdict, NotInGroups):
        detail = f'"{app.name}" is closed: it asks for {either(verdict.groups)}'
        if not is_asked_for:
            return Step(name="app", ok=None, detail=detail)
        cause = Cause(
            why=f"only members of {either(verdict.groups)} may open it",
            what=f"add them to {either(verdict.groups)}",
            who=Who.DIRECTORY,
        )
        return Step(name="app", ok=False, detail=detail, cause=cause)
    if app.groups is None:
        detail = f'"{app.name}" is open: it asks for no group'
    else:
        detail = (
            f'"{app.name}" is open: a member of {either([each for each in app.groups if each in principal.groups])}'
        )
    if app.scheme is not None:
        detail += f'; it asks for what the scheme "{app.scheme}" asks for'
    if app.rules:
        detail += "; some of its paths have rules of their own"
    return Step(name="app", ok=True, detail=detail)


def either(names: Sequence[str]) -> str:
    return " or ".join(f'"{name}"' for name in names)
