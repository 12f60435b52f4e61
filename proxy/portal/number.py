"""Which number a passcode goes to, and what is remembered of it: the rule for numbers that changed lately."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from aiohttp import web

from directory.mobile import E164, UnusableNumber, first_usable, mask
from directory.principal import Principal
from proxy.portal.keys import PARTS, VISIT, Parts
from proxy.portal.log_sign_in import log_stop
from proxy.portal.notices import Notice
from proxy.portal.refusals import changed_number, no_usable_mobile
from proxy.second_factor.challenge import Challenge
from proxy.second_factor.known_numbers import (
    Decision,
    KnownNumber,
    Refuse,
    Send,
    Wait,
    decide,
    number_digest,
    open_number,
    seal_number,
)
from proxy.store.store import Counter
from proxy.texts import ENGLISH

_TELL_AGAIN_SECONDS = 30 * 86_400.0
"""A person is told once of a number, however often it is tried."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The number that a passcode may be sent to."""

    number: E164 = field(repr=False)
    digest: bytes = field(repr=False)


async def choose_number(request: web.Request, principal: Principal) -> Chosen | web.Response:
    """The number, or the page that says why there is none. Raises `StoreUnavailable`."""
    parts = request.app[PARTS]
    usable = first_usable(principal.mobiles, parts.settings.mobile)
    if isinstance(usable, UnusableNumber):
        return no_usable_mobile(request, principal, usable)
    digest = number_digest(parts.keys.numbers, guid=principal.guid, number=usable.e164)
    known = await parts.store.known_number(principal.guid)
    now = parts.clock()
    decision = decide(
        parts.settings.mobile, now=now, changed_at=principal.mobile_changed_at, digest=digest, known=known
    )
    if not isinstance(decision, Send) or decision.is_new:
        await _tell(request, principal, usable.e164, digest, known, decision)
    match decision:
        case Send():
            return Chosen(usable.e164, digest)
        case Wait(until):
            log_stop(request, principal, "mobile_changed_lately")
            return changed_number(request, wait_seconds=until - now)
        case Refuse():
            log_stop(request, principal, "mobile_changed_lately")
            return changed_number(request, wait_seconds=None)


async def remember_number(parts: Parts, principal: Principal, challenge: Challenge) -> None:
    """A passcode sent to the person's number was accepted: from now on it is the known one."""
    usable = first_usable(principal.mobiles, parts.settings.mobile)
    if isinstance(usable, UnusableNumber):
        return
    guid = principal.guid
    digest = number_digest(parts.keys.numbers, guid=guid, number=usable.e164)
    if not hmac.compare_digest(digest, challenge.number_digest):
        return  # it changed after the passcode was sent: nothing is proven of the one that stands there now
    sealed = seal_number(parts.keys.sealed_numbers, guid=guid, number=usable.e164)
    await parts.store.put_known_number(guid, KnownNumber(digest=digest, sealed=sealed, used_at=parts.clock()))


async def _tell(
    request: web.Request,
    principal: Principal,
    number: E164,
    digest: bytes,
    known: KnownNumber | None,
    decision: Decision,
) -> None:
    parts = request.app[PARTS]
    is_held = not isinstance(decision, Send)
    key = hmac.digest(parts.keys.numbers, b"held\0" + digest if is_held else b"used\0" + digest, "sha256")
    told = Counter(key=key, limit=1, window_seconds=_TELL_AGAIN_SECONDS)
    if await parts.store.reserve([told], now=parts.clock()) is not None:
        return
    old = open_number(parts.keys.sealed_numbers, guid=principal.guid, sealed=known.sealed) if known else None
    text = ENGLISH.notice_held if is_held else ENGLISH.notice_used
    notice = Notice(
        sms=text,
        subject=ENGLISH.notice_subject,
        mail=f"{text}\n\n{ENGLISH.notice_number.format(number=mask(number))}\n",
    )
    parts.notices.tell(principal, old, notice, incident=request[VISIT].incident)
