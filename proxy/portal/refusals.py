"""Pages that end a sign-in, or halt it: no number, too many messages, a message nobody took, a code that is over."""

from __future__ import annotations

import math
from http import HTTPStatus

from aiohttp import web

from config.factors import ChannelKind
from directory.directory import RefusalReason
from proxy.factors.challenge import Challenge
from proxy.factors.second_factor import Chosen, Unusable
from proxy.http.reserved import RETURN_TO, START
from proxy.languages.current import gettext as _
from proxy.pages import phrases
from proxy.pages.problem_texts import problem_words
from proxy.pages.refusal_texts import LACKS, STOPPED
from proxy.portal.app_keys import FLOW, SETTINGS, VISIT
from proxy.portal.csrf import Form
from proxy.portal.landing import sign_in_path
from proxy.portal.pages import OneButton, clear_session_cookie, form_token, message
from proxy.portal.return_to import NOWHERE, WayBack
from proxy.sessions.session import Level, Session
from proxy.sign_in.message_fate import Unsent


def stopped(
    request: web.Request, back: WayBack, title: str, text: str, *, wait_seconds: int | None = None
) -> web.Response:
    """The person was proven so far, so the page may say what is in the way. What is left to them is to begin again."""
    link = _beginning(back)
    return message(request, HTTPStatus.FORBIDDEN, title, text, wait_seconds=wait_seconds, link=link)


def unusable(request: web.Request, why: Unusable, back: WayBack) -> web.Response:
    """The first factor was proven, but the second cannot be."""
    title, text = LACKS[why.lack.value]
    wait = None if why.until is None else max(1, math.ceil(why.until - request[VISIT].now))
    return stopped(request, back, _(title), _(text), wait_seconds=wait)


def account_stopped(request: web.Request, reason: RefusalReason, back: WayBack) -> web.Response:
    """The password was proven, and the operator chose to explain what stops the account."""
    return stopped(
        request, back, _(phrases.STOPPED_TITLE), _("Your password was right.") + " " + _(STOPPED[reason.value])
    )


def no_scheme(request: web.Request, back: WayBack) -> web.Response:
    return stopped(request, back, _("You cannot sign in from here"), _(phrases.NO_SCHEME_TEXT))


def factor_locked(request: web.Request, back: WayBack) -> web.Response:
    """NIST SP 800-63B-4 section 3.2.2: an operator has to clear it."""
    return stopped(request, back, _("Too many wrong codes"), _(phrases.LOCKED_TEXT))


def exhausted(request: web.Request, back: WayBack, *, session: Session) -> web.Response:
    """The sign-in is over and its session has ended: back to the password. A person who was signed in before stays
    so."""
    if session.level is Level.SIGNED_IN:
        return stopped(
            request,
            back,
            _("Too many wrong codes"),
            _("For your safety this check was stopped. You stay signed in to what was open before."),
        )
    response = stopped(request, back, _("Too many wrong codes"), _(phrases.EXHAUSTED_TEXT))
    clear_session_cookie(request, response)
    return response


def throttled(
    request: web.Request, text: str, retry_after_seconds: int, back: WayBack = NOWHERE, *, again_href: str = ""
) -> web.Response:
    """`again_href`: the page to go on from then, where that is not the beginning."""
    response = message(
        request,
        HTTPStatus.TOO_MANY_REQUESTS,
        problem_words("throttled").title,
        text,
        wait_seconds=retry_after_seconds,
        link=(again_href, _("Try again")) if again_href else _beginning(back),
    )
    response.headers["Retry-After"] = str(retry_after_seconds)
    return response


def unsent(request: web.Request, session: Session, challenge: Challenge, back: WayBack, why: Unsent) -> web.Response:
    """Nobody took the message, or this recipient was refused: the person may try again, with the same passcode."""
    masked, title, text = challenge.masked_destination, _("The code could not be sent"), phrases.UNSENT_TEXT
    if why is Unsent.REFUSED:
        title, text = _("The code cannot be sent there"), phrases.UNSENT_REFUSED
    elif challenge.kind is ChannelKind.EMAIL:
        text = phrases.UNSENT_MAIL
    fields = (*_proof(request, session), ("challenge", challenge.challenge_id), ("resend", "yes"))
    return message(
        request,
        HTTPStatus.SERVICE_UNAVAILABLE,
        title,
        _(text, number=masked, mail=masked),
        form=OneButton(fields=fields, button=_("Try again")),
        link=_beginning(back),
    )


async def passcode_over(request: web.Request, session: Session, back: WayBack) -> web.Response:
    """Expired, used, or of an earlier sign-in: the password still counts, the rest may be asked for again.

    It says what its button does: a message leaves only if what is asked for first is proven by one.
    """
    way = None
    if session.next_choice:
        way = await request.app[FLOW].proving.choose(session, session.next_choice, now=request[VISIT].now)
    is_sent = isinstance(way, Chosen) and way.kind is not None
    title, text, button = (
        _("This page is no longer valid"),
        _("It was open too long, or was answered before. You can try again."),
        _("Try again"),
    )
    if is_sent:
        title, text, button = _(phrases.GONE_TITLE), _(phrases.GONE_TEXT), _("Send a new code")
    fields = (*_proof(request, session), (RETURN_TO, back.return_to), (START, back.start), ("new", "yes"))
    form = OneButton(fields=fields, button=button)
    return message(request, HTTPStatus.GONE, title, text, form=form, link=_beginning(back))


def framed(request: web.Request, back: WayBack) -> web.Response:
    """Inside another page nobody signs in: no cookie would come, and clicks could be stolen. Its link asks nothing."""
    href = (
        back.return_to if back.app is not None else request.app[SETTINGS].server.public_url.origin + sign_in_path(back)
    )
    return message(
        request,
        HTTPStatus.UNAUTHORIZED,
        _("Open this in its own tab"),
        _(
            "You are not signed in here. This is shown inside another page, where browsers do not send the "
            "sign-in's cookies. Open it in its own tab and sign in there."
        ),
        link=(href, _("Open in a new tab")),
        opens_tab=True,
        may_be_framed=True,
    )


def address_cut(request: web.Request, back: WayBack) -> web.Response:
    """On the way to an app's first page, because the requested address was too long to keep."""
    app = back.app.name if back.app is not None else ""
    link = sign_in_path(back), _("Go to %(app)s", app=app)
    return message(
        request, HTTPStatus.OK, _("This address is too long to keep"), _(phrases.CUT_TEXT, app=app), link=link
    )


def _beginning(back: WayBack) -> tuple[str, str]:
    """The link to it: to the form itself, as a ticket would lead back to the same."""
    return sign_in_path(back, form=True), _("Start again")


def _proof(request: web.Request, session: Session) -> tuple[tuple[str, str], ...]:
    return (("csrf_token", form_token(request, Form.PASSCODE, session.session_id)),)
