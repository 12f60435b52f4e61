"""What Gatepost's own pages ask of a signed-in person: as much as a sign-in from no app.

Otherwise a scheme for certain apps would also open the pages about sessions and password.
"""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from proxy.access.schemes import AppDemand
from proxy.factors.proof import missing_choices
from proxy.http.reserved import SCHEME, STEP_UP
from proxy.portal.app_keys import SETTINGS
from proxy.portal.pages import redirect
from proxy.sessions.session import Level, Session


def more_for_own_pages(request: web.Request, session: Session) -> web.Response | None:
    """The way to the step-up page, or None where this session has proven enough.

    Nothing is asked for if no scheme covers a sign-in from no app, or before a password that must be changed.
    """
    schemes = request.app[SETTINGS].schemes
    if session.level is not Level.SIGNED_IN or all(scheme.apps is None for scheme in schemes):
        return None
    demand = AppDemand(app="", named=None, schemes=schemes)
    asked = demand.asked_of(session.principal, session.begun_with, session.client_address)
    if not asked.scheme or not missing_choices(asked.factors, session.proven_factors):
        return None
    return redirect(f"{STEP_UP}?{urlencode({SCHEME: asked.scheme})}")
