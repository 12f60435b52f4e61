"""Which number a passcode goes to, and what is remembered of it: the rule for numbers that changed lately."""

from __future__ import annotations

import hmac

from aiohttp import web

from directory.mobile import E164, UnusableNumber, first_usable, mask
from directory.principal import Principal
from proxy.delivery.notices import Notice
from proxy.factors.challenge import Challenge
from proxy.factors.passcode.destination import (
    Chosen,
    known_as,
    number_destination,
    number_of,
    number_that_was_known,
    stand_in_of,
)
from proxy.factors.passcode.known_numbers import Decision, KnownNumber, Send, SendByMail, Wait, number_digest
from proxy.pages.texts import ENGLISH
from proxy.portal.keys import PARTS, VISIT, Parts
from proxy.portal.log_sign_in import log_stop
from proxy.portal.refusals import changed_number, no_usable_mobile
from proxy.portal.return_to import WayBack
from proxy.secrets.keys import Purpose
from proxy.throttle.counter_store import Counter

_TELL_AGAIN_SECONDS = 30 * 86_400.0
"""A person is told once of a number, however often it is tried."""


async def choose_number(request: web.Request, principal: Principal, back: WayBack) -> Chosen | web.Response:
    """The number, what stands in for it, or the page that says why there is neither. Raises `StoreUnavailable`."""
    parts = request.app[PARTS]
    now = parts.clock()
    found = await number_destination(parts.settings, parts.store.numbers, parts.keys, principal, now=now, see=True)
    if isinstance(found, UnusableNumber):
        return no_usable_mobile(request, principal, found, back)
    decision = found.decision
    if found.number is not None and (not isinstance(decision, Send) or decision.is_new):
        await _tell(request, principal, found.number.e164, found.known, decision)
    if found.chosen is not None:
        return found.chosen
    log_stop(request, principal, "mobile_changed_lately")
    ends_at = decision.until if isinstance(decision, Wait | SendByMail) else None
    return changed_number(request, back, wait_seconds=None if ends_at is None else ends_at - now)


def stand_in(parts: Parts, principal: Principal) -> Chosen | None:
    """See `stand_in_of`."""
    return stand_in_of(parts.settings, parts.keys, principal)


async def remember_number(parts: Parts, principal: Principal, challenge: Challenge) -> None:
    """A passcode sent to the person's number was accepted: from now on it is the known one."""
    usable = first_usable(principal.mobiles, parts.settings.mobile)
    if isinstance(usable, UnusableNumber):
        return
    if not number_of(parts.keys, principal, usable.e164).is_of(challenge):
        return  # it changed after the passcode was sent: nothing is proven of the one that stands there now
    known = known_as(parts.keys, principal, usable.e164, now=parts.clock())
    await parts.store.numbers.put_known_number(principal.guid, known)


async def _tell(
    request: web.Request,
    principal: Principal,
    number: E164,
    known: KnownNumber | None,
    decision: Decision,
) -> None:
    parts = request.app[PARTS]
    is_held = not isinstance(decision, Send)
    # By the key that names counters: a new master key is no reason to tell anybody again.
    name = number_digest(parts.keys.derive(Purpose.THROTTLE), guid=principal.guid, number=number)
    key = hmac.digest(name, b"held" if is_held else b"used", "sha256")
    told = Counter(key=key, limit=1, window_seconds=_TELL_AGAIN_SECONDS)
    if await parts.store.counters.reserve([told], now=parts.clock()) is not None:
        return
    old = number_that_was_known(parts.keys, principal.guid, known)
    text = ENGLISH.notice_held if is_held else ENGLISH.notice_used
    notice = Notice(
        sms=text,
        subject=ENGLISH.notice_subject,
        mail=f"{text}\n\n{ENGLISH.notice_number.format(number=mask(number))}\n",
    )
    parts.notices.tell(principal, old, notice, incident=request[VISIT].incident)
