"""Making a challenge and having its passcode delivered, the first time and again."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

from config.factors import ChannelKind
from proxy.delivery.channel import EMAIL_ONLY, PasscodeMessage
from proxy.delivery.sending import Sending
from proxy.factors.challenge import Challenge
from proxy.factors.passcode.destination import Chosen
from proxy.factors.passcode.passcode import new_challenge_id, passcode_digest, passcode_of
from proxy.factors.passcode.tag import tag_of
from proxy.portal.keys import Parts, Visit
from proxy.portal.language import choose_language
from proxy.portal.return_to import WayBack, judge_way_back
from proxy.secrets.keys import Purpose
from proxy.secrets.tokens import new_token
from proxy.sessions.session import Session

NEVER_SENT = 0.0
"""`last_sent_at` of a challenge whose passcode nobody took: it may be sent again at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A challenge, and the message that was sent or tried."""

    challenge: Challenge
    sending: Sending

    @property
    def is_under_way(self) -> bool:
        """Whether the passcode is on its way, or may be."""
        return self.sending.is_under_way


async def start_challenge(
    parts: Parts, visit: Visit, session: Session, chosen: Chosen, back: WayBack, *, newest: str | None = None
) -> Sent | None:
    """A new passcode for a session that holds another factor. The throttle was asked before.

    `newest` as in `Store.put_challenge`: None, and nothing sent, where somebody else was first, on whichever worker.
    """
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
        last_sent_at=now,  # so that nobody who looks meanwhile has it sent a second time
        return_to=back.return_to,
        start_digest=back.start,
        factor=chosen.factor,
        kind=chosen.kind,
        number_digest=chosen.digest,
    )
    # It stands before the message leaves: a passcode that arrives can be answered.
    if not await parts.store.challenges.put_challenge(challenge, newest=newest):
        return None
    sending = await send_passcode(parts, visit, session, challenge, chosen)
    if not sending.is_under_way:
        await parts.store.challenges.mark_sent(challenge_id, now=NEVER_SENT, not_before=now)
        challenge = replace(challenge, last_sent_at=NEVER_SENT)
    return Sent(challenge=challenge, sending=sending)


async def send_passcode(
    parts: Parts, visit: Visit, session: Session, challenge: Challenge, chosen: Chosen, *, after: str = ""
) -> Sending:
    """Deliver the challenge's passcode once. `after`: the channel that did not serve: the next one goes first."""
    public, principal = parts.settings.server.public_url, session.principal
    app = judge_way_back(challenge.return_to, "", public=public, apps=parts.settings.apps).app
    message_id = new_token()
    key = parts.keys.derive(Purpose.PASSCODE, at=challenge.created_at)
    language = choose_language(visit.accepted_languages, parts.channel.languages)
    delivery = await parts.channel.send(
        PasscodeMessage(
            passcode=passcode_of(key, challenge.challenge_id, digits=parts.settings.passcode.digits),
            number=chosen.number,
            # For the factor "sms" it is used only where the operator lets mails stand in for it.
            mail=chosen.mail or principal.mail,
            app=app.name if app is not None else public.host,
            host=app.host if app is not None else public.host,
            minutes=max(1, math.floor((challenge.expires_at - parts.clock()) / 60.0 + 0.01)),
            message_id=message_id,
            tag=tag_of(challenge.challenge_id),
            language=language,
            name=principal.display_name or principal.username,
        ),
        kinds=kinds_of(challenge),
        after=after,
    )
    now = parts.clock()
    sending = await parts.deliveries.remember(
        session, challenge, delivery, message_id=message_id, language=language, now=now
    )
    parts.log.info(
        "passcode.sent" if sending.is_under_way else "passcode.not_sent",
        outcome=delivery.outcome.value,
        channel=delivery.channel,
        relay=delivery.relay,
        code=delivery.code,
        reason=delivery.reason,
        factor=challenge.factor.value,
        destination=sending.destination,
        message_id=message_id,
        realm=principal.realm,
        guid=principal.guid,
        incident=visit.incident,
    )
    parts.metrics.count_passcode(delivery.outcome.value)
    if not sending.is_under_way:
        await parts.throttle.send_not_taken(now=now)
    await _tell_of_day(parts, now)
    return sending


def kinds_of(challenge: Challenge) -> Collection[ChannelKind] | None:
    """A mail never proves what an SMS would, but where the operator says so (None). Nor does what was made for a mail
    address ever go to a phone."""
    return EMAIL_ONLY if challenge.kind is ChannelKind.EMAIL else None


async def _tell_of_day(parts: Parts, now: float) -> None:
    """An error in the log, once a day, before a day's passcodes are used up and nobody can sign in."""
    standing = await parts.throttle.sends_of_day(now=now)
    parts.metrics.set_sends_of_day(standing.count, standing.most)
    if await parts.throttle.claim_day_alarm(standing, now=now):
        parts.log.error("passcodes.day_nearly_used_up", sent=standing.count, most=standing.most)
