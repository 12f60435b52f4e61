"""Where a signed-in person goes: through a ticket to the app they asked for, or to the start page."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from proxy.portal.keys import PARTS, VISIT
from proxy.portal.pages import redirect
from proxy.portal.password_expiry import expiry_warning
from proxy.portal.return_to import NOWHERE, WayBack, app_origin, judge_way_back
from proxy.reserved import PASSCODE, PASSWORD, RETURN_TO, SIGN_IN, START, TICKET
from proxy.sessions.session import Level, Session
from proxy.sessions.tokens import new_token, token_digest
from proxy.store.store import Ticket

TICKET_SECONDS = 30.0
AGAIN = "again"
"""Query field: the ticket before this one did not fit, so that a second failure in a row ends the round trips."""
START_PAGE = "/"
REMINDER = "reminder"
"""Query field of the password page: say only that it is about to expire, and offer "later"."""
PASSWORD_CHANGED = "password_changed"  # noqa: S105  # a query field
"""Query field of the start page."""


def way_back(request: web.Request, return_to: str, start: str) -> WayBack:
    """Judge what a query, a hidden field or a challenge says: all of it came through a browser."""
    settings = request.app[PARTS].settings
    return judge_way_back(return_to, start, public=settings.server.public_url, apps=settings.apps)


async def land(request: web.Request, session: Session, back: WayBack, *, again: bool = False) -> web.Response:
    """Redirect to the app's page that was asked for, else to the start page.

    Without the digest of the app host's browser cookie there is nothing to bind a ticket to: the app
    itself is opened, and its gate begins a round trip that has one.
    """
    parts = request.app[PARTS]
    public = parts.settings.server.public_url
    if back.app is None:
        return redirect(START_PAGE)
    if not back.start:
        return redirect(back.return_to)
    token = new_token()
    await parts.store.put_ticket(
        token_digest(token),
        Ticket(
            session_id=session.session_id,
            host=back.app.host,
            start_digest=back.start,
            return_to=back.return_to,
            expires_at=request[VISIT].now + TICKET_SECONDS,
        ),
    )
    query = {"ticket": token} | ({AGAIN: "1"} if again else {})
    return redirect(f"{app_origin(back.app, public)}{TICKET}?{urlencode(query)}")


async def next_step(request: web.Request, session: Session, back: WayBack) -> web.Response:
    """Where a step just passed leads: to a new password where one is asked for, else to the page asked for.

    A password about to expire is mentioned once on the way; the start page says so by itself.
    """
    if session.level is Level.FIRST_FACTOR:
        return redirect(PASSCODE)
    if session.level is Level.MUST_CHANGE_PASSWORD:
        return redirect(password_path(back))
    settings = request.app[PARTS].settings
    if back.app is not None and expiry_warning(session.principal, settings.directories, request[VISIT].now):
        return redirect(password_path(back, reminder=True))
    return await land(request, session, back)


def password_path(back: WayBack = NOWHERE, *, reminder: bool = False) -> str:
    """The page that changes the password; with `reminder`, the one that only offers it."""
    query = {RETURN_TO: back.return_to, START: back.start, REMINDER: "1" if reminder else ""}
    filled = {name: value for name, value in query.items() if value}
    return f"{PASSWORD}?{urlencode(filled)}" if filled else PASSWORD


def sign_in_path(back: WayBack = NOWHERE, *, again: bool = False) -> str:
    """The sign-in page's path and query, with what is known of the way back."""
    query = {RETURN_TO: back.return_to, START: back.start, AGAIN: "1" if again else ""}
    filled = {name: value for name, value in query.items() if value}
    return f"{SIGN_IN}?{urlencode(filled)}" if filled else SIGN_IN


def passcode_path(challenge_id: str, *, sent_again: bool = False) -> str:
    """The passcode page of one challenge. The id is no secret: it opens nothing without its session."""
    return f"{PASSCODE}?{urlencode({'challenge': challenge_id} | ({'sent': 'again'} if sent_again else {}))}"
