"""What is said of account, scheme and apps: pure. What they decide is decided by the dry run of the sign-in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import reduce

from config.factors import Choice, Factor
from directory.directory import AccountState, RefusalReason
from directory.principal import Principal
from proxy.factors.passes.vouch import NoVouch
from proxy.help_desk.hints import ON_THE_COMMAND_LINE, Hints
from proxy.help_desk.verdict import Cause, Step, StepName, Who
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.pages.amounts import duration
from proxy.sign_in.foreseen import AppFound, Obstacle, Stop
from proxy.sign_in.schemes_found import SchemeFound, WhyNot

_NEW_PASSWORD = N_("set a new password in the directory")
_ACCOUNT = {
    RefusalReason.DISABLED: (N_("the account is disabled"), N_("enable it in the directory")),
    RefusalReason.LOCKED: (N_("the account is locked in the directory"), N_("unlock it in the directory, or wait")),
    RefusalReason.ACCOUNT_EXPIRED: (N_("the account has expired"), N_("set a later expiry date in the directory")),
    RefusalReason.LOGON_HOURS: (
        N_("the account cannot be used at this time"),
        N_("allow this time in the directory, or wait"),
    ),
    RefusalReason.WORKSTATION: (
        N_("the account can only be used on certain computers"),
        N_("add the domain controllers to its computers in the directory"),
    ),
    RefusalReason.PASSWORD_EXPIRED: (N_("the account has a password that has expired"), _NEW_PASSWORD),
    RefusalReason.MUST_CHANGE: (
        N_("the account has a password that must be changed before anything else"),
        _NEW_PASSWORD,
    ),
}
_NO_VOUCH = {
    NoVouch.NO_MANAGER: N_("the directory names no manager"),
    NoVouch.OWN_MANAGER: N_("the directory names them as their own manager"),
    NoVouch.LOOP: N_("somebody above them is their own manager in the end, or the line is too long"),
    NoVouch.CANNOT_SIGN_IN: N_("their manager's account is disabled, locked or expired"),
    NoVouch.HAS_PASS: N_("they have a pass of the help desk"),
}
_MOST_GROUPS = 4
_IT_IS_FOR = N_("it is for %(names)s")
_IT_IS_FOR_NOT = N_("it is for %(names)s (%(why)s)")
_AND = N_("%(first)s and %(second)s")
_OR = N_("%(first)s or %(second)s")
_THEN = N_("%(first)s, then %(second)s")
_ALSO = N_("%(first)s; %(second)s")
_ADD_TO_GROUPS = N_("add them to %(groups)s")
_BY = {
    Factor.PASSWORD: N_("with their password"),
    Factor.KERBEROS: N_("with the Kerberos ticket of their computer"),
    Factor.PASSKEY: N_("with their passkey"),
}


def account_steps(state: AccountState, *, stops: Collection[Stop]) -> list[Step]:
    """What the directory says of the account itself. `stops`: what of it stands against the sign-in."""
    steps = []
    for reason in state.refusals:
        text, what = (_(message) for message in _ACCOUNT[reason])
        if reason in stops:
            until = state.locked_until if reason is RefusalReason.LOCKED else None
            cause = Cause(why=text, what=what, who=Who.DIRECTORY, until=until)
            moments = () if until is None else (("until", until),)
            detail = _("%(why)s: %(what)s", why=text, what=what)
            steps.append(Step(name=StepName.STATE, ok=False, detail=detail, moments=moments, cause=cause))
        elif reason.is_fixed_by_a_change:
            note = Cause(why=_("%(why)s, so Gatepost asks for a new one on the way", why=text))
            detail = _("%(why)s; Gatepost asks for a new one after signing in", why=text)
            steps.append(Step(name=StepName.STATE, ok=None, detail=detail, cause=note))
        else:
            steps.append(Step(name=StepName.STATE, ok=None, detail=text))
    return steps or [Step(name=StepName.STATE, ok=True, detail=_("the account is in order"))]


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
            detail = _('"%(scheme)s" counts: %(factors)s', scheme=scheme.name, factors=_in_words(scheme.factors))
            steps.append(Step(name=StepName.SCHEME, ok=True, detail=detail))
        else:
            reasons = _listed(_AND, [_why_not(found, each, address, app, hints) for each in found.why_not])
            detail = _('"%(scheme)s" does not count: %(reasons)s', scheme=scheme.name, reasons=reasons)
            steps.append(Step(name=StepName.SCHEME, ok=None, detail=detail))
    if not any(step.ok for step in steps):
        if address:
            why = _("they have no way to sign in from %(address)s", address=address)
            what, who = _("give them a way to sign in there"), Who.OPERATOR
        else:
            why = _("they have no way to sign in from an unknown place")
            what, who = _("if they are at work, %(hint)s", hint=_(hints.address)), Who.HELP_DESK
        cause = Cause(why=why, what=what, who=who)
        detail = _("no scheme covers this person from there")
        steps.append(Step(name=StepName.SCHEME, ok=False, detail=detail, cause=cause))
    return steps


def _why_not(found: SchemeFound, why_not: WhyNot, address: str | None, app: str, hints: Hints) -> str:
    scheme = found.scheme
    match why_not:
        case WhyNot.FIRST_FACTOR:
            first = _in_words(scheme.factors[:1])
            return _("it begins with %(factors)s, which this realm does not have", factors=first)
        case WhyNot.APP:
            apps = either(scheme.apps or ())
            return _(_IT_IS_FOR, names=apps) if app else _(_IT_IS_FOR_NOT, names=apps, why=_(hints.app))
        case WhyNot.GROUP:
            return _(_IT_IS_FOR, names=either(scheme.groups or ()))
        case WhyNot.NETWORK:
            given = _("not %(address)s", address=address) if address else _(hints.address)
            return _(_IT_IS_FOR_NOT, names=", ".join(map(str, scheme.networks or ())), why=given)


def factor_steps(not_enrolled: Iterable[Factor]) -> list[Step]:
    """The second factors that they would have to add to themselves first."""
    steps = []
    for name in (factor.value for factor in not_enrolled):
        why = _("they have not added %(factor)s to themselves", factor=name)
        cause = Cause(why=why, what=_("let them add it"), who=Who.HELP_DESK)
        detail = _("%(factor)s is asked for, and they have none", factor=name)
        steps.append(Step(name=StepName.FACTOR, ok=False, detail=detail, cause=cause))
    return steps


def vouch_step(voucher: Principal | NoVouch) -> Step:
    """Whether somebody can vouch for them where they have no phone. It stands against no sign-in."""
    if isinstance(voucher, NoVouch):
        why = _(_NO_VOUCH[voucher])
        detail = _("nobody can vouch for them, should they be without their phone: %(why)s", why=why)
        return Step(name=StepName.VOUCH, ok=None, detail=detail)
    detail = _(
        "their manager can vouch for them, should they be without their phone: %(manager)s", manager=voucher.username
    )
    return Step(name=StepName.VOUCH, ok=True, detail=detail)


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
    what = _("add them to a group of the app that they need")
    if len(groups) <= _MOST_GROUPS:
        what = _(_ADD_TO_GROUPS, groups=either(groups))
    cause = Cause(why=_("they are not in any app's groups"), what=what, who=Who.DIRECTORY)
    detail = _("no app is open to them, so a sign-in would lead nowhere")
    return Step(name=StepName.APP, ok=False, detail=detail, cause=cause)


def _app_step(found: AppFound, principal: Principal, stops: Collection[Stop]) -> Step:
    """`stops`: what stands against the sign-in to this app; empty where it is not the one that is asked for."""
    app, groups = found.app, found.app.groups or ()
    if not found.is_open:
        detail = _('"%(app)s" is closed: it asks for %(groups)s', app=app.name, groups=either(groups))
        if Obstacle.NOT_IN_GROUPS not in stops:
            return Step(name=StepName.APP, ok=None, detail=detail)
        why = _("only members of %(groups)s may open it", groups=either(groups))
        what = _(_ADD_TO_GROUPS, groups=either(groups))
        return Step(name=StepName.APP, ok=False, detail=detail, cause=Cause(why=why, what=what, who=Who.DIRECTORY))
    if app.groups is None:
        detail = _('"%(app)s" is open: it asks for no group', app=app.name)
    else:
        theirs = either([each for each in groups if each in principal.groups])
        detail = _('"%(app)s" is open: a member of %(groups)s', app=app.name, groups=theirs)
    if app.scheme is not None:
        scheme = _('it asks for what the scheme "%(scheme)s" asks for', scheme=app.scheme)
        detail = _listed(_ALSO, [detail, scheme])
    if found.fresh is not None:
        again = _("its last factor once more where that was longer ago than %(time)s", time=duration(int(found.fresh)))
        detail = _listed(_ALSO, [detail, again])
    if app.rules:
        detail = _listed(_ALSO, [detail, _("some of its paths have rules of their own")])
    if found.has_fresh_rules:
        detail = _listed(_ALSO, [detail, _("some of its paths ask for a factor once more after a while")])
    if Obstacle.NOT_IN_PASS in stops:
        why = _("they can only use a pass, which does not open %(app)s", app=app.name)
        what = _("end that pass and give them one for %(app)s", app=app.name)
    elif Obstacle.NEEDS_TICKET in stops:
        why = _("%(app)s asks for a sign-in with the Kerberos ticket of their computer", app=app.name)
        what = _("let them sign in from a computer of the domain")
    else:
        return Step(name=StepName.APP, ok=True, detail=detail)
    return Step(name=StepName.APP, ok=False, detail=detail, cause=Cause(why=why, what=what, who=Who.HELP_DESK))


def only_by(step: Step, factors: Iterable[Factor]) -> Step:
    """A step that stands against some ways of signing in, where those that begin with `factors` are free."""
    if step.ok is not False or step.cause is None:
        return step
    free = _listed(_OR, [_(_BY[factor]) for factor in factors])
    why = _("%(why)s, so only %(ways)s", why=step.cause.why, ways=free)
    cause = Cause(why=why, what=step.cause.what, who=step.cause.who)
    return Step(name=step.name, ok=None, detail=step.detail, moments=step.moments, cause=cause)


def either(names: Sequence[str]) -> str:
    return _listed(_OR, [f'"{name}"' for name in names])


def _in_words(factors: Iterable[Choice]) -> str:
    """Such as ``password, then sms or email``, by their names in the configuration."""
    return _listed(_THEN, [_listed(_OR, [factor.value for factor in choice]) for choice in factors])


def _listed(message: str, parts: Sequence[str]) -> str:
    """Two at a time. Empty for none."""
    return reduce(lambda first, second: _(message, first=first, second=second), parts) if parts else ""
