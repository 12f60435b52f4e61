"""What Gatepost's own pages ask of somebody who is signed in: as much as a sign-in that comes from no app.

Else a scheme that is for certain apps would open sessions and password too.
"""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from proxy.access.schemes import AppDemand
from proxy.factors.proof import missing_choices
from proxy.http.reserved import SCHEME, STEP_UP
from proxy.portal.keys import SETTINGS
from proxy.portal.pages import redirect
from proxy.sessions.session import Level, Session


def more_for_own_pages(request: web.Request, session: Session) -> web.Response | None:
    """The way to the step-up page, or None where this session has proven enough.

    Nothing is asked for where no scheme is meant for who comes from no app, and before a password that must be changed.
    """
    schemes = request.app[SETTINGS].schemes
    if session.level is not Level.SIGNED_IN or all(scheme.apps is None for scheme in schemes):
        return None
    demand = AppDemand(app="", named=None, schemes=schemes)
    asked = demand.asked_of(session.principal, session.begun_with, session.client_address)
    if not asked.scheme or not missing_choices(asked.factors, session.proven_factors):
        return None
    return redirect(f"{STEP_UP}?{urlencode({SCHEME: asked.scheme})}")
