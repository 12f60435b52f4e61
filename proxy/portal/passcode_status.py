"""What became of the message that a person is waiting for: told to the script of the passcode page."""

from __future__ import annotations

from aiohttp import web

from config.factors import ChannelKind
from proxy.http.problem import Problem
from proxy.portal.app_keys import FLOW, VISIT
from proxy.portal.current_session import current_session
from proxy.portal.forms import refused
from proxy.portal.progress import lead_of, progress_in
from proxy.sign_in.messages import kind_of, latest_of


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
    sending = latest_of(await proving.messages.of(challenge, now=now))
    progress = progress_in(await proving.messages.look(challenge, sending, now=now))
    lead = lead_of(progress, is_mail=kind_of(challenge, sending) is ChannelKind.EMAIL)
    return web.json_response(
        {"state": progress.state, "text": progress.text, "lead": lead, "settled": progress.is_settled},
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )
