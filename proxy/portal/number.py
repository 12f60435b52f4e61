"""Which number a passcode goes to, and what is remembered of it: the rule for numbers that changed lately."""

from __future__ import annotations

import hmac

from aiohttp import web

from directory.mobile import E164, UnusableNumber, first_usable, mask
from directory.principal import Principal
from proxy.first_seen import changed_at
from proxy.keys import Purpose
from proxy.portal.chosen import Chosen, chosen_mail, chosen_number
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
    SendByMail,
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


async def choose_number(request: web.Request, principal: Principal) -> Chosen | web.Response:
    """The number, what stands in for one that changed lately, or the page that says why there is neither.

    Raises `StoreUnavailable`.
    """
    parts = request.app[PARTS]
    usable = first_usable(principal.mobiles, parts.settings.mobile)
    if isinstance(usable, UnusableNumber):
        return await _choose_stand_in(request, principal, usable)
    chosen = chosen_number(parts, principal, usable.e164)
    known = await parts.store.known_number(principal.guid)
    now = parts.clock()
    key = parts.keys.derive(Purpose.THROTTLE)
    changed = await changed_at(parts.store, key, principal, usable.e164, now=now, see=True)
    decision = decide(parts.settings.mobile, now=now, changed_at=changed, digests=chosen.digests, known=known)
    if not isinstance(decision, Send) or decision.is_new:
        await _tell(request, principal, usable.e164, known, decision)
    match decision:
        case Send():
            return chosen
        case SendByMail():
            mail = chosen_mail(parts, principal, factor="sms")
            return mail if mail is not None else _held_back(request, principal, decision, now)
        case Wait() | Refuse():
            return _held_back(request, principal, decision, now)


def stand_in(parts: Parts, principal: Principal) -> Chosen | None:
    """The mail address in the place of a number that is missing, where the operator lets mails stand in for SMS."""
    return chosen_mail(parts, principal, factor="sms") if parts.settings.second_factor.email_for_sms else None


async def _choose_stand_in(
    request: web.Request, principal: Principal, unusable: UnusableNumber
) -> Chosen | web.Response:
    """A number that was taken away lately is one that was changed lately: the same rule holds."""
    parts = request.app[PARTS]
    mail = stand_in(parts, principal)
    if mail is None:
        return no_usable_mobile(request, principal, unusable)
    known, now = await parts.store.known_number(principal.guid), parts.clock()
    key = parts.keys.derive(Purpose.THROTTLE)
    changed = await changed_at(parts.store, key, principal, None, now=now, see=True)
    decision = decide(parts.settings.mobile, now=now, changed_at=changed, digests=(), known=known)
    match decision:
        case Send() | SendByMail():
            return mail
        case Wait() | Refuse():
            return _held_back(request, principal, decision, now)


def _held_back(
    request: web.Request, principal: Principal, decision: Wait | SendByMail | Refuse, now: float
) -> web.Response:
    log_stop(request, principal, "mobile_changed_lately")
    return changed_number(request, wait_seconds=None if isinstance(decision, Refuse) else decision.until - now)


async def remember_number(parts: Parts, principal: Principal, challenge: Challenge) -> None:
    """A passcode sent to the person's number was accepted: from now on it is the known one."""
    usable = first_usable(principal.mobiles, parts.settings.mobile)
    if isinstance(usable, UnusableNumber):
        return
    guid = principal.guid
    chosen = chosen_number(parts, principal, usable.e164)
    if not chosen.is_of(challenge):
        return  # it changed after the passcode was sent: nothing is proven of the one that stands there now
    sealed = seal_number(parts.keys.derive(Purpose.SEALED_NUMBERS), guid=guid, number=usable.e164)
    await parts.store.put_known_number(guid, KnownNumber(digest=chosen.digest, sealed=sealed, used_at=parts.clock()))


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
    if await parts.store.reserve([told], now=parts.clock()) is not None:
        return
    old = _opened(parts, principal, known) if known is not None else None
    text = ENGLISH.notice_held if is_held else ENGLISH.notice_used
    notice = Notice(
        sms=text,
        subject=ENGLISH.notice_subject,
        mail=f"{text}\n\n{ENGLISH.notice_number.format(number=mask(number))}\n",
    )
    parts.notices.tell(principal, old, notice, incident=request[VISIT].incident)


def _opened(parts: Parts, principal: Principal, known: KnownNumber) -> E164 | None:
    """The number that a key which still counts was sealed with."""
    opened = (
        open_number(key, guid=principal.guid, sealed=known.sealed)
        for key in parts.keys.accepted(Purpose.SEALED_NUMBERS)
    )
    return next((number for number in opened if number is not None), None)
