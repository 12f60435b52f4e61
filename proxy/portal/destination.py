"""Where a passcode goes: to the person's number for the factor "sms", to their mail address for "email"."""

from __future__ import annotations

from aiohttp import web

from config.factors import Choice, Factor
from directory.principal import Principal
from proxy.factors.passcode.destination import Chosen, NoMail, mail_destination
from proxy.portal.keys import PARTS
from proxy.portal.number import choose_number
from proxy.portal.refusals import no_usable_mail
from proxy.portal.return_to import WayBack


async def choose_destination(
    request: web.Request, principal: Principal, choice: Choice, back: WayBack
) -> Chosen | web.Response:
    """The first place that proves one of them, or the page that says why there is none. Raises `StoreUnavailable`."""
    refusals = []
    for factor in choice:
        chosen = await _of_one(request, principal, factor, back)
        if isinstance(chosen, Chosen):
            return chosen
        refusals.append(chosen)
    return refusals[0]


async def _of_one(request: web.Request, principal: Principal, factor: Factor, back: WayBack) -> Chosen | web.Response:
    if factor is not Factor.EMAIL:
        return await choose_number(request, principal, back)
    mail = mail_destination(request.app[PARTS].keys, principal, factor=factor)
    return no_usable_mail(request, principal, back) if isinstance(mail, NoMail) else mail
