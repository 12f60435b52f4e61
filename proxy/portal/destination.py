"""Where a passcode goes: to the person's number for the factor "sms", to their mail address for "email"."""

from __future__ import annotations

from aiohttp import web

from directory.principal import Principal
from proxy.factors.passcode.destination import Chosen, NoMail, mail_destination
from proxy.portal.keys import PARTS
from proxy.portal.number import choose_number
from proxy.portal.refusals import no_usable_mail
from proxy.portal.return_to import WayBack


async def choose_destination(
    request: web.Request, principal: Principal, factor: str, back: WayBack
) -> Chosen | web.Response:
    """The one place that proves `factor`, or the page that says why there is none. Raises `StoreUnavailable`."""
    if factor != "email":
        return await choose_number(request, principal, back)
    mail = mail_destination(request.app[PARTS].keys, principal, factor=factor)
    return no_usable_mail(request, principal, back) if isinstance(mail, NoMail) else mail
