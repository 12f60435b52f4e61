"""What the passcode page says of the message that somebody waits for: in words, and as JSON to the page's script."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from proxy.http.problem import Problem
from proxy.pages.texts import ENGLISH
from proxy.portal.app_keys import FLOW, VISIT, current_session
from proxy.portal.forms import refused
from proxy.sign_in.message_fate import Fate, Look

_TEXTS = {
    Fate.SENDING: ENGLISH.progress_sending,
    Fate.NOT_SENT: ENGLISH.progress_not_sent,
    Fate.ACCEPTED: ENGLISH.progress_accepted,
    Fate.UNKNOWN: ENGLISH.progress_unknown,
    Fate.WAITING: ENGLISH.progress_waiting,
    Fate.SENT: ENGLISH.progress_sent,
    Fate.DELAYED: ENGLISH.progress_delayed,
    Fate.DELIVERED: ENGLISH.progress_delivered,
    Fate.FAILED: ENGLISH.progress_failed,
    Fate.UNREACHABLE: ENGLISH.progress_unreachable,
    Fate.OPERATORS: ENGLISH.progress_refused,
}
_OF_A_MAIL = {
    Fate.ACCEPTED: ENGLISH.progress_accepted_mail,
    Fate.OPERATORS: ENGLISH.progress_failed,  # the other text speaks of the SMS gateway
}
_FAILED = frozenset({Fate.FAILED, Fate.UNREACHABLE, Fate.OPERATORS})
_SETTLED = _FAILED | {Fate.DELIVERED, Fate.NOT_SENT}
"""No more news will come. Of others a report of a failure may, even where the channel does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    state: str
    """One word, for scripts."""
    text: str
    is_settled: bool
    lead: str
    """The first words of the page, which never say "sent" of a message that was not."""


def progress_of(look: Look) -> Progress:
    """Pure."""
    fate, is_mail = look.fate, look.is_mail
    text = (_OF_A_MAIL.get(fate) if is_mail else None) or _TEXTS[fate]
    if fate in _FAILED:
        text = text.format(destination=look.destination)
    elif look.slow_seconds is not None and fate not in _SETTLED:
        slow = ENGLISH.progress_slow_mail if is_mail else ENGLISH.progress_slow
        text = f"{text} {slow.format(seconds=look.slow_seconds)}"
    match fate:
        case Fate.SENDING:
            lead = ENGLISH.passcode_sending_mail if is_mail else ENGLISH.passcode_sending
        case Fate.NOT_SENT:
            lead = ENGLISH.passcode_unsent_mail if is_mail else ENGLISH.passcode_unsent
        case _:
            lead = ENGLISH.passcode_sent_mail if is_mail else ENGLISH.passcode_sent
    state = Fate.FAILED if fate in _FAILED else fate
    return Progress(state=state.value, text=text, is_settled=fate in _SETTLED, lead=lead)


async def show_passcode_status(request: web.Request) -> web.StreamResponse:
    """JSON with `state`, `text`, `lead` and `settled`, for the session that the challenge is of; others get 404."""
    proving, now = request.app[FLOW].proving, request[VISIT].now
    session = await current_session(request)
    if session is None:
        raise refused(Problem.NOT_FOUND)
    challenge_id = request.query.get("challenge", "")
    challenge = await proving.challenges.challenge(challenge_id, session_id=session.session_id, now=now)
    if challenge is None:
        raise refused(Problem.NOT_FOUND)
    told = progress_of(await proving.look(session, challenge, now=now))
    return web.json_response(
        {"state": told.state, "text": told.text, "lead": told.lead, "settled": told.is_settled},
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )
