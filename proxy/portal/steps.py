"""The forms on the way to an app: each is posted to the address that its page is shown at.

A form without an `action` keeps that address's fragment (HTML standard, "form submission algorithm"), and redirects
hand it on (Fetch standard, "HTTP-redirect fetch"): so an app's own ``#/orders/42``, which no server ever sees, is still
there after the sign-in. A page can be shown at the address of the step before its own: a form is told by its fields.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from aiohttp import web

from proxy.http.reserved import KERBEROS, PASSCODE, SCHEME, SIGN_IN, STEP_UP
from proxy.portal.forms import read_form
from proxy.portal.passcode import take_passcode
from proxy.portal.sign_in import take_sign_in
from proxy.portal.step_up import take_step_up

Take = Callable[[web.Request], Awaitable[web.StreamResponse]]

_BY_FIELD: Mapping[str, Take] = MappingProxyType(
    {
        "username": take_sign_in,
        "challenge": take_passcode,
        "new": take_passcode,
        SCHEME: take_step_up,
    }
)
"""What only this step's forms carry."""
_BY_PATH: Mapping[str, Take] = MappingProxyType(
    {SIGN_IN: take_sign_in, KERBEROS: take_sign_in, PASSCODE: take_passcode, STEP_UP: take_step_up}
)
STEPS = tuple(_BY_PATH)
"""The addresses that they are shown at."""


async def take_step(request: web.Request) -> web.StreamResponse:
    """Hand the form to its step. Each of them asks for a proof that the form is its own. Raises `Refused`."""
    fields = await read_form(request)
    named = (take for name, take in _BY_FIELD.items() if name in fields)
    return await next(named, _BY_PATH[request.path])(request)
