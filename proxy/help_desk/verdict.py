"""From the steps of an explanation to what is read first: can they sign in, why not, what to do, who, until when. Pure.

Instants are epoch seconds. The place that shows them turns them into words, because only it knows the local time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum

from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.pages.local_time import brief_text


class Light(Enum):
    """The colour that is seen before anything is read."""

    GREEN = "green"
    AMBER = "amber"
    """They can, with something to know; or it depends on where they are."""
    RED = "red"


class Who(Enum):
    """Who has to act. Values are messages."""

    HELP_DESK = N_("the help desk")
    DIRECTORY = N_("an administrator of the directory")
    OPERATOR = N_("the operator of Gatepost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What the help desk has to know about one thing that blocks the sign-in, or is worth knowing."""

    why: str
    what: str = ""
    """To do; empty: nothing."""
    who: Who | None = None
    until: float | None = None
    """It ends by itself then; None: it does not, or nobody knows."""
    only_in_new_places: bool = False
    """Where they have signed in before, it does not hold."""


class StepName(StrEnum):
    """What a step is about. Values are messages; commands print them as they are."""

    REALM = N_("realm")
    ACCOUNT = N_("account")
    STORE = N_("store")
    STATE = N_("state")
    DEGRADE = N_("degrade")
    SCHEME = N_("scheme")
    NUMBER = N_("number")
    MAIL = N_("mail")
    CHANGE = N_("change")
    FACTOR = N_("factor")
    VOUCH = N_("vouch")
    THROTTLE = N_("throttle")
    APP = N_("app")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    name: StepName
    ok: bool | None
    """False stands against the sign-in; None is worth knowing."""
    detail: str
    moments: tuple[tuple[str, float], ...] = ()
    """Instants that belong to the detail, each behind its word, the same in every language: ``("until", ...)``."""
    cause: Cause | None = None
    """Each step that stands against the sign-in has one; one that does not is said in the headline all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    light: Light
    can_sign_in: bool
    """Also False if they can sign in only in places where they have signed in before."""
    headline: str
    what: str = ""
    who: Who | None = None
    until: float | None = None
    more: int = 0
    """How many other things are in the way."""


def verdict_of(steps: Sequence[Step], *, name: str, app: str = "") -> Verdict:
    """`name`: of the person, as the headline begins; `app`: the one that they want to reach."""
    blocks = [step.cause or Cause(why=step.detail) for step in steps if step.ok is False]
    # Blocks that hold everywhere come before those that hold only in new places.
    blocks.sort(key=lambda each: each.only_in_new_places)
    notes = [step.cause for step in steps if step.cause is not None]
    if not blocks and not notes:
        if app:
            headline = _("%(name)s can sign in and reach %(app)s now", name=name, app=app)
        else:
            headline = _("%(name)s can sign in now", name=name)
        return Verdict(light=Light.GREEN, can_sign_in=True, headline=headline)
    first = (blocks or notes)[0]
    only_in_new_places = bool(blocks) and first.only_in_new_places
    return Verdict(
        light=Light.RED if blocks and not only_in_new_places else Light.AMBER,
        can_sign_in=not blocks,
        headline=_headline(name, app, why=first.why, can=not blocks, only_in_new_places=only_in_new_places),
        what=first.what,
        who=first.who,
        until=first.until,
        more=len(blocks[1:]),
    )


def _headline(name: str, app: str, *, why: str, can: bool, only_in_new_places: bool) -> str:
    """With a reason."""
    if can and app:
        return _("%(name)s can sign in and reach %(app)s now: %(why)s", name=name, app=app, why=why)
    if can:
        return _("%(name)s can sign in now: %(why)s", name=name, why=why)
    if only_in_new_places and app:
        return _("%(name)s cannot sign in and reach %(app)s from a new place now: %(why)s", name=name, app=app, why=why)
    if only_in_new_places:
        return _("%(name)s cannot sign in from a new place now: %(why)s", name=name, why=why)
    if app:
        return _("%(name)s cannot sign in and reach %(app)s now: %(why)s", name=name, app=app, why=why)
    return _("%(name)s cannot sign in now: %(why)s", name=name, why=why)


def step_text(step: Step, now: float) -> str:
    """The whole of it in English, in the machine's own time zone."""
    moments = ", ".join(f"{word} {brief_text(at, now)}" for word, at in step.moments)
    return f"{step.detail}, {moments}" if moments else step.detail


def verdict_text(verdict: Verdict, now: float) -> str:
    """One line in English, in the machine's own time zone."""
    text = verdict.headline
    if verdict.until is not None:
        text += f", until {brief_text(verdict.until, now)}"
    if verdict.what:
        text += f". To do: {verdict.what}"
        if verdict.who is not None:
            text += f" ({verdict.who.value})"
    if verdict.more:
        text += ". One more thing blocks it" if verdict.more == 1 else f". {verdict.more} more things block it"
    return text
