"""Confirming a number that changed: somebody who knows the person says that it is theirs, in force at the next sign-in.

The previous number and the mail address are told, so that a confirmation by trickery comes to light.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from config.settings import Settings
from directory.mobile import mask
from directory.principal import Principal
from proxy.delivery.notices import Notice, Notices
from proxy.factors.passcode.destination import Judged, known_as, number_destination, number_of, number_that_was_known
from proxy.factors.passcode.known_numbers import Send
from proxy.factors.passcode.passcode_store import NumberStore
from proxy.pages.texts import ENGLISH
from proxy.secrets.keys import Keys


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
    text = ENGLISH.notice_confirmed
    notice = Notice(
        sms=text,
        subject=ENGLISH.notice_subject,
        mail=f"{text}\n\n{ENGLISH.notice_number.format(number=held.masked)}\n",
    )
    notices.tell(principal, number_that_was_known(keys, principal.guid, judged.known), notice, incident=incident)
    return Confirmed(masked=held.masked)
