"""Computers that several people use, one after the other: nothing is filled in, and one press begins again."""

from __future__ import annotations

from aiohttp import web

from proxy.access.shared_networks import shared_network
from proxy.portal.app_keys import SETTINGS, VISIT
from proxy.portal.csrf import Form
from proxy.portal.pages import form_token
from proxy.sessions.session import Session

AGAIN = "start_again"
"""Form field of the sign-out, with its token: somebody else is here, and begins at once."""


def is_shared(request: web.Request) -> bool:
    """Whether this browser may be anybody's in a minute."""
    return shared_network(request.app[SETTINGS].networks, request[VISIT].client_address) is not None


def start_again(request: web.Request, session: Session | None) -> str:
    """The token of the button that ends this session and begins again; empty: there is no such button."""
    if session is None or not is_shared(request):
        return ""
    return form_token(request, Form.SIGN_OUT, session.session_id)
