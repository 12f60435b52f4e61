"""What the passcode page says of the message that somebody waits for: in words, and as JSON to the page's script."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from proxy.http.problem import Problem
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.pages import phrases
from proxy.portal.app_keys import FLOW, VISIT, current_session
from proxy.portal.forms import refused
from proxy.sign_in.message_fate import Fate, Look

_TEXTS = {
    Fate.SENDING: N_("We are sending your message."),
    Fate.NOT_SENT: N_("We could not send your message. Please ask for it again."),
    Fate.ACCEPTED: N_("Your message has been sent."),
    Fate.UNKNOWN: N_(
        "Your message may be on its way, but we lost the connection while we sent it. If it does not "
        "arrive, ask for it again."
    ),
    Fate.WAITING: N_("The SMS provider has the message."),
    Fate.SENT: N_("The phone network has the message."),
    Fate.DELAYED: N_(
        "Your phone cannot be reached just now: it may be off or without signal. The message will arrive later."
    ),
    Fate.DELIVERED: N_("The message was delivered to your phone."),
    Fate.FAILED: N_("The message could not be delivered to %(destination)s."),
    Fate.UNREACHABLE: N_(
        "The message could not be delivered: %(destination)s cannot be reached. Ask your IT help desk to "
        "check the details in your account."
    ),
    Fate.OPERATORS: N_(
        "The SMS provider refuses our messages at the moment. Your phone is not at fault: ask your IT help desk."
    ),
}
_OF_A_MAIL = {
    Fate.ACCEPTED: N_("Your e-mail has been sent."),
    # The other text speaks of the SMS gateway.
    Fate.OPERATORS: N_("The message could not be delivered to %(destination)s."),
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
    text = _(text, destination=look.destination)
    if look.slow_seconds is not None and fate not in _SETTLED:
        slow = (
            N_("E-mails take about %(seconds)s seconds today.")
            if is_mail
            else N_("Text messages take about %(seconds)s seconds today.")
        )
        text = f"{text} {_(slow, seconds=look.slow_seconds)}"
    match fate:
        case Fate.SENDING:
            lead = _("We are sending a code to") if is_mail else _("We are sending a code to your mobile")
        case Fate.NOT_SENT:
            lead = _("We could not send a code to") if is_mail else _("We could not send a code to your mobile")
        case _:
            lead = _(phrases.PASSCODE_SENT_MAIL) if is_mail else _(phrases.PASSCODE_SENT)
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
