"""Pages that end a sign-in, or halt it: no number, too many messages, a message nobody took, a code that is over."""

from __future__ import annotations

import math
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from config.factors import ChannelKind
from directory.directory import RefusalReason
from proxy.factors.challenge import Challenge
from proxy.http.reserved import RETURN_TO, START
from proxy.pages.texts import ENGLISH
from proxy.portal.app_keys import SETTINGS
from proxy.portal.csrf import Form
from proxy.portal.landing import sign_in_path
from proxy.portal.pages import clear_session_cookie, form_token, message
from proxy.portal.return_to import NOWHERE, WayBack
from proxy.sessions.session import Level, Session
from proxy.sign_in.message_fate import Unsent


@dataclass(frozen=True, slots=True, kw_only=True)
class OneButton:
    """A form that is a button: where it goes and what it carries."""

    action: str = ""
    """Empty: to the page's own address, as the forms of a sign-in go (`proxy.portal.steps`)."""
    fields: tuple[tuple[str, str], ...]
    button: str


def no_usable_mobile(request: web.Request, back: WayBack) -> web.Response:
    return message(
        request,
        status=HTTPStatus.FORBIDDEN,
        title=ENGLISH.no_mobile_title,
        text=ENGLISH.no_mobile_text,
        link_href=sign_in_path(back, form=True),
        link_text=ENGLISH.start_again,
    )


def no_usable_mail(request: web.Request, back: WayBack) -> web.Response:
    return message(
        request,
        status=HTTPStatus.FORBIDDEN,
        title=ENGLISH.no_mail_title,
        text=ENGLISH.no_mail_text,
        link_href=sign_in_path(back, form=True),
        link_text=ENGLISH.start_again,
    )


def not_enrolled(request: web.Request, back: WayBack) -> web.Response:
    return message(
        request,
        status=HTTPStatus.FORBIDDEN,
        title=ENGLISH.not_enrolled_title,
        text=ENGLISH.not_enrolled_text,
        link_href=sign_in_path(back, form=True),
        link_text=ENGLISH.start_again,
    )


def account_stopped(request: web.Request, reason: RefusalReason, back: WayBack) -> web.Response:
    """The password was proven, and the operator chose to explain what stops the account."""
    text = {
        RefusalReason.LOGON_HOURS: ENGLISH.stopped_hours,
        RefusalReason.WORKSTATION: ENGLISH.stopped_workstation,
        RefusalReason.DISABLED: ENGLISH.stopped_disabled,
        RefusalReason.ACCOUNT_EXPIRED: ENGLISH.stopped_expired,
    }[reason]
    return message(
        request,
        status=HTTPStatus.FORBIDDEN,
        title=ENGLISH.stopped_title,
        text=f"{ENGLISH.stopped_text} {text}",
        link_href=sign_in_path(back, form=True),
        link_text=ENGLISH.start_again,
    )


def changed_number(request: web.Request, back: WayBack, *, wait_seconds: float | None) -> web.Response:
    """The number may be a thief's: nothing is sent to it for `wait_seconds`, or (None) until the help desk fixes it."""
    return message(
        request,
        status=HTTPStatus.FORBIDDEN,
        title=ENGLISH.changed_title,
        text=ENGLISH.changed_text,
        wait_seconds=None if wait_seconds is None else max(1, math.ceil(wait_seconds)),
        link_href=sign_in_path(back, form=True),
        link_text=ENGLISH.start_again,
    )


def no_scheme(request: web.Request, back: WayBack) -> web.Response:
    return message(
        request,
        status=HTTPStatus.FORBIDDEN,
        title=ENGLISH.no_scheme_title,
        text=ENGLISH.no_scheme_text,
        link_href=sign_in_path(back, form=True),
        link_text=ENGLISH.start_again,
    )


def throttled(
    request: web.Request, text: str, retry_after_seconds: int, back: WayBack = NOWHERE, *, again_href: str = ""
) -> web.Response:
    """`again_href`: the page to go on from then, where that is not the beginning."""
    response = message(
        request,
        status=HTTPStatus.TOO_MANY_REQUESTS,
        title=ENGLISH.problems["throttled"].title,
        text=text,
        wait_seconds=retry_after_seconds,
        link_href=again_href or sign_in_path(back, form=True),
        link_text=ENGLISH.again_link if again_href else ENGLISH.start_again,
    )
    response.headers["Retry-After"] = str(retry_after_seconds)
    return response


