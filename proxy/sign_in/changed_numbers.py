"""A number that changed: its person is told, and somebody who knows them may confirm that it is theirs.

By default people may write their own number in AD, so a changed one may be a thief's. The previous number and the mail
address are told, once each: also of a confirmation, so that one by trickery comes to light. That happens in the
background: the request does not wait for it, and a failure is only logged.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial

from structlog.typing import FilteringBoundLogger

from config.settings import MobileSettings, Settings
from directory.mobile import E164, UsableNumber, first_usable, mask
from directory.principal import Principal
from proxy.delivery.channel import Delivery, Notifier, Outcome
from proxy.factors.passcode.known_numbers import NumberStore, Send, SendByMail, Wait
from proxy.factors.passcode.passcodes import Judged, known_as, number_destination, number_of, number_that_was_known
from proxy.languages.choice import ENGLISH_ALONE, Languages
from proxy.languages.current import ENGLISH, Language, in_language, without_isolates
from proxy.secrets.keys import Keys
from proxy.secrets.tokens import new_token

_Telling = Callable[[Notifier], Awaitable[Delivery]]


LONGEST_SMS = 160
"""Characters of one message. Gateways refuse more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is told. The SMS is one line of at most `LONGEST_SMS` characters; the mail may be longer."""

    sms: str
    subject: str
    mail: str


class NumberEvent(Enum):
    """What becomes of a number that changed."""

    USED = auto()
    """Passcodes go to it from now on."""
    HELD = auto()
    """Nothing is sent to it, as long as its change is recent."""
    CONFIRMED = auto()
    """Somebody says that it is theirs, in force at the next sign-in."""
    SET = auto()
    """Somebody else has given it to them, in a directory that Gatepost itself writes."""


Wording = Callable[[NumberEvent, str], Notice]
"""Puts an event into words; the text is the number, masked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """Notices on their way. `notifier` None: nobody can be told, which is logged."""

    notifier: Notifier | None
    log: FilteringBoundLogger
    wording: Wording
    languages: Languages = ENGLISH_ALONE
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def tell(
        self, principal: Principal, old_number: E164 | None, event: NumberEvent, new_number: E164, *, incident: str
    ) -> None:
        """Start telling both; returns at once."""
        worded = partial(self.wording, event, mask(new_number))
        self.send(principal, old_number, worded, phone="old_phone", incident=incident)

    def send(
        self,
        principal: Principal,
        number: E164 | None,
        worded: Callable[[], Notice],
        *,
        phone: str,
        incident: str,
    ) -> None:
        """Start sending what `worded` says, in the person's language, to this number and to their mail address.

        `phone`: whose it is, for the log.
        """
        facts = {"realm": principal.realm, "guid": principal.guid, "incident": incident}
        language = self.languages.of_person(principal.language)
        notice = self._worded(language, worded)
        if number is not None:
            to, instead = number, self._instead(language, worded)
            self._begin(lambda notifier: notifier.tell_number(to, notice.sms, new_token(), instead), phone, facts)
        if principal.mail:
            mail = principal.mail
            self._begin(
                lambda notifier: notifier.tell_mail(mail, notice.subject, notice.mail, new_token()), "mail", facts
            )

    @staticmethod
    def _worded(language: Language, worded: Callable[[], Notice]) -> Notice:
        with in_language(language):
            notice = worded()
        sms, subject, mail = map(without_isolates, (notice.sms, notice.subject, notice.mail))
        return Notice(sms=sms, subject=subject, mail=mail)

    def _instead(self, language: Language, worded: Callable[[], Notice]) -> list[str]:
        """What an SMS says where a gateway does not pass that language on: in the default one, or else in English."""
        found = []
        for other in {each.tag: each for each in (self.languages.default, ENGLISH)}.values():
            if other.tag != language.tag:
                found.append(self._worded(other, worded).sms)
        return found

    async def settled(self) -> None:
        """Return once all notices that were begun are sent, or have failed."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def _begin(self, telling: _Telling, to: str, facts: dict[str, str]) -> None:
        task = asyncio.create_task(self._tell(telling, to, facts))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, telling: _Telling, to: str, facts: dict[str, str]) -> None:
        if self.notifier is None:
            self.log.warning("notice.not_sent", to=to, reason="there is no way to send it", **facts)
            return
        try:
            delivery = await telling(self.notifier)
        except Exception:  # the border of a background task
            self.log.exception("notice.failed", to=to, **facts)
            return
        sent = delivery.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)
        event = "notice.sent" if sent else "notice.not_sent"
        self.log.info(event, to=to, outcome=delivery.outcome.value, reason=delivery.reason, **facts)


async def number_on_file(settings: MobileSettings, store: NumberStore, keys: Keys, principal: Principal) -> E164 | None:
    """Where a person is told of what somebody did in their name: the number that they used last, or else the
    directory's, which a thief may have written. Raises `StoreUnavailable`."""
    known = number_that_was_known(keys, principal.guid, await store.known_number(principal.guid))
    usable = first_usable(principal.mobiles, settings)
    return known or (usable.e164 if isinstance(usable, UsableNumber) else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmable:
    """A number that is held back."""

    name: str = field(repr=False)
    """Recognises the number without showing it: one that was changed in the meantime is a different one."""
    masked: str
    ending: str
    """Its last three digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    masked: str


@dataclass(frozen=True, slots=True)
class NotConfirmed:
    """There is no such number (any more) that is held back: nothing was done."""


def confirmable(judged: Judged, keys: Keys, principal: Principal) -> Confirmable | None:
    """Whether there is a number to confirm: one that the person did not use last, and that changed recently."""
    if judged.number is None or isinstance(judged.decision, Send):
        return None
    number = judged.number.e164
    name = number_of(keys, principal, number).digest.hex()
    return Confirmable(name=name, masked=mask(number), ending=number[-3:])


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFound:
    """What the rule on numbers that changed recently says of the person's number, or of one that was removed."""

    is_new: bool = False
    """Passcodes go to it, and it is not the one used last, which will be told."""
    is_held: bool = False
    """Nothing is sent to it."""
    held_until: float | None = None
    """None: as long as the change is recent."""
    goes_by_mail: bool = False
    """A mail stands in for what is held."""
    changed_at: float | None
    """None: it is not known to have changed."""
    confirmable: Confirmable | None = None
    """The number that is held; None: none is, or there is none any more."""


def number_found(judged: Judged, held: Confirmable | None) -> NumberFound:
    """Pure. `held`: the number that is held back, if there is one."""
    decision = judged.decision
    if isinstance(decision, Send):
        return NumberFound(is_new=decision.is_new, changed_at=judged.changed_at)
    return NumberFound(
        is_held=True,
        held_until=decision.until if isinstance(decision, Wait | SendByMail) else None,
        goes_by_mail=judged.chosen is not None,
        changed_at=judged.changed_at,
        confirmable=held,
    )


async def confirm_number(
    settings: Settings,
    store: NumberStore,
    keys: Keys,
    notices: Notices,
    principal: Principal,
    *,
    name: str = "",
    ending: str = "",
    incident: str,
    now: float,
) -> Confirmed | NotConfirmed:
    """`name` or `ending`: of the number that was looked at, as `Confirmable` says it. Raises `StoreUnavailable`."""
    judged = await number_destination(settings, store, keys, principal, now=now, see=False)
    if not isinstance(judged, Judged) or judged.number is None:
        return NotConfirmed()
    held = confirmable(judged, keys, principal)
    if held is None:
        return NotConfirmed()
    said, stands = (name, held.name) if name else (ending, held.ending)
    if not hmac.compare_digest(said.encode(errors="replace"), stands.encode()):
        return NotConfirmed()
    await store.put_known_number(principal.guid, known_as(keys, principal, judged.number.e164, now=now))
    old_number = number_that_was_known(keys, principal.guid, judged.known)
    notices.tell(principal, old_number, NumberEvent.CONFIRMED, judged.number.e164, incident=incident)
    return Confirmed(masked=held.masked)
