"""What is said of account, scheme and apps: pure. What they decide is decided by the dry run of the sign-in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from config.factors import Factor, in_words
from directory.directory import AccountState, RefusalReason
from directory.principal import Principal
from proxy.factors.passes.vouch import NoVouch
from proxy.help_desk.hints import ON_THE_COMMAND_LINE, Hints
from proxy.help_desk.verdict import Cause, Step, Who
from proxy.sign_in.foreseen import AppFound, Obstacle, Stop
from proxy.sign_in.schemes_found import SchemeFound, WhyNot

_ACCOUNT = {
    RefusalReason.DISABLED: ("is disabled", "enable it in the directory"),
    RefusalReason.LOCKED: ("is locked in the directory", "unlock it in the directory, or wait"),
    RefusalReason.ACCOUNT_EXPIRED: ("has expired", "set a later expiry date in the directory"),
    RefusalReason.LOGON_HOURS: ("cannot be used at this time", "allow this time in the directory, or wait"),
    RefusalReason.WORKSTATION: (
        "can only be used on certain computers",
        "add the domain controllers to its computers in the directory",
    ),
    RefusalReason.PASSWORD_EXPIRED: ("has a password that has expired", "set a new password in the directory"),
    RefusalReason.MUST_CHANGE: (
        "has a password that must be changed before anything else",
        "set a new password in the directory",
    ),
}
_NO_VOUCH = {
    NoVouch.NO_MANAGER: "the directory names no manager",
    NoVouch.OWN_MANAGER: "the directory names them as their own manager",
    NoVouch.LOOP: "somebody above them is their own manager in the end, or the line is too long",
    NoVouch.CANNOT_SIGN_IN: "their manager's account is disabled, locked or expired",
    NoVouch.HAS_PASS: "they have a pass of the help desk",
}
_MOST_GROUPS = 4
_BY = {
    Factor.PASSWORD: "with their password",
    Factor.KERBEROS: "with the Kerberos ticket of their computer",
    Factor.PASSKEY: "with their passkey",
}


def account_steps(state: AccountState, *, stops: Collection[Stop]) -> list[Step]:
    """What the directory says of the account itself. `stops`: what of it stands against the sign-in."""
    steps = []
    for reason in state.refusals:
        why, what = _ACCOUNT[reason]
        text = f"the account {why}"
        if reason in stops:
            until = state.locked_until if reason is RefusalReason.LOCKED else None
            cause = Cause(why=text, what=what, who=Who.DIRECTORY, until=until)
            moments = () if until is None else (("until", until),)
            steps.append(Step(name="state", ok=False, detail=f"{text}: {what}", moments=moments, cause=cause))
        elif reason.is_fixed_by_a_change:
            note = Cause(why=f"{text}, so Gatepost asks for a new one on the way")
            steps.append(
                Step(name="state", ok=None, detail=f"{text}; Gatepost asks for a new one after signing in", cause=note)
            )
        else:
            steps.append(Step(name="state", ok=None, detail=text))
    return steps or [Step(name="state", ok=True, detail="the account is in order")]


def scheme_steps(
    schemes: Iterable[SchemeFound], address: str | None, *, app: str = "", hints: Hints = ON_THE_COMMAND_LINE
) -> list[Step]:
    """The schemes that count, one for each factor that the person may begin with; why others before them do not.

    `app`: the one that they come from; empty: from none.
    """
    steps = []
    for found in schemes:
        scheme = found.scheme
        if not found.why_not:
            detail = f'"{scheme.name}" counts: {in_words(scheme.factors)}'
            steps.append(Step(name="scheme", ok=True, detail=detail))
        else:
            reasons = " and ".join(_why_not(found, each, address, app, hints) for each in found.why_not)
            steps.append(Step(name="scheme", ok=None, detail=f'"{scheme.name}" does not count: {reasons}'))
    if not any(step.ok for step in steps):
        cause = Cause(
            why="they have no way to sign in" + (f" from {address}" if address else " from an unknown place"),
            what="give them a way to sign in there" if address else f"if they are at work, {hints.address}",
            who=Who.OPERATOR if address else Who.HELP_DESK,
        )
        detail = "no scheme covers this person from there"
        steps.append(Step(name="scheme", ok=False, detail=detail, cause=cause))
    return steps


def _why_not(found: SchemeFound, why_not: WhyNot, address: str | None, app: str, hints: Hints) -> str:
    scheme = found.scheme
    match why_not:
        case WhyNot.FIRST_FACTOR:
            return f"it begins with {in_words(scheme.factors[:1])}, which this realm does not have"
        case WhyNot.APP:
            return f"it is for {either(scheme.apps or ())}" + ("" if app else f" ({hints.app})")
        case WhyNot.GROUP:
            return f"it is for {either(scheme.groups or ())}"
        case WhyNot.NETWORK:
            given = f"not {address}" if address else hints.address
            return f"it is for {', '.join(map(str, scheme.networks or ()))} ({given})"


def factor_steps(not_enrolled: Iterable[Factor]) -> list[Step]:
    """The second factors that they would have to add to themselves first."""
    steps = []
    for name in (factor.value for factor in not_enrolled):
        cause = Cause(why=f"they have not added {name} to themselves", what="let them add it", who=Who.HELP_DESK)
        steps.append(Step(name="factor", ok=False, detail=f"{name} is asked for, and they have none", cause=cause))
    return steps


def vouch_step(voucher: Principal | NoVouch) -> Step:
    """Whether somebody can vouch for them where they have no phone. It stands against no sign-in."""
    if isinstance(voucher, NoVouch):
        detail = f"nobody can vouch for them, should they be without their phone: {_NO_VOUCH[voucher]}"
        return Step(name="vouch", ok=None, detail=detail)
    detail = f"their manager can vouch for them, should they be without their phone: {voucher.username}"
    return Step(name="vouch", ok=True, detail=detail)


def app_steps(
    apps: Iterable[AppFound], principal: Principal, *, stops: Collection[Stop], asked_for: str = ""
) -> list[Step]:
    """Whether they may reach each app once signed in. One that is asked for is part of the verdict."""
    return [
        _app_step(found, principal, stops if asked_for else ()) for found in apps if asked_for in ("", found.app.name)
    ]


def no_app_step(apps: Sequence[AppFound], may_administer: bool) -> Step | None:
    """Where they may open nothing at all: a sign-in is of no use then. `may_administer`: the admin pages are open to
    them."""
    if may_administer or any(found.is_open for found in apps):
        return None
    groups = list(dict.fromkeys(group for found in apps for group in found.app.groups or ()))
    shown = either(groups) if len(groups) <= _MOST_GROUPS else "a group of the app that they need"
    cause = Cause(why="they are not in any app's groups", what=f"add them to {shown}", who=Who.DIRECTORY)
    detail = "no app is open to them, so a sign-in would lead nowhere"
    return Step(name="app", ok=False, detail=detail, cause=cause)


def _app_step(found: AppFound, principal: Principal, stops: Collection[Stop]) -> Step:
    """`stops`: what stands against the sign-in to this app; empty where it is not the one that is asked for."""
    app, groups = found.app, found.app.groups or ()
    if not found.is_open:
        detail = f'"{app.name}" is closed: it asks for {either(groups)}'
        if Obstacle.NOT_IN_GROUPS not in stops:
            return Step(name="app", ok=None, detail=detail)
        why, what = f"only members of {either(groups)} may open it", f"add them to {either(groups)}"
        return Step(name="app", ok=False, detail=detail, cause=Cause(why=why, what=what, who=Who.DIRECTORY))
    if app.groups is None:
        detail = f'"{app.name}" is open: it asks for no group'
    else:
        detail = f'"{app.name}" is open: a member of {either([each for each in groups if each in principal.groups])}'
    if app.scheme is not None:
        detail += f'; it asks for what the scheme "{app.scheme}" asks for'
    if app.rules:
        detail += "; some of its paths have rules of their own"
    if Obstacle.NOT_IN_PASS in stops:
        why = f"they can only use a pass, which does not open {app.name}"
        what = f"end that pass and give them one for {app.name}"
    elif Obstacle.NEEDS_TICKET in stops:
        why = f"{app.name} asks for a sign-in with the Kerberos ticket of their computer"
        what = "let them sign in from a computer of the domain"
    else:
        return Step(name="app", ok=True, detail=detail)
    return Step(name="app", ok=False, detail=detail, cause=Cause(why=why, what=what, who=Who.HELP_DESK))


def only_by(step: Step, factors: Iterable[Factor]) -> Step:
    """A step that stands against some ways of signing in, where those that begin with `factors` are free."""
    if step.ok is not False or step.cause is None:
        return step
    free = " or ".join(_BY[factor] for factor in factors)
    cause = Cause(why=f"{step.cause.why}, so only {free}", what=step.cause.what, who=step.cause.who)
    return Step(name=step.name, ok=None, detail=step.detail, moments=step.moments, cause=cause)


def either(names: Sequence[str]) -> str:
    return " or ".join(f'"{name}"' for name in names)
