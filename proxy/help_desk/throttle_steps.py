"""What is said of the counts that limit somebody: pure."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.help_desk.hints import ON_THE_COMMAND_LINE, Hints
from proxy.help_desk.unlocking import StillCounted
from proxy.help_desk.verdict import Cause, Step, StepName, Who
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.sign_in.foreseen import LimitFound
from proxy.throttle.limits import Limit

_COUNTS = {
    Limit.PASSWORDS_PER_PERSON: N_("wrong passwords of this person"),
    Limit.PASSWORDS_FROM_UNFAMILIAR: N_("wrong passwords from addresses where they never signed in"),
    Limit.PASSWORDS_AS_TYPED: N_("wrong passwords with the user name as it is written here"),
    Limit.PASSWORDS_PER_ADDRESS: N_("wrong passwords from this address"),
    Limit.CREDENTIALS_PER_ADDRESS: N_("wrong app passwords and tokens from this address"),
    Limit.PASSCODES_PER_PERSON: N_("passcodes tried"),
    Limit.PASSCODE_FAILURES_IN_A_ROW: N_("wrong passcodes in a row"),
    Limit.SENDS_PER_PERSON: N_("passcodes sent to this person"),
    Limit.SENDS_PER_NUMBER: N_("passcodes sent to this number"),
    Limit.SENDS_PER_ADDRESS: N_("passcodes asked for from this address"),
    Limit.SENDS_PER_DAY: N_("passcodes sent to everybody today"),
}
_WHY = {
    Limit.PASSWORDS_PER_PERSON: N_("too many wrong passwords were typed for them"),
    Limit.PASSWORDS_FROM_UNFAMILIAR: N_("too many wrong passwords were typed where they never signed in"),
    Limit.PASSWORDS_PER_ADDRESS: N_("too many wrong passwords came from their address"),
    Limit.CREDENTIALS_PER_ADDRESS: N_("too many wrong app passwords or tokens came from their address"),
    Limit.PASSCODES_PER_PERSON: N_("too many codes were typed"),
    Limit.PASSCODE_FAILURES_IN_A_ROW: N_("their codes are locked after too many wrong ones in a row"),
    Limit.SENDS_PER_PERSON: N_("too many codes were sent to them"),
    Limit.SENDS_PER_NUMBER: N_("too many codes were sent to their number or mail address"),
    Limit.SENDS_PER_ADDRESS: N_("too many codes were asked for from their address"),
    Limit.SENDS_PER_DAY: N_("the codes of this day are used up, for everybody"),
}
_OF_THE_PERSON = frozenset({Limit.PASSWORDS_PER_PERSON, Limit.PASSWORDS_FROM_UNFAMILIAR})


def why_stopped(limit: Limit) -> str:
    """A clause: what was too much."""
    return _(_WHY[limit])


def throttle_steps(
    limits: Iterable[LimitFound],
    *,
    login: str,
    address: str | None,
    still_counted: StillCounted | None = None,
    hints: Hints = ON_THE_COMMAND_LINE,
) -> list[Step]:
    """The counts that are not nothing, and which of them stand in the way now.

    `still_counted`: why wrong passwords cannot be cleared; None: they can.
    """
    counted = [each for each in limits if each.standing.count or each.is_too_little]
    is_told = any(each.standing.limit is Limit.PASSWORDS_AS_TYPED and each.standing.is_reached for each in counted)
    unlock = _(hints.unlock, login=login)
    steps = [
        _step(each, address=address, is_told=is_told, still_counted=still_counted, unlock=unlock) for each in counted
    ]
    return steps or [Step(name=StepName.THROTTLE, ok=True, detail=_("nothing is counted against them now"))]


def _step(
    found: LimitFound, *, address: str | None, is_told: bool, still_counted: StillCounted | None, unlock: str
) -> Step:
    standing = found.standing
    limit = standing.limit
    is_elsewhere = limit is Limit.PASSWORDS_FROM_UNFAMILIAR and address is None
    counts = _(_COUNTS[limit])
    if is_elsewhere and standing.is_reached:
        counts = _("%(counts)s (from a familiar address it does not count)", counts=counts)
    detail = _("%(counts)s: %(count)s of %(most)s", counts=counts, count=standing.count, most=standing.most)
    if not standing.is_reached and not found.is_too_little:
        return Step(name=StepName.THROTTLE, ok=None, detail=detail)
    if not standing.is_reached:
        detail = _("%(counted)s, and a sign-in takes %(takes)s", counted=detail, takes=found.takes)
    ends_at: float | None = standing.window_ends_at
    if limit is Limit.PASSCODE_FAILURES_IN_A_ROW:
        ends_at = None
        detail = _("%(counted)s, until somebody clears them: %(how)s", counted=detail, how=unlock)
    elif not standing.count:
        ends_at = None  # a limit that is too low for one sign-in stays so
    moments = () if ends_at is None else (("until", ends_at),)
    if limit is Limit.PASSWORDS_AS_TYPED:
        detail = _("%(counted)s, which the sign-in page shows", counted=detail)
        return Step(name=StepName.THROTTLE, ok=None, detail=detail, moments=moments)
    if not found.is_too_little:
        return Step(name=StepName.THROTTLE, ok=None, detail=detail, moments=moments)
    why, what, who = _(_WHY[limit]), _("end this pause: %(how)s", how=unlock), Who.HELP_DESK
    if limit is Limit.SENDS_PER_DAY:
        what, who = _("wait, or allow more codes a day"), Who.OPERATOR
    elif limit in _OF_THE_PERSON:
        if not is_told:
            why = _(
                "%(why)s (not with the user name as it is written here, so the sign-in page does not say so)", why=why
            )
        if still_counted is not None:
            what, who = _("wait: %(why)s", why=still_counted.sentence), Who.HELP_DESK
            ends_at = max(ends_at or 0.0, still_counted.until or 0.0)
            moments = (("until", ends_at),)
    cause = Cause(why=why, what=what, who=who, until=ends_at, only_in_new_places=is_elsewhere)
    return Step(name=StepName.THROTTLE, ok=False, detail=detail, moments=moments, cause=cause)
