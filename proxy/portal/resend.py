"""A passcode once more: the same one to the same destination, by the same channel or the next.

Limited by its interval, and per person, number, address and day. It gives no attempt back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from aiohttp import web

from config.factors import ChannelKind
from directory.mail_address import is_plain_address, mask_mail
from proxy.delivery.sending import Sending
from proxy.factors.challenge import Challenge
from proxy.pages.texts import ENGLISH
from proxy.portal.deliveries import latest_of
from proxy.portal.destination import choose_destination
from proxy.portal.keys import PARTS, VISIT, Parts
from proxy.portal.log_sign_in import log_stop
from proxy.portal.return_to import WayBack
from proxy.portal.sending import kinds_of, send_passcode
from proxy.sessions.session import Session
from proxy.throttle.limits import Throttled


@dataclass(frozen=True, slots=True)
class TooEarly:
    wait_seconds: int
    """At least 1."""


@dataclass(frozen=True, slots=True)
class OtherDestination:
    """The directory holds another number or address by now: a passcode goes to one only."""


Again = Sending | TooEarly | OtherDestination | Throttled | web.Response


async def send_again(
    request: web.Request, session: Session, challenge: Challenge, back: WayBack, *, is_another_way: bool
) -> Again:
    """The right to send is claimed first, so that parallel clicks send one message. Raises `StoreUnavailable`.

    `is_another_way`: the person says that the last channel did not serve. Which one is next is not theirs to say.
    """
    parts, visit = request.app[PARTS], request[VISIT]
    chosen = await choose_destination(request, session.principal, (challenge.factor,), back)
    if isinstance(chosen, web.Response):
        return chosen
    if not chosen.is_of(challenge):
        return OtherDestination()
    now = parts.clock()
    not_before = now - parts.settings.passcode.resend_after
    if not await parts.store.challenges.mark_sent(challenge.challenge_id, now=now, not_before=not_before):
        return TooEarly(max(1, math.ceil(challenge.last_sent_at - not_before)))
    too_many = await parts.throttle.reserve_send(
        person=session.principal.guid, number=chosen.address, address=visit.client_address, now=now
    )
    if too_many is not None:
        log_stop(request, session.principal, too_many.limit.value)
        return too_many
    last = latest_of(await parts.deliveries.of(challenge, now=now))
    after = last.channel if is_another_way and last is not None else ""
    sending = await send_passcode(parts, visit, session, challenge, chosen, after=after)
    if not sending.is_under_way:  # so it was not sent again, and may be at once
        await parts.store.challenges.mark_sent(challenge.challenge_id, now=challenge.last_sent_at, not_before=now)
    return sending


async def offered_in(parts: Parts, challenge: Challenge, sending: Sending | None, *, now: float) -> int:
    """Seconds until the page offers to send it again: not before the time by which it usually is there."""
    settings = parts.settings.passcode
    after = await parts.deliveries.offer_after(
        sending, at_least=settings.resend_after, lifetime=settings.lifetime, now=now
    )
    return max(0, math.ceil(challenge.last_sent_at + after - now))


def another_way(parts: Parts, session: Session, challenge: Challenge, sending: Sending | None) -> str:
    """The button that sends it by the channel behind the last one, if there is one that reaches this person."""
    if sending is None:
        return ""
    mail = session.principal.mail
    has_mail = mail is not None and is_plain_address(mail)
    kinds = kinds_of(challenge)
    names = [
        name for name in parts.channel.names(kinds) if parts.channel.kind_of(name) is not ChannelKind.EMAIL or has_mail
    ]
    if sending.channel not in names or len(names) < 2:
        return ""
    following = names[(names.index(sending.channel) + 1) % len(names)]
    if parts.channel.kind_of(following) is ChannelKind.EMAIL:
        return ENGLISH.passcode_another_mail.format(destination=mask_mail(mail or ""))
    if sending.kind is ChannelKind.EMAIL:
        return ENGLISH.passcode_another_text.format(destination=challenge.masked_destination)
    return ENGLISH.passcode_another_sms
