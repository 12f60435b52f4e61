"""Where a signed-in person goes: through a ticket to the app they asked for, or to the start page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from aiohttp import web

from config.settings import ActiveDirectorySettings, DirectorySettings
from directory.principal import Principal
from proxy.http.reserved import (
    ADMIN_PAGES,
    KEPT,
    KEPT_QUERY,
    KERBEROS,
    ME,
    ME_APP_PASSWORDS,
    ME_FACTORS,
    ME_VOUCH,
    PASSCODE,
    PASSWORD,
    RETURN_TO,
    SCHEME,
    SIGN_IN,
    SIGNED_IN,
    START,
    STEP_UP,
    TICKET,
    VOUCH,
)
from proxy.languages.current import gettext as _
from proxy.languages.current import ngettext
from proxy.portal.addresses import FORM, address_of
from proxy.portal.app_keys import SETTINGS, STORE, VISIT
from proxy.portal.pages import redirect
from proxy.portal.return_to import NOWHERE, WayBack, app_origin, judge_way_back
from proxy.secrets.tokens import new_token, token_digest
from proxy.sessions.session import Level, Session
from proxy.sessions.ticket_store import Ticket
from proxy.sign_in.client import Goal

TICKET_SECONDS = 30.0
_DAY_SECONDS = 86_400.0
AGAIN = "again"
"""Query field: how many tickets in a row did not fit, so that round trips have an end."""
MOST_ROUND_TRIPS = 3
"""Each may collide with a tab whose first page arrived in the meantime, with a different browser cookie."""
CHALLENGE = "challenge"
"""Query and form field of the passcode page."""
ASK_MANAGER = "ask_manager"
"""Value of the passcode page's field `new`: no other factor, but their manager's vouch."""
ASK_AGAIN = "ask_again"
"""Query field of the page on which they ask for it."""
LOST = "lost"
"""Query field of the sign-in page: the cookie that the last step set did not come back."""
START_PAGE = "/"
TOLD = "told"
"""Query field of the pages with a form: what became of the one that was sent from it."""
TICKED = "ticked"
"""Query field of the passcode page: its tick was set when that form was sent."""
REMINDER = "reminder"
"""Query field of the password page: say only that it is about to expire, and offer "later"."""
PASSWORD_CHANGED = "password_changed"  # noqa: S105  # a query field
"""Query field of the start page."""


def start_link() -> tuple[str, str]:
    """To the start page, and its text."""
    return START_PAGE, _("Go to the start page")


def way_back(request: web.Request, fields: Mapping[str, str]) -> WayBack:
    """Judge the way back in a query, in hidden fields or of a challenge: all of them came through a browser."""
    settings = request.app[SETTINGS]
    return judge_way_back(
        fields.get(RETURN_TO, ""),
        fields.get(START, ""),
        public=settings.server.public_url,
        apps=settings.apps,
        own_pages={
            ME,
            ME_FACTORS,
            ME_APP_PASSWORDS,
            ME_VOUCH,
            SIGNED_IN,
            *(ADMIN_PAGES if settings.admin.is_on else ()),
        },
    )


def app_name(back: WayBack) -> str:
    """The name of the app that somebody comes from; empty: from none."""
    return back.app.name if back.app is not None else ""


def goal_of(request: web.Request, back: WayBack) -> Goal:
    """The same for the sign-in, which knows nothing of URLs."""
    host = request.app[SETTINGS].server.public_url.host
    return Goal(
        app=app_name(back),
        host=back.app.host if back.app is not None else host,
        return_to=back.return_to,
        start=back.start,
    )


async def land(request: web.Request, session: Session, back: WayBack, *, again: int = 0) -> web.Response:
    """Redirect to the page that was asked for, an app's or one on this host, else to the start page.

    Without the digest of the app host's browser cookie there is nothing to bind a ticket to: the app
    itself is opened, and its gate begins a round trip that has one.
    """
    public = request.app[SETTINGS].server.public_url
    if back.app is None:
        return redirect(back.return_to or START_PAGE)
    if not back.start:
        return redirect(back.return_to)
    token = new_token()
    await request.app[STORE].tickets.put_ticket(
        token_digest(token),
        Ticket(
            session_id=session.session_id,
            host=back.app.host,
            start_digest=back.start,
            return_to=back.return_to,
            expires_at=request[VISIT].now + TICKET_SECONDS,
        ),
    )
    query = {"ticket": token} | ({AGAIN: str(again)} if again else {})
    return redirect(f"{app_origin(back.app, public)}{TICKET}?{urlencode(query)}")


def round_trips(request: web.Request) -> int:
    """What the query says of them; anything that is no small number counts as the most."""
    text = request.query.get(AGAIN, "0")
    return int(text) if text in ("0", "1", "2") else MOST_ROUND_TRIPS


async def next_step(request: web.Request, session: Session, back: WayBack) -> web.Response:
    """Where a step just passed leads: to a new password where one is asked for, else to the page asked for.

    A password about to expire is mentioned once on the way; the start page says so by itself.
    """
    if session.level is Level.FIRST_FACTOR:
        return redirect(PASSCODE)
    if session.level is Level.MUST_CHANGE_PASSWORD:
        return redirect(password_path(back))
    settings = request.app[SETTINGS]
    may_change = back.app is not None and session.confined is None
    if may_change and expiry_warning(session.principal, settings.directories, request[VISIT].now):
        return redirect(password_path(back, reminder=True))
    return await land(request, session, back)


def expiry_warning(principal: Principal, directories: Sequence[DirectorySettings], now: float) -> str:
    """A sentence, or nothing if it never expires, is not known to, or not within the realm's `warn_before_expiry`."""
    settings = next((each for each in directories if each.name == principal.realm), None)
    expires_at = principal.password_expires_at
    if not isinstance(settings, ActiveDirectorySettings) or expires_at is None:
        return ""
    seconds_left = expires_at - now
    if seconds_left > settings.warn_before_expiry or settings.warn_before_expiry == 0:
        return ""
    days = int(max(0.0, seconds_left) // _DAY_SECONDS)
    if days == 0:
        return _("Your password expires within a day.")
    return ngettext("Your password expires in 1 day.", "Your password expires in %(num)d days.", days)


def to_sign_in(request: web.Request, back: WayBack) -> web.Response:
    """For a browser without a session, on a page in the middle of the way: back to the beginning."""
    visit = request[VISIT]
    was_here = not visit.browser_is_new or CHALLENGE in request.query
    return redirect(sign_in_path(back, lost=was_here and visit.session_token is None))


def sign_in_path(back: WayBack = NOWHERE, *, again: int = 0, form: bool = False, lost: bool = False) -> str:
    """The sign-in page's path and query, with what is known of the way back; `again` counts round trips.

    `form`: the form itself, whatever else the browser could prove. `lost`: see `LOST`.
    """
    return _path(
        SIGN_IN, _fields_of(back) | {AGAIN: str(again or ""), FORM: "1" if form else "", LOST: "1" if lost else ""}
    )


def told_again(request: web.Request, told: str) -> str:
    """Where a GET shows the page that answers this form, with what it says of it."""
    address = address_of(request)
    return address if request.method in ("GET", "HEAD") else f"{address}&{TOLD}={told}"


def kerberos_path(back: WayBack) -> str:
    """Where a browser is asked for its ticket."""
    return _path(KERBEROS, _fields_of(back))


def password_path(back: WayBack = NOWHERE, *, reminder: bool = False) -> str:
    """The page that changes the password; with `reminder`, the one that only offers it."""
    return _path(PASSWORD, _fields_of(back) | {REMINDER: "1" if reminder else ""})


def vouch_path(back: WayBack, *, again: bool = False) -> str:
    """Where somebody without their phone asks their manager. `again`: once more, after an answer that helped nobody."""
    return _path(VOUCH, _fields_of(back) | {ASK_AGAIN: "1" if again else ""})


def passcode_path(challenge_id: str, back: WayBack = NOWHERE, *, told: str = "", is_ticked: bool = False) -> str:
    """The passcode page of one challenge. The id is no secret: it opens nothing without its session.

    `back` is where this tab goes afterwards: several may wait for one passcode. `told`: what the page says first.
    `is_ticked`: the person wants this browser to be remembered, and need not say so again.
    """
    return _path(
        PASSCODE, {CHALLENGE: challenge_id} | _fields_of(back) | {TOLD: told, TICKED: "1" if is_ticked else ""}
    )


def step_up_path(scheme: str, back: WayBack) -> str:
    """Where the rest of `scheme` is proven."""
    return _path(STEP_UP, {SCHEME: scheme} | _fields_of(back))


def _fields_of(back: WayBack) -> dict[str, str]:
    return {RETURN_TO: back.return_to, START: back.start}


def _path(path: str, query: Mapping[str, str]) -> str:
    filled = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(filled)}" if filled else path


def kept_url(origin: str, token: str) -> str:
    """Where a kept form is shown."""
    return f"{origin}{KEPT}?{urlencode({KEPT_QUERY: token})}"