def factor_locked(request: web.Request, back: WayBack) -> web.Response:
    """NIST SP 800-63B-4 section 3.2.2: an operator has to clear it."""
    return message(
        request,
        status=HTTPStatus.FORBIDDEN,
        title=ENGLISH.exhausted_title,
        text=ENGLISH.locked_text,
        link_href=sign_in_path(back, form=True),
        link_text=ENGLISH.start_again,
    )


def unsent(request: web.Request, session: Session, challenge: Challenge, back: WayBack, why: Unsent) -> web.Response:
    """Nobody took the message, or this recipient was refused: the person may try again, with the same passcode."""
    text = ENGLISH.unsent_text.format(number=challenge.masked_destination)
    if challenge.kind is ChannelKind.EMAIL:
        text = ENGLISH.unsent_mail.format(mail=challenge.masked_destination)
    is_refused = why is Unsent.REFUSED
    if is_refused:
        text = ENGLISH.unsent_refused.format(number=challenge.masked_destination)
    return message(
        request,
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        title=ENGLISH.unsent_refused_title if is_refused else ENGLISH.unsent_title,
        text=text,
        form=OneButton(
            fields=(*_proof(request, session), ("challenge", challenge.challenge_id), ("resend", "yes")),
            button=ENGLISH.unsent_button,
        ),
        link_href=sign_in_path(back, form=True),
        link_text=ENGLISH.start_again,
    )


def passcode_over(request: web.Request, session: Session, back: WayBack) -> web.Response:
    """Expired, used, or of an earlier sign-in: the password still counts, a new passcode may be asked for."""
    return message(
        request,
        status=HTTPStatus.GONE,
        title=ENGLISH.gone_title,
        text=ENGLISH.gone_text,
        form=OneButton(
            fields=(*_proof(request, session), (RETURN_TO, back.return_to), (START, back.start), ("new", "yes")),
            button=ENGLISH.gone_button,
        ),
        link_href=sign_in_path(back, form=True),
        link_text=ENGLISH.start_again,
    )


def exhausted(request: web.Request, back: WayBack, *, session: Session) -> web.Response:
    """The sign-in is over and its session has ended: back to the password. A person who was signed in before stays
    so."""
    response = message(
        request,
        status=HTTPStatus.FORBIDDEN,
        title=ENGLISH.exhausted_title,
        text=ENGLISH.exhausted_step_up if session.level is Level.SIGNED_IN else ENGLISH.exhausted_text,
        link_href=sign_in_path(back, form=True),
        link_text=ENGLISH.start_again,
    )
    if session.level is not Level.SIGNED_IN:
        clear_session_cookie(request, response)
    return response


def framed(request: web.Request, back: WayBack) -> web.Response:
    """Inside another page nobody signs in: no cookie would come, and clicks could be stolen. Its link asks nothing."""
    public = request.app[SETTINGS].server.public_url
    return message(
        request,
        status=HTTPStatus.UNAUTHORIZED,
        title=ENGLISH.framed_title,
        text=ENGLISH.framed_text,
        link_href=back.return_to if back.app is not None else public.origin + sign_in_path(back),
        link_text=ENGLISH.framed_link,
        opens_tab=True,
        may_be_framed=True,
    )


def address_cut(request: web.Request, back: WayBack) -> web.Response:
    """On the way to an app's first page, because the requested address was too long to keep."""
    app = back.app.name if back.app is not None else ""
    return message(
        request,
        status=HTTPStatus.OK,
        title=ENGLISH.cut_title,
        text=ENGLISH.cut_text.format(app=app),
        link_href=sign_in_path(back),
        link_text=ENGLISH.cut_link.format(app=app),
    )


def _proof(request: web.Request, session: Session) -> tuple[tuple[str, str], ...]:
    return (("csrf_token", form_token(request, Form.PASSCODE, session.session_id)),)
