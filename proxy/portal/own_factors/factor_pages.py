"""What the pages about somebody's own second factors have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from aiohttp import web

from config.factors import Factor
from proxy.http.reserved import ME_FACTORS
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.portal.csrf import Form
from proxy.portal.pages import form_token, message, page, redirect
from proxy.sessions.session import Session
from proxy.sign_in.enrolling import Enrolling, OwnFactor

ENROLLING = web.AppKey("enrolling", Enrolling)
ADD = "add"
"""Query field: the factor that is to be added."""
TOLD = "told"
"""Query field: what became of the form before."""
ADDED = "added"
TOO_MANY = "too_many"
_KINDS: Mapping[Factor, str] = MappingProxyType(
    {
        Factor.TOTP: N_("Authenticator app"),
        Factor.RECOVERY_CODE: N_("Recovery codes"),
        Factor.PASSKEY: N_("Passkey"),
    }
)
"""What each is called. A new factor is registered here."""
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Adding:
    """How one kind of factor is added."""

    show: Callable[[web.Request, Session], Awaitable[web.StreamResponse]]
    take: Callable[[web.Request, Session, Mapping[str, str]], Awaitable[web.StreamResponse]]


def kind_of(own: OwnFactor) -> str:
    """What it is called; of a passkey, also where it is."""
    if own.is_synced is None:
        return _(_KINDS.get(own.factor, own.factor.value))
    return _("Passkey, synced between your devices") if own.is_synced else _("Passkey, on one device only")


def own_page(
    request: web.Request, session: Session, template: str, *, status: int = 200, **values: Any
) -> web.Response:
    """`values` beside what every form here carries."""
    return page(
        request,
        template,
        status=status,
        holds_session=True,
        action=ME_FACTORS,
        csrf_token=form_token(request, Form.FACTORS, session.session_id),
        **values,
    )


def clean_name(text: str, usual: str) -> str:
    """As it is kept: one line of printable characters; `usual` where nothing is left."""
    plain = "".join(character for character in " ".join(text.split()) if character.isprintable())
    return plain[:_LONGEST_NAME].strip() or usual


def told(what: str) -> web.Response:
    """Back to the list, which says what happened."""
    return redirect(f"{ME_FACTORS}?{TOLD}={what}")


def no_more(request: web.Request) -> web.Response:
    return message(
        request,
        HTTPStatus.TOO_MANY_REQUESTS,
        _("Ways to sign in"),
        _("You have added too many today."),
        link=(ME_FACTORS, _("Back without a change")),
    )
