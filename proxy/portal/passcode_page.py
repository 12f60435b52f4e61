"""The passcode page as it is shown: what is asked for, where it went, what became of it, the ways to another one."""

from __future__ import annotations

import math
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web

from config.factors import ChannelKind, Factor
from directory.mail_address import mask_mail
from proxy.factors.challenge import Challenge
from proxy.factors.second_factor import Prompt
from proxy.http.reserved import PASSCODE_STATUS, RETURN_TO, START
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.pages import phrases
from proxy.pages.amounts import duration, tries_left
from proxy.pages.instants import Instant, instant
from proxy.pages.refusal_texts import WRONG_ANSWERS
from proxy.portal.app_keys import DEGRADE, DELAYS, FLOW, NOT_MY_NUMBER, PASSKEYS, SETTINGS, VISIT, current_session
from proxy.portal.csrf import Form
from proxy.portal.delays import said_while_waiting
from proxy.portal.landing import ASK_MANAGER, TICKED, TOLD, next_step, sign_in_path, to_sign_in, way_back
from proxy.portal.pages import form_token, page
from proxy.portal.progress import progress_of
from proxy.portal.refusals import passcode_over
from proxy.portal.return_to import WayBack
from proxy.portal.rungs_said import rungs_said
from proxy.portal.shared_computers import start_again
from proxy.sessions.session import Level, Session
from proxy.sign_in.message_fate import Look

ASKED_FOR: dict[Factor, str] = {
    Factor.TOTP: phrases.ASK_TOTP,
    Factor.RECOVERY_CODE: N_("One of your recovery codes"),
    Factor.PASSKEY: N_("Your passkey"),
    Factor.PASS: N_("The 20 digits of your pass"),
}
"""What the page asks for where nothing is sent; ``%(hint)s`` is the challenge's. A new factor is registered here."""
_ANOTHER = {
    Factor.TOTP: N_("Use your authenticator app"),
    Factor.RECOVERY_CODE: N_("Use a recovery code"),
    Factor.PASSKEY: N_("Use your passkey"),
}
"""What the button says that asks for it in another one's place."""
_SAFER_THAN_SMS = {
    Factor.PASSKEY: (
        N_("Text messages can be intercepted. Your passkey is safer."),
        N_(
            "Text messages can be intercepted. A passkey is safer: you can add one once you are signed in, "
            "under “Ways to sign in”."
        ),
    ),
    Factor.TOTP: (
        N_("Text messages can be intercepted. Your authenticator app is safer."),
        N_(
            "Text messages can be intercepted. An authenticator app is safer: you can set one up once you "
            "are signed in, under “Ways to sign in”."
        ),
    ),
}
"""What is said where a person has it, and where they do not."""


class FormFate(StrEnum):
    """What became of the form that was sent from this page: the values of the query field `TOLD`."""

    SENT = "sent"
    """The passcode went out again."""
    WRONG = "wrong"
    NOT_MINE = "not_mine"
    """The person said that it went to a number that is not theirs."""
    SHAPE = "shape"
    """It was no answer at all, so none was judged."""


async def show_passcode(request: web.Request) -> web.StreamResponse:
    """The page of the challenge that the query names, or else of the session's newest one.

    It differs from the query's if two tabs sent a password at the same time: only one of their sessions stayed.
    """
    query = request.query
    named = way_back(request, query)
    session = await current_session(request)
    if session is None:
        return to_sign_in(request, named)
    if session.level is Level.MUST_CHANGE_PASSWORD:
        return await next_step(request, session, named)
    proving, now = request.app[FLOW].proving, request[VISIT].now
    challenge = await proving.find(session, query.get("challenge", ""), now=now)
    if challenge is None:
        challenge = await proving.newest(session, now=now)
    if challenge is None and session.level is Level.SIGNED_IN:
        return await next_step(request, session, named)
    if challenge is None:
        return await passcode_over(request, session, named)
    notice, error = what_became(query.get(TOLD, ""), challenge, proving.prompt(challenge))
    back, is_ticked = onward(request, challenge, named), TICKED in query
    return await passcode_form(request, session, challenge, back, notice=notice, error=error, is_ticked=is_ticked)


