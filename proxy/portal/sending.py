"""Making a challenge and having its passcode delivered, the first time and again."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from proxy.delivery.channel import EMAIL_ONLY, Outcome, PasscodeMessage
from proxy.keys import Purpose
from proxy.portal.keys import Parts, Visit
from proxy.portal.number import Chosen
from proxy.portal.return_to import WayBack, judge_way_back
from proxy.second_factor.challenge import Challenge
from proxy.second_factor.passcode import new_challenge_id, passcode_digest, passcode_of
from proxy.sessions.session import Session
from proxy.sessions.tokens import new_token

NEVER_SENT = 0.0
"""`last_sent_at` of a challenge whose passcode nobody took yet: it may be sent again at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A challenge, and whether its passcode is (or may be) on its way."""

    challenge: Challenge
    is_under_way: bool


async def start_challenge(parts: Parts, visit: Visit, session: Session, chosen: Chosen, back: WayBack) -> Sent:
    """A new passcode for a session that holds another factor. The throttle was asked before."""
    settings, now = parts.settings.passcode, parts.clock()
    challenge_id = new_challenge_id()
    passcode = passcode_of(parts.keys.derive(Purpose.PASSCODE, at=now), challenge_id, digits=settings.digits)
    key = parts.keys.derive(Purpose.CHALLENGE, at=now)
    guid = session.principal.guid
    challenge = Challenge(
        challenge_id=challenge_id,
        session_id=session.session_id,
        guid=guid,
        digest=passcode_digest(key, challenge_id=challenge_id, guid=guid, passcode=passcode),
        masked_destination=chosen.masked,
        created_at=now,
        expires_at=now + settings.lifetime,
        attempts_left=settings.attempts,
        last_sent_at=NEVER_SENT,
        return_to=back.return_to,
        start_digest=back.start,
        factor=chosen.factor,
        number_digest=chosen.digest,
    )
    # It stands before the message leaves: a passcode that arrives can be answered.
    await parts.store.put_challenge(challenge)
    under_way = await send_passcode(parts, visit, session, challenge, chosen)
    if under_way:
        sent_at = parts.clock()
        await parts.store.mark_sent(challenge_id, now=sent_at, not_before=NEVER_SENT)
        challenge = replace(challenge, last_sent_at=sent_at)
    return Sent(challenge=challenge, is_under_way=under_way)


async def send_passcode(parts: Parts, visit: Visit, session: Session, challenge: Challenge, chosen: Chosen) -> bool:
    """Deliver the challenge's passcode once; True if it arrives or may arrive."""
    public = parts.settings.server.public_url
    app = judge_way_back(challenge.return_to, "", public=public, apps=parts.settings.apps).app
    message_id = new_token()
    key = parts.keys.derive(Purpose.PASSCODE, at=challenge.created_at)
    delivery = await parts.channel.send(
        PasscodeMessage(
            passcode=passcode_of(key, challenge.challenge_id, digits=parts.settings.passcode.digits),
            number=chosen.number,
            mail=chosen.mail,
            app=app.name if app is not None else public.host,
            host=app.host if app is not None else public.host,
            minutes=max(1, math.floor((challenge.expires_at - parts.clock()) / 60.0 + 0.01)),
            message_id=message_id,
        ),
        # A mail never proves what an SMS would, but where the operator says so.
        kinds=EMAIL_ONLY if challenge.factor == "email" else None,
    )
    parts.log.info(
        "passcode.sent" if delivery.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN) else "passcode.not_sent",
        outcome=delivery.outcome.value,
        channel=delivery.channel,
        relay=delivery.relay,
        code=delivery.code,
        reason=delivery.reason,
        factor=challenge.factor,
        destination=challenge.masked_destination,
        message_id=message_id,
        realm=session.principal.realm,
        guid=session.principal.guid,
        incident=visit.incident,
    )
    parts.metrics.count_passcode(delivery.outcome.value)
    # After a connection that broke at the end the message may arrive: the passcode page, not a second message.
    return delivery.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)
