"""Passes: what may be given, by whom, and what ends with one. Nobody gives one to themselves, or confirms their own.

Instants are epoch seconds. Methods raise `StoreUnavailable`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from config.settings import HelpDeskSettings, Settings
from directory.principal import Principal
from proxy.factors.passcode.known_numbers import NumberStore
from proxy.factors.passes.given_pass import Approver, GivenPass, code_digest, new_code, new_pass_id
from proxy.factors.passes.pass_store import PassStore
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.pages.local_time import brief_text
from proxy.secrets.keys import Keys, Purpose
from proxy.sessions.session_store import SessionStore
from proxy.sign_in.changed_numbers import Notice, Notices, number_on_file
from proxy.sign_in.ending import end_each

LONGEST_REASON = 200
_HOUR = 3600.0
TOLD_GIVEN = N_("The help desk gave you a pass for your work sign-in. Did you not ask for it? Call them now.")
TOLD_VOUCHED = N_(
    "Your manager vouched for your work sign-in without your phone. Did you not ask? Call your IT help desk now."
)
TOLD_ENDED = N_("The help desk ended your pass for your work sign-in. Do you still need one? Call them.")
"""What the text messages about passes say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassAsked:
    """What one of the help desk wants to give, judged so far."""

    reason: str
    hours: int
    apps: tuple[str, ...]


class WrongPass(Enum):
    """Why a pass is not given or confirmed."""

    NO_REASON = auto()
    HOURS = auto()
    NO_APPS = auto()
    OWN = auto()
    """To or by the person whom it is for."""
    HAS_ONE = auto()
    """The person has one that lives."""
    SAME_PERSON = auto()
    """Who gave it cannot be the second one who confirms it."""
    GONE = auto()
    """It has ended, or was confirmed before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPass:
    """A pass that was just given, with the code that is shown this once."""

    given: GivenPass
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedPass:
    given: GivenPass
    sessions: int
    """How many sessions ended with it."""


def most_hours(settings: HelpDeskSettings) -> int:
    return int(settings.longest_pass // _HOUR)


def judge_asked(
    settings: HelpDeskSettings, *, reason: str, hours: str, apps: Collection[str], known_apps: Collection[str]
) -> PassAsked | WrongPass:
    """From what was typed and ticked. All of it is mandatory (PCI DSS 8.5.1). Pure."""
    reason = " ".join(reason.split())
    if not reason or len(reason) > LONGEST_REASON or not reason.isprintable():
        return WrongPass.NO_REASON
    if not (hours.isascii() and hours.isdigit() and len(hours) < 4 and 1 <= int(hours) <= most_hours(settings)):
        return WrongPass.HOURS
    if not apps or not set(apps) <= set(known_apps):
        return WrongPass.NO_APPS
    return PassAsked(reason=reason, hours=int(hours), apps=tuple(sorted(set(apps))))


def may_confirm(given: GivenPass, by: Principal) -> WrongPass | None:
    """None: this one of the help desk may. Pure."""
    if by.guid == given.guid:
        return WrongPass.OWN
    return WrongPass.SAME_PERSON if by.guid == given.given_by.guid else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassDesk:
    settings: Settings
    store: PassStore
    sessions: SessionStore
    numbers: NumberStore
    keys: Keys
    notices: Notices

    async def give(self, person: Principal, by: Principal, asked: PassAsked, *, now: float) -> NewPass | WrongPass:
        """The caller records it, and then has `person` told (`tell_given`): that may fail, and the pass is there."""
        if person.guid == by.guid:
            return WrongPass.OWN
        code = new_code()
        given = GivenPass(
            pass_id=new_pass_id(),
            guid=person.guid,
            realm=person.realm,
            username=person.username,
            digest=code_digest(self.keys.derive(Purpose.PASSES), guid=person.guid, code=code),
            apps=asked.apps,
            reason=asked.reason,
            given_by=approver_of(by),
            given_at=now,
            ends_at=now + asked.hours * _HOUR,
            needs_second=self.settings.help_desk.two_persons,
        )
        if not await self.store.put_pass(given):
            return WrongPass.HAS_ONE
        return NewPass(given=given, code=code)

    async def confirm(self, person: Principal, pass_id: str, by: Principal, *, now: float) -> GivenPass | WrongPass:
        """The pass, which counts from now on; recorded and told as in `give`. `person`: whose it is, as the directory
        knows them."""
        given = await self.living(pass_id, now=now)
        if given is None or given.counts or given.guid != person.guid:
            return WrongPass.GONE
        wrong = may_confirm(given, by)
        if wrong is not None:
            return wrong
        if not await self.store.confirm_pass(pass_id, approver_of(by), now=now):
            return WrongPass.GONE
        return replace(given, confirmed_by=approver_of(by))

    async def tell_given(self, person: Principal, given: GivenPass, *, incident: str, now: float) -> None:
        """`person`: whose pass this is. They are told once it counts."""
        if not given.counts:
            return
        await self._send(person, lambda: given_notice(given, now), incident=incident)

    async def tell_ended(self, person: Principal, given: GivenPass, *, incident: str) -> None:
        """`person`: whose pass this was. They are told of it only if they were told when they got it."""
        if given.counts:
            await self._send(person, ended_notice, incident=incident)

    async def _send(self, person: Principal, worded: Callable[[], Notice], *, incident: str) -> None:
        number = await number_on_file(self.settings.mobile, self.numbers, self.keys, person)
        self.notices.send(person, number, worded, phone="phone", incident=incident)

    async def end(self, pass_id: str, *, now: float) -> EndedPass | None:
        """End it and, everywhere, the sessions that were begun with it; None if it was over before, or if somebody else
        has ended it at the same time. So of several who end it, one has the person told.

        Where this breaks off, the pass is still listed, or nothing that it opened is left. The person is told
        afterwards (`tell_ended`): this must not wait for a directory.
        """
        given = await self.living(pass_id, now=now)
        if given is None:
            return None
        ended = await self._end_begun(given)
        is_first = await self.store.end_pass(pass_id)
        # And those that began in between. A sign-in that is under way looks for the pass once its session is there.
        ended += await self._end_begun(given)
        return EndedPass(given=given, sessions=ended) if is_first else None

    async def _end_begun(self, given: GivenPass) -> int:
        ended = 0
        # Until there is none: one that stepped up in the meantime has a new id.
        while begun := [
            each
            for each in await self.sessions.sessions(given.guid)
            if each.confined is not None and each.confined.pass_id == given.pass_id
        ]:
            ended += await end_each(self.sessions, begun)
        return ended

    async def living(self, pass_id: str, *, now: float) -> GivenPass | None:
        return next((each for each in await self.store.passes(now=now) if each.pass_id == pass_id), None)


def given_notice(given: GivenPass, now: float) -> Notice:
    said = _(TOLD_VOUCHED if given.is_vouched else TOLD_GIVEN)
    more = _(
        "It opens: %(apps)s. It ends at %(end)s and was given by %(by)s. Reason: %(reason)s",
        apps=", ".join(given.apps),
        end=brief_text(given.ends_at, now),
        by=given.given_by.name,
        reason=given.reason,
    )
    return Notice(sms=said, subject=_("A pass for your work sign-in"), mail=f"{said}\n\n{more}\n")


def ended_notice() -> Notice:
    said = _(TOLD_ENDED)
    return Notice(sms=said, subject=_("Your pass for your work sign-in has ended"), mail=f"{said}\n")


def approver_of(principal: Principal) -> Approver:
    return Approver(guid=principal.guid, realm=principal.realm, name=principal.display_name)
