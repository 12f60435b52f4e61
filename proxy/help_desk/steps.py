"""Why somebody can or cannot sign in, as steps in plain words: pure, by the same decisions as a sign-in itself.

No step holds a full number: of what was typed only the last three digits are shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from config.settings import AppSettings, MobileSettings, SchemeSettings
from directory.account_state import AccountState
from directory.directory import RefusalReason
from directory.mobile import UnusableReason, UsableNumber, first_usable, mask, normalise
from directory.principal import Principal
from proxy.access.policy import NotInGroups, judge
from proxy.access.schemes import choose_scheme
from proxy.mobile_formats.words import instant_text
from proxy.second_factor.known_numbers import Decision, Send, SendByMail, Wait
from proxy.throttle.limits import Limit, Standing

_SHOWN_DIGITS = 3
_LONGEST_SHOWN = 80

_ACCOUNT = {
    RefusalReason.DISABLED: "is disabled: enable it in the directory",
    RefusalReason.LOCKED: "is locked out there: unlock it in the directory, or wait",
    RefusalReason.ACCOUNT_EXPIRED: "has expired: set another end in the directory",
    RefusalReason.PASSWORD_EXPIRED: "has a password that has expired",
    RefusalReason.MUST_CHANGE: "has a password that must be changed before anything else",
}
_MENDED_BY_A_CHANGE = frozenset({RefusalReason.PASSWORD_EXPIRED, RefusalReason.MUST_CHANGE})
WRONG_WITH_NUMBER = {
    UnusableReason.TOO_LONG: "is too long",
    UnusableReason.EMPTY: "is empty",
    UnusableReason.EXTENSION: "has an extension",
    UnusableReason.LETTERS: "has letters in it",
    UnusableReason.SEVERAL: "is more than one number",
    UnusableReason.INVALID: "is no valid number",
    UnusableReason.AMBIGUOUS: "can be read as a national and as an international number",
    UnusableReason.NOT_MOBILE: "is a valid number, but not a mobile one",
    UnusableReason.COUNTRY: "is of a country that [mobile] allowed_countries does not name",
}
_COUNTS = {
    Limit.PASSWORDS_PER_PERSON: "wrong passwords of this person",
    Limit.PASSWORDS_FROM_UNFAMILIAR: "wrong passwords from addresses where they never signed in",
    Limit.PASSWORDS_PER_ADDRESS: "wrong passwords from this address",
    Limit.PASSCODES_PER_PERSON: "passcodes tried",
    Limit.PASSCODE_FAILURES_IN_A_ROW: "wrong passcodes in a row",
    Limit.SENDS_PER_PERSON: "passcodes sent to this person",
    Limit.SENDS_PER_NUMBER: "passcodes sent to this number",
    Limit.SENDS_PER_ADDRESS: "passcodes asked for from this address",
    Limit.SENDS_PER_DAY: "passcodes sent to everybody today",
}
_OF_PASSWORDS = frozenset({Limit.PASSWORDS_PER_PERSON, Limit.PASSWORDS_FROM_UNFAMILIAR, Limit.PASSWORDS_PER_ADDRESS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """How whoever asks can say more, or act: a command has options, a page has fields and buttons."""

    app: str
    address: str
    unlock: str
    """With ``{login}``."""


ON_THE_COMMAND_LINE = Hints(
    app="say which with --app", address="say where with --from", unlock="gatepost unlock {login}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    name: str
    ok: bool | None
    """False stands against the sign-in; None is worth knowing."""
    detail: str


def account_steps(state: AccountState, *, can_change_password: bool) -> list[Step]:
    """What the directory says of the account itself."""
    steps = []
    for reason in state.refusals:
        text = _ACCOUNT[reason]
        is_mended = reason in _MENDED_BY_A_CHANGE and can_change_password
        if is_mended:
            text += "; Gatepost asks for a new one after signing in"
        steps.append(Step(name="state", ok=None if is_mended else False, detail=f"the account {text}"))
    return steps or [Step(name="state", ok=True, detail="nothing stands against the account")]


def scheme_steps(
    schemes: Sequence[SchemeSettings],
    principal: Principal,
    address: str | None,
    *,
    first_factors: Collection[str],
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
    chosen_for: set[str] = set()
    for scheme in schemes:
        first = scheme.factors[0]
        if first in chosen_for:
            continue
        if scheme in counting:
            chosen_for.add(first)
            detail = f'"{scheme.name}" counts: {", then ".join(scheme.factors)}'
            steps.append(Step(name="scheme", ok=True, detail=detail))
        else:
            detail = (
                f'"{scheme.name}" does not count: {_why_not(scheme, principal, address, first_factors, app, hints)}'
            )
            steps.append(Step(name="scheme", ok=None, detail=detail))
    if not counting:
        steps.append(Step(name="scheme", ok=False, detail="no scheme is meant for this person from there"))
    return steps, counting


def _why_not(
    scheme: SchemeSettings,
    principal: Principal,
    address: str | None,
    first_factors: Collection[str],
    app: str,
    hints: Hints,
) -> str:
    first = scheme.factors[0]
    if first not in first_factors:
        return f"it begins with {first}, which this realm does not have"
    reasons = []
    if scheme.apps is not None and app not in scheme.apps:
        reasons.append(f"it is for {_either(scheme.apps)}" + ("" if app else f" ({hints.app})"))
    anywhere = scheme.model_copy(update={"networks": None, "apps": None})
    if choose_scheme((anywhere,), principal, address or "", first_factor=first) is None:
        reasons.append(f"it is for {_either(scheme.groups or ())}")
    anybody = scheme.model_copy(update={"groups": None, "apps": None})
    if choose_scheme((anybody,), principal, address or "", first_factor=first) is None:
        networks = ", ".join(map(str, scheme.networks or ()))
        given = f"not {address}" if address else hints.address
        reasons.append(f"it is for {networks} ({given})")
    return " and ".join(reasons)


def number_steps(
    principal: Principal, settings: MobileSettings, *, is_needed: bool, stand_in: str = ""
) -> tuple[list[Step], UsableNumber | None]:
    """What becomes of each number as it was typed, and the one that passcodes go to.

    `stand_in`: the masked mail address that they go to where there is none.
    """
    chosen = first_usable(principal.mobiles, settings)
    steps = []
    for text in principal.mobiles:
        outcome = normalise(
            text,
            home_region=settings.home_region,
            allowed_countries=settings.allowed_countries,
            extra_ranges=settings.extra_ranges,
        )
        shown = f'"{masked_text(text)}"'
        if isinstance(outcome, UsableNumber):
            detail = f"{shown} is {mask(outcome.e164)}, {outcome.region}, which is allowed"
            steps.append(Step(name="number", ok=True if is_needed else None, detail=detail))
            if outcome == chosen:
                break
        else:
            detail = f"{shown} {WRONG_WITH_NUMBER[outcome.reason]}"
            steps.append(Step(name="number", ok=None, detail=detail))
    if isinstance(chosen, UsableNumber):
        return steps, chosen
    if not principal.mobiles:
        steps.append(Step(name="number", ok=None, detail="the directory holds none"))
    if is_needed and stand_in:
        detail = f"there is none, so passcodes go by mail to {stand_in} (second_factor.email_for_sms)"
        steps.append(Step(name="number", ok=True, detail=detail))
    elif is_needed:
        detail = "there is none that a passcode can be sent to: mend the mobile field in the directory"
        steps.append(Step(name="number", ok=False, detail=detail))
    return steps, None


def change_step(decision: Decision, *, changed_at: float | None, is_needed: bool, has_mail: bool = False) -> Step:
    """What the rule on numbers that changed lately says."""
    when = f"changed at {instant_text(changed_at)}" if changed_at is not None else "not known to have changed"
    if isinstance(decision, Send):
        known = "another one than they used last, which is told of it" if decision.is_new else "nothing against it"
        return Step(name="change", ok=True if is_needed else None, detail=f"the number is {when}: {known}")
    until = "as long as the change is recent"
    if isinstance(decision, Wait | SendByMail):
        until = f"until {instant_text(decision.until)}"
    detail = f"the number is {when} and is not the one they used last: [mobile] then sends nothing {until}"
    if isinstance(decision, SendByMail) and has_mail:
        detail += ", but a mail in its place"
        return Step(name="change", ok=True if is_needed else None, detail=detail)
    return Step(name="change", ok=False if is_needed else None, detail=detail)


def throttle_steps(
    standings: Iterable[Standing],
    *,
    login: str,
    address: str | None,
    needs_passcode: bool,
    hints: Hints = ON_THE_COMMAND_LINE,
) -> list[Step]:
    """The counts that are not nothing, and which of them stand in the way now."""
    steps = []
    for each in standings:
        if each.count == 0:
            continue
        until = f"until {instant_text(each.window_ends_at)}"
        if each.limit is Limit.PASSCODE_FAILURES_IN_A_ROW:
            until = f"until an operator clears them: {hints.unlock.replace('{login}', login)}"
        counts = each.limit in _OF_PASSWORDS or needs_passcode
        if each.limit is Limit.PASSWORDS_FROM_UNFAMILIAR and address is None:
            counts = False
            until += "; from a familiar address it does not count"
        detail = f"{_COUNTS[each.limit]}: {each.count} of {each.most}" + (f", {until}" if each.is_reached else "")
        steps.append(Step(name="throttle", ok=False if each.is_reached and counts else None, detail=detail))
    return steps or [Step(name="throttle", ok=True, detail="nothing is counted against them now")]


def app_step(app: AppSettings, principal: Principal, *, is_asked_for: bool) -> Step:
    """Whether they may reach it once signed in. Only one that was asked for is part of the verdict."""
    verdict = judge(principal, app)
    if isinstance(verdict, NotInGroups):
        detail = f'"{app.name}" is closed: it asks for {_either(verdict.groups)}'
        return Step(name="app", ok=False if is_asked_for else None, detail=detail)
    if app.groups is None:
        detail = f'"{app.name}" is open: it asks for no group'
    else:
        detail = (
            f'"{app.name}" is open: a member of {_either([each for each in app.groups if each in principal.groups])}'
        )
    if app.scheme is not None:
        detail += f'; it asks for what the scheme "{app.scheme}" asks for'
    if app.rules:
        detail += "; some of its paths have rules of their own"
    return Step(name="app", ok=True, detail=detail)


def can_sign_in(steps: Iterable[Step]) -> bool:
    return all(step.ok is not False for step in steps)


def masked_text(text: str) -> str:
    """What was typed, without its digits but the last three."""
    shown = []
    left = _SHOWN_DIGITS
    for char in reversed(text):
        if char.isnumeric():
            shown.append(char if left > 0 else "•")
            left -= 1
        else:
            shown.append(char)
    return "".join(reversed(shown))[:_LONGEST_SHOWN]


def _either(groups: Sequence[str]) -> str:
    return " or ".join(f'"{group}"' for group in groups)
