"""What is said of the places that passcodes go to: pure. No step holds a full number: only its last three digits."""

from __future__ import annotations

import phonenumbers

from config.settings import MobileSettings
from directory.mobile import UnusableReason, UsableNumber, mask, normalise
from directory.principal import Principal
from proxy.help_desk.hints import ON_THE_COMMAND_LINE, Hints
from proxy.help_desk.verdict import Cause, Step, StepName, Who
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.sign_in.changed_numbers import NumberFound

_SHOWN_DIGITS = 3
_LONGEST_SHOWN = 80
_OF_NO_COUNTRY = "001"
"""The region of numbers of satellites and the like, by phonenumbers."""
_MOBILE_FIELD = N_("put their mobile number into the mobile field")
_WITH_COUNTRY_CODE = N_("write the number with a + and its country code")

_WRONG = {
    UnusableReason.TOO_LONG: N_("%(value)s is too long"),
    UnusableReason.EMPTY: N_("%(value)s is empty"),
    UnusableReason.EXTENSION: N_("%(value)s has an extension"),
    UnusableReason.LETTERS: N_("%(value)s has letters in it"),
    UnusableReason.SEVERAL: N_("%(value)s is more than one number"),
    UnusableReason.INVALID: N_("%(value)s is not a valid number"),
    UnusableReason.AMBIGUOUS: N_("%(value)s can be read as a national and as an international number"),
    UnusableReason.NOT_MOBILE: N_("%(value)s is a valid number, but not a mobile one"),
    UnusableReason.COUNTRY: N_("%(value)s is of a country that is not allowed"),
}
_TO_DO = {
    UnusableReason.EXTENSION: N_("put a mobile number without an extension into the mobile field"),
    UnusableReason.AMBIGUOUS: _WITH_COUNTRY_CODE,
    UnusableReason.SEVERAL: N_("leave one number in the mobile field, the mobile one"),
    # Where to allow the country would not help: some other country is only one way to read what was typed.
    UnusableReason.COUNTRY: _WITH_COUNTRY_CODE,
}


def wrong_with_number(value: str, reason: UnusableReason) -> str:
    """Such as ``the number is too long``; `value` is what stands before the "is"."""
    return _(_WRONG[reason], value=value)


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
            detail = _(
                "%(value)s is %(number)s, %(country)s, which is allowed",
                value=shown,
                number=mask(outcome.e164),
                country=outcome.region,
            )
            steps.append(Step(name=StepName.NUMBER, ok=True if is_needed else None, detail=detail))
            break
        cause = _cause(text, outcome.reason, settings, hints) if blocks and position == 0 else None
        detail = wrong_with_number(shown, outcome.reason)
        steps.append(Step(name=StepName.NUMBER, ok=None if cause is None else False, detail=detail, cause=cause))
    if not principal.mobiles:
        cause = Cause(
            why=_("the directory has no mobile number for them"),
            what=_(_MOBILE_FIELD),
            who=Who.DIRECTORY,
        )
        ok = False if blocks else None
        steps.append(
            Step(name=StepName.NUMBER, ok=ok, detail=_("the directory has none"), cause=cause if blocks else None)
        )
    if number is None and is_needed and stand_in:
        detail = _("there is none, so passcodes go by mail to %(address)s", address=stand_in)
        steps.append(Step(name=StepName.NUMBER, ok=True, detail=detail))
    return steps


def _cause(text: str, reason: UnusableReason, settings: MobileSettings, hints: Hints) -> Cause:
    if reason is UnusableReason.COUNTRY:
        anywhere = normalise(text, settings.model_copy(update={"allowed_countries": ("*",)}))
        if isinstance(anywhere, UsableNumber):
            code = phonenumbers.parse(anywhere.e164).country_code
            country = f"+{code}" if anywhere.region == _OF_NO_COUNTRY else f"+{code} ({anywhere.region})"
            return Cause(
                why=_("their mobile number is of a country that is not allowed: %(country)s", country=country),
                what=_(hints.country, region=anywhere.region, country=country),
                who=Who.OPERATOR,
            )
    why = wrong_with_number(_("the value in the mobile field"), reason)
    if reason is UnusableReason.NOT_MOBILE:
        ending = masked_text(text)[-_SHOWN_DIGITS:]
        why = _("the mobile field has a landline number (it ends in %(ending)s)", ending=ending)
    what = _(_TO_DO.get(reason, _MOBILE_FIELD))
    return Cause(why=why, what=what, who=Who.DIRECTORY)


def change_step(found: NumberFound, *, is_needed: bool, login: str, hints: Hints = ON_THE_COMMAND_LINE) -> Step:
    """What the rule on numbers that changed recently says."""
    moments = () if found.changed_at is None else (("changed", found.changed_at),)
    ok = True if is_needed else None
    if not found.is_held:
        detail = _("codes may go to this number")
        if found.is_new:
            detail = _("the number differs from the one they used last, which will be told")
        elif found.changed_at is None:
            detail = _("the number is not known to have changed")
        return Step(name=StepName.CHANGE, ok=ok, detail=detail, moments=moments)
    if found.held_until is not None:
        moments = (*moments, ("held back until", found.held_until))
    if found.goes_by_mail:
        detail = _("the number was changed recently and is not the one they used last, so a mail is sent instead")
        return Step(name=StepName.CHANGE, ok=ok, detail=detail, moments=moments)
    detail = _("the number was changed recently and is not the one they used last, so nothing is sent to it")
    if found.held_until is None:
        detail = _(
            "the number was changed recently and is not the one they used last, "
            "so nothing is sent to it as long as the change is recent"
        )
    if not is_needed:
        return Step(name=StepName.CHANGE, ok=None, detail=detail, moments=moments)
    held = found.confirmable
    if held is None:
        why = _("their mobile number was removed recently")
        what, who = _("check with them, then put their mobile number back into the mobile field"), Who.DIRECTORY
    else:
        why = _("their mobile number was changed recently")
        how = _(hints.confirm, login=login, ending=held.ending)
        what = _("call them back on a number that you trust, then confirm the new one: %(how)s", how=how)
        who = Who.HELP_DESK
    cause = Cause(why=why, what=what, who=who, until=found.held_until)
    return Step(name=StepName.CHANGE, ok=False, detail=detail, moments=moments, cause=cause)


def mail_step(masked: str) -> Step:
    """Where passcodes go to a mail address; empty: there is none that they can go to."""
    if masked:
        return Step(name=StepName.MAIL, ok=True, detail=_("passcodes go to %(address)s", address=masked))
    cause = Cause(
        why=_("the directory has no usable mail address for them"),
        what=_("put their mail address into the mail field"),
        who=Who.DIRECTORY,
    )
    return Step(name=StepName.MAIL, ok=False, detail=_("the directory has no usable one"), cause=cause)


def masked_text(text: str) -> str:
    """What was typed, without its digits but the last three."""
    digits = [position for position, char in enumerate(text) if char.isnumeric()]
    hidden = set(digits[:-_SHOWN_DIGITS])
    return "".join("•" if position in hidden else char for position, char in enumerate(text))[:_LONGEST_SHOWN]