async def passcode_form(
    request: web.Request,
    session: Session,
    challenge: Challenge,
    back: WayBack,
    *,
    notice: str = "",
    error: str = "",
    again_at: Instant | None = None,
    is_ticked: bool = False,
    status: int = 200,
) -> web.Response:
    """Where the passcode went and what became of it, its field, and the ways to have it once more."""
    if challenge.kind is None:
        return await _answer_form(request, session, challenge, back, error=error, is_ticked=is_ticked, status=status)
    proving, now = request.app[FLOW].proving, request[VISIT].now
    look, prompt = await proving.look(session, challenge, now=now), proving.prompt(challenge)
    progress = progress_of(look)
    others = await _others(request, session, challenge)
    return page(
        request,
        "passcode.html",
        status=status,
        may_fetch=True,
        status_href=f"{PASSCODE_STATUS}?{urlencode({'challenge': challenge.challenge_id})}",
        csrf_token=form_token(request, Form.PASSCODE, session.session_id),
        challenge=challenge.challenge_id,
        factor=challenge.factor.value,
        rungs=rungs_said(request.app[DEGRADE].known(now), now, entry=session.next_choice or challenge.choice),
        return_to=back.return_to,
        start=back.start,
        may_reload=status == HTTPStatus.OK,
        masked=look.destination,
        is_mail=look.is_mail,
        ending=look.destination[-3:],
        digits=prompt.digits,
        most_typed=prompt.longest,
        valid_until=instant(challenge.expires_at, now),
        seconds_left=max(0, math.ceil(challenge.expires_at - now)),
        webotp=request.app[SETTINGS].sms.webotp,
        tag=prompt.hint if look.shows_tag else "",
        remember=_remember(request, session, challenge),
        is_ticked=is_ticked,
        progress=progress,
        lead=progress.lead,
        wait=max(0, math.ceil(look.offer_at - now)),
        another=_another_way(session, challenge, look),
        others=others,
        delay=_delay(request, challenge.kind, look, has_others=bool(others)),
        may_say_not_mine=not look.is_mail and request.app[NOT_MY_NUMBER].is_offered(challenge),
        safer=_safer(session, challenge, others),
        sign_in_href=sign_in_path(back, form=True),  # a ticket would lead back here
        start_again=start_again(request, session),
        notice=notice,
        error=error,
        again_at=again_at,
    )


def _delay(request: web.Request, kind: ChannelKind, look: Look, *, has_others: bool) -> str:
    """Empty: nothing is known to be wrong with the way that the message went."""
    if not request.app[DELAYS].is_delayed(look.channel, request[VISIT].now):
        return ""
    return said_while_waiting(ChannelKind.EMAIL if look.is_mail else kind, has_others=has_others)


async def _answer_form(
    request: web.Request,
    session: Session,
    challenge: Challenge,
    back: WayBack,
    *,
    error: str,
    is_ticked: bool,
    status: int,
) -> web.Response:
    """Of a challenge for which nothing is sent: what is asked for, and its field."""
    now, prompt = request[VISIT].now, request.app[FLOW].proving.prompt(challenge)
    is_passkey, is_alone = challenge.factor is Factor.PASSKEY, session.begun_with is challenge.factor
    options = ""
    if is_passkey:
        options = await request.app[PASSKEYS].options(session.principal, challenge, is_alone=is_alone)
    return page(
        request,
        "passkey.html" if is_passkey else "answer.html",
        status=status,
        csrf_token=form_token(request, Form.PASSCODE, session.session_id),
        challenge=challenge.challenge_id,
        return_to=back.return_to,
        start=back.start,
        may_reload=status == HTTPStatus.OK,
        options=options,
        ask=_(ASKED_FOR[challenge.factor], hint=prompt.hint),
        confines=_(phrases.CONFINES) if challenge.factor is Factor.PASS else "",
        digits=prompt.digits,
        most_typed=prompt.longest,
        remember=_remember(request, session, challenge),
        is_ticked=is_ticked,
        valid_until=instant(challenge.expires_at, now),
        others=await _others(request, session, challenge),
        sign_in_href=sign_in_path(back, form=True),
        start_again=start_again(request, session),
        error=error,
    )


