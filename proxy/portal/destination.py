"""Where a passcode goes: to the person's number for the factor "sms", to their mail address for "email"."""

from __future__ import annotations

import hmac

from aiohttp import web

from directory.principal import Principal
from proxy.keys import Purpose
from proxy.portal.keys import PARTS
from proxy.portal.number import Chosen, choose_number
from proxy.portal.refusals import no_usable_mail

PASSCODE_FACTORS = frozenset({"sms", "email"})


async def choose_destination(request: web.Request, principal: Principal, factor: str) -> Chosen | web.Response:
    """The one place that proves `factor`, or the page that says why there is none. Raises `StoreUnavailable`."""
    return _choose_mail(request, principal) if factor == "email" else await choose_number(request, principal)


def _choose_mail(request: web.Request, principal: Principal) -> Chosen | web.Response:
    mail = principal.mail
    if mail is None or "@" not in mail:
        return no_usable_mail(request, principal)
    keys = request.app[PARTS].keys.accepted(Purpose.NUMBERS)
    # A number holds no letters: the digests of the two never meet.
    digests = tuple(hmac.digest(key, f"{principal.guid}\0mail\0{mail}".encode(), "sha256") for key in keys)
    return Chosen(None, digests, mail)
