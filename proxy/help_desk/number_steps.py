"""What is said of the places that passcodes go to: pure. No step holds a full number: only its last three digits."""

from __future__ import annotations

import phonenumbers

from config.settings import MobileSettings
from directory.mobile import UnusableReason, UsableNumber, mask, normalise
from directory.principal import Principal
from proxy.help_desk.hints import ON_THE_COMMAND_LINE, Hints
from proxy.help_desk.verdict import Cause, Step, Who
from proxy.sign_in.changed_numbers import NumberFound

_SHOWN_DIGITS = 3
_LONGEST_SHOWN = 80
_OF_NO_COUNTRY = "001"
"""The region of numbers of satellites and the like, by phonenumbers."""
_WITH_COUNTRY_CODE = "write the number with a + and its country code"

WRONG_WITH_NUMBER = {
    UnusableReason.TOO_LONG: "is too long",
    UnusableReason.EMPTY: "is empty",
    UnusableReason.EXTENSION: "has an extension",
    UnusableReason.LETTERS: "has letters in it",
    UnusableReason.SEVERAL: "is more than one number",
    UnusableReason.INVALID: "is not a valid number",
    UnusableReason.AMBIGUOUS: "can be read as a national and as an international number",
    UnusableReason.NOT_MOBILE: "is a valid number, but not a mobile one",
    UnusableReason.COUNTRY: "is of a country that is not allowed",
}
_TO_DO = {
    UnusableReason.EXTENSION: "put a mobile number without an extension into the mobile field",
    UnusableReason.AMBIGUOUS: _WITH_COUNTRY_CODE,
    UnusableReason.SEVERAL: "leave one number in the mobile field, the mobile one",
    # Where to allow the country would not help: some other country is only one way to read what was typed.
    UnusableReason.COUNTRY: _WITH_COUNTRY_CODE,
}


def number_steps(
    principal: Principal,
    settings: MobileSettings,
    *,
    is_needed: bool,
    blocks: bool = False,
    stand_in: str = "",
    hints: Hints = ON_THE_COMMAND_LINE,
) -> list[Step]:
    """What becomes of each number as it was typed, up to the one that passcodes go to.

    `blocks`: whether it stands against the sign-in that there is none. `stand_in`: the masked mail address that
    passcodes go to where there is no number.
    """
    steps = []
    number: UsableNumber | None = None
    for position, text in enumerate(principal.mobiles):
        outcome = normalise(text, settings)
        shown = f'"{masked_text(text)}"'
        if isinstance(outcome, UsableNumber):
            number = outcome
            detail = f"{shown} is {mask(outcome.e164)}, {outcome.region}, which is allowed"
            steps.append(Step(name="number", ok=True if is_needed else None, detail=detail))
            break
        cause = _cause(text, outcome.reason, settings, hints) if blocks and position == 0 else None
        detail = f"{shown} {WRONG_WITH_NUMBER[outcome.reason]}"
        steps.append(Step(name="number", ok=None if cause is None else False, detail=detail, cause=cause))
    if not principal.mobiles:
        cause = Cause(
            why="the directory has no mobile number for them",
            what="put their mobile number into the mobile field",
            who=Who.DIRECTORY,
        )
        ok = False if blocks else None
        steps.append(Step(name="number", ok=ok, detail="the directory has none", cause=cause if blocks else None))
    if number is None and is_needed and stand_in:
        steps.append(Step(name="number", ok=True, detail=f"there is none, so passcodes go by mail to {stand_in}"))
    return steps


def _cause(text: str, reason: UnusableReason, settings: MobileSettings, hints: Hints) -> Cause:
    if reason is UnusableReason.COUNTRY:
        anywhere = normalise(text, settings.model_copy(update={"allowed_countries": ("*",)}))
        if isinstance(anywhere, UsableNumber):
            code = phonenumbers.parse(anywhere.e164).country_code
            country = f"+{code}" if anywhere.region == _OF_NO_COUNTRY else f"+{code} ({anywhere.region})"
            return Cause(
                why=f"their mobile number is of a country that is not allowed: {country}",
                what=hints.country.format(region=anywhere.region, country=country),
                who=Who.OPERATOR,
            )
    why = f"the value in the mobile field {WRONG_WITH_NUMBER[reason]}"
    if reason is UnusableReason.NOT_MOBILE:
        why = f"the mobile field has a landline number (it ends in {masked_text(text)[-_SHOWN_DIGITS:]})"
    what = _TO_DO.get(reason, "put their mobile number into the mobile field")
    return Cause(why=why, what=what, who=Who.DIRECTORY)


def change_step(found: NumberFound, *, is_needed: bool, login: str, hints: Hints = ON_THE_COMMAND_LINE) -> Step:
    """What the rule on numbers that changed recently says."""
    moments = () if found.changed_at is None else (("changed", found.changed_at),)
    ok = True if is_needed else None
    if not found.is_held:
        detail = "codes may go to this number"
        if found.is_new:
            detail = "the number differs from the one they used last, which will be told"
        elif found.changed_at is None:
            detail = "the number is not known to have changed"
        return Step(name="change", ok=ok, detail=detail, moments=moments)
    detail = "the number was changed recently and is not the one they used last"
    if found.held_until is not None:
        moments = (*moments, ("held back until", found.held_until))
    if found.goes_by_mail:
        return Step(name="change", ok=ok, detail=f"{detail}, so a mail is sent instead", moments=moments)
    detail += ", so nothing is sent to it"
    if found.held_until is None:
        detail += " as long as the change is recent"
    if not is_needed:
        return Step(name="change", ok=None, detail=detail, moments=moments)
    held = found.confirmable
    if held is None:
        what, who = "check with them, then put their mobile number back into the mobile field", Who.DIRECTORY
    else:
        how = hints.confirm.format(login=login, ending=held.ending)
        what, who = f"call them back on a number that you trust, then confirm the new one: {how}", Who.HELP_DESK
    why = f"their mobile number was {'removed' if held is None else 'changed'} recently"
    cause = Cause(why=why, what=what, who=who, until=found.held_until)
    return Step(name="change", ok=False, detail=detail, moments=moments, cause=cause)


def mail_step(masked: str) -> Step:
    """Where passcodes go to a mail address; empty: there is none that they can go to."""
    if masked:
        return Step(name="mail", ok=True, detail=f"passcodes go to {masked}")
    cause = Cause(
        why="the directory has no usable mail address for them",
        what="put their mail address into the mail field",
        who=Who.DIRECTORY,
    )
    return Step(name="mail", ok=False, detail="the directory has no usable one", cause=cause)


def masked_text(text: str) -> str:
    """What was typed, without its digits but the last three."""
    digits = [position for position, char in enumerate(text) if char.isnumeric()]
    hidden = set(digits[:-_SHOWN_DIGITS])
    return "".join("•" if position in hidden else char for position, char in enumerate(text))[:_LONGEST_SHOWN]