async def _others(request: web.Request, session: Session, challenge: Challenge) -> list[tuple[str, str]]:
    """The buttons that ask for another factor in this one's place: what each sends, and what it says."""
    found = await request.app[FLOW].proving.others(request[VISIT].client, session, challenge, now=request[VISIT].now)
    sent = {
        ChannelKind.SMS: N_("Send it as a text message to %(destination)s"),
        ChannelKind.EMAIL: N_("Send it by e-mail to %(destination)s"),
    }
    if challenge.kind is None:  # there is no message yet that could go another way
        sent = {
            ChannelKind.SMS: N_("Send a code to your phone, %(destination)s"),
            ChannelKind.EMAIL: N_("Send a code to %(destination)s"),
        }
    others = [
        (
            each.factor.value,
            _(_ANOTHER.get(each.factor, N_("Use another way")))
            if each.kind is None
            else _(sent[each.kind], destination=each.masked),
        )
        for each in found
        if each.factor is not Factor.PASS
    ]
    if Factor.PASS in (session.next_choice or challenge.choice):
        # To everybody: it may be given while this page is open, and only an answer is told from another.
        help_desk = request.app[SETTINGS].help_desk
        if help_desk.passes and challenge.factor is not Factor.PASS:
            others.append((Factor.PASS.value, _(phrases.HAVE_ONE)))
        if help_desk.vouching and session.confined is None:
            others.append((ASK_MANAGER, _("I don’t have my phone")))
    return others


def _safer(session: Session, challenge: Challenge, others: list[tuple[str, str]]) -> str:
    """What a person is told who uses a text message although this scheme takes something safer from them."""
    safer = [factor for factor in session.next_choice or challenge.choice if factor in _SAFER_THAN_SMS]
    if challenge.kind is not ChannelKind.SMS or not safer:
        return ""
    has = next((factor for factor in safer if any(each[0] == factor.value for each in others)), None)
    return _(_SAFER_THAN_SMS[has][0] if has is not None else _SAFER_THAN_SMS[safer[0]][1])


def _remember(request: web.Request, session: Session, challenge: Challenge) -> str:
    """What the tick says by which this browser is remembered; empty: it cannot be."""
    seconds = request.app[FLOW].remembering.offers(request[VISIT].client, session, challenge)
    return "" if seconds is None else _("Remember this browser for %(time)s", time=duration(int(seconds)))


def _another_way(session: Session, challenge: Challenge, look: Look) -> str:
    """The button that sends it by the next channel, if one reaches this person."""
    if look.other_way is None:
        return ""
    if look.other_way is ChannelKind.EMAIL:
        return _("Send it by e-mail to %(destination)s", destination=mask_mail(session.principal.mail or ""))
    if look.is_mail:
        return _("Send it as a text message to %(destination)s", destination=challenge.masked_destination)
    return _("Send it through another provider")


def what_became(told: str, challenge: Challenge, prompt: Prompt) -> tuple[str, str]:
    """A notice and an error: what the query says became of the form before."""
    match told:
        case FormFate.SENT:
            return _(phrases.PASSCODE_RESENT), ""
        case FormFate.NOT_MINE:
            return _(
                "We have told the people who keep your details that this is not your number. "
                "Call your IT help desk to have it corrected."
            ), ""
        case FormFate.WRONG:
            wrong = _(WRONG_ANSWERS.get(challenge.factor.value, phrases.WRONG_CODE))
            return "", f"{wrong} {tries_left(challenge.attempts_left)}"
        case FormFate.SHAPE if prompt.digits:
            return "", _("Enter all %(digits)s digits.", digits=prompt.digits)
        case FormFate.SHAPE:
            return "", _(WRONG_ANSWERS.get(challenge.factor.value, phrases.WRONG_CODE))
        case _:
            return "", ""


def onward(request: web.Request, challenge: Challenge, named: WayBack) -> WayBack:
    """Where this tab wants to go, or else the tab that the challenge was made for."""
    return named if named.return_to else way_back_of(request, challenge)


def way_back_of(request: web.Request, challenge: Challenge) -> WayBack:
    return way_back(request, {RETURN_TO: challenge.return_to, START: challenge.start_digest})
