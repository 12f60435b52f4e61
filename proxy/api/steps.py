"""The steps of a sign-in: each asks the flow, and turns its outcome into an answer or a refusal.

Between two steps a client holds `flow`: the token of its half signed-in session. Where a refusal leaves it without one,
that session ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from config.client_kinds import ClientKind
from config.factors import ChannelKind, Factor
from config.settings import AppSettings
from proxy.api.models import FactorName, ProofAnswer, ProofBody, ResendBody, SignedInAnswer, SignInBody
from proxy.api.parts import Call
from proxy.api.refusals import (
    CallRefusal,
    account_stopped,
    bad_request,
    flow_over,
    not_allowed,
    not_pending,
    not_sent_again,
    throttled,
    unsent,
    unusable,
    wrong_password,
)
from proxy.api.resending import HowToSend, factor_by, how_to_send
from proxy.factors.challenge import Challenge
from proxy.factors.confinement import Confinement
from proxy.factors.second_factor import Chosen, Unusable
from proxy.languages.current import gettext as _
from proxy.pages import phrases
from proxy.pages.amounts import tries_left
from proxy.pages.problem_texts import problem_words
from proxy.pages.refusal_texts import WRONG_ANSWERS
from proxy.sessions.session import Level, Session
from proxy.sessions.way import TOKEN_HOST, Way
from proxy.sign_in.client import Goal
from proxy.sign_in.outcomes import (
    Accepted,
    Answered,
    Asking,
    Exhausted,
    FactorLocked,
    NoScheme,
    NotAnswered,
    ProofAsked,
    SentAgain,
    SessionGone,
    SignedIn,
    Throttled,
    TooEarly,
    Wrong,
)
from proxy.sign_in.password import AccountStopped, AddressThrottled, NotProven
from proxy.sign_in.time_grid import answer_at

Step = SignedInAnswer | ProofAnswer | CallRefusal


async def take_sign_in(call: Call, body: SignInBody) -> Step:
    """Judge a password. Its refusal leaves on the time grid and looks the same whatever its reason."""
    parts, app = call.parts, None
    if body.app is not None:
        app = app_called(body.app, parts.settings.apps)
        if app is None:
            return not_allowed("No app of this name takes tokens.")
    client = call.client(Confinement(apps=(app.name,)) if app is not None else None)
    outcome = await parts.flow.by_password(
        client, _goal(call, app), body.username, body.password.get_secret_value(), current=None, now=parts.clock()
    )
    match outcome:
        case NotProven(pause):
            now = parts.clock()
            await parts.sleep(max(0.0, answer_at(call.now, now) - now))
            return wrong_password(None if pause is None else pause.ends_at - call.now)
        case AccountStopped(reason):
            return account_stopped(reason)
        case AddressThrottled(retry_after_seconds):
            return throttled(problem_words("throttled").text, retry_after_seconds)
        case NoScheme():
            return not_allowed(_(phrases.NO_SCHEME_TEXT))
        case SignedIn(session=session, token=token):
            return await _signed_in(call, session, token)
        case _:
            step = await _asked(call, outcome)
            if isinstance(step, CallRefusal) and isinstance(outcome, ProofAsked):
                await parts.flow.sessions.end(outcome.session)
            return step


def app_called(name: str, apps: Sequence[AppSettings]) -> AppSettings | None:
    """The one of this name, or else of this host, if it takes tokens. Pure."""
    found = next((app for app in apps if app.name == name), None)
    found = found or next((app for app in apps if app.host == name.lower()), None)
    return found if found is not None and ClientKind.BEARER in found.clients else None


async def take_proof(call: Call, body: ProofBody) -> Step:
    """Judge an answer to what is asked for, or to another factor that would do as well and needs no message."""
    parts, proving, flow = call.parts, call.parts.flow.proving, body.flow.get_secret_value()
    session = await half_signed_in(call, flow)
    if session is None:
        return flow_over()
    client, goal, now, factor = call.client(), _goal_of(call, session), parts.clock(), Factor(body.factor)
    challenge = await proving.newest(session, now=now)
    if challenge is None or challenge.factor is not factor:
        if factor not in (session.next_choice or ()):
            return bad_request(f"This sign-in does not ask for {body.factor}.")
        way = await proving.choose(session, (factor,), now=now)
        if isinstance(way, Chosen) and way.kind is not None:
            return not_pending()  # a guess sends no message
        asked = await parts.flow.ask_again(client, goal, session, challenge, only=factor, now=now)
        if not isinstance(asked, ProofAsked) or asked.challenge is None:
            return await _asked(call, asked)
        challenge = asked.challenge
    answered = await proving.answer(client, goal, session, challenge, body.passcode.get_secret_value(), now=now)
    return await _answered(call, answered, challenge)


async def _answered(call: Call, answered: Answered, challenge: Challenge) -> Step:
    sessions = call.parts.flow.sessions
    match answered:
        case Accepted(session=further, token=token, then=None):
            return await _signed_in(call, further, token)
        case Accepted(session=further, token=token, then=then) if then is not None:
            step = await _asked(call, then, flow=token)
            if isinstance(step, CallRefusal):
                await sessions.end(further)
            return step
        case NotAnswered():
            digits = call.parts.flow.proving.prompt(challenge).digits
            return bad_request(_("Enter all %(digits)s digits.", digits=digits) if digits else _wrong(challenge))
        case Wrong(left):
            return CallRefusal(error="refused", message=f"{_wrong(left)} {tries_left(left.attempts_left)}")
        case Exhausted():
            return not_allowed(_("Too many wrong codes") + ".", _(phrases.EXHAUSTED_TEXT))
        case FactorLocked():
            return not_allowed(_(phrases.LOCKED_TEXT))
        case Throttled(retry_after_seconds=wait):
            return throttled(_(phrases.PASSCODES_THROTTLED), wait)
        case SessionGone():
            return flow_over()
        case _:  # it is over, or there is none
            return not_pending()


async def take_resend(call: Call, body: ResendBody) -> Step:
    """Have the same passcode sent again, or one by another way."""
    parts, proving, flow = call.parts, call.parts.flow.proving, body.flow.get_secret_value()
    session = await half_signed_in(call, flow)
    if session is None:
        return flow_over()
    client, goal, now = call.client(), _goal_of(call, session), parts.clock()
    challenge = await proving.newest(session, now=now)
    look = None if challenge is None else await proving.look(session, challenge, now=now)
    channel = None if body.channel is None else ChannelKind(body.channel)
    how = how_to_send(session.next_choice or (), challenge, look, channel)
    if how is HowToSend.NONE:
        return bad_request("No message is sent for what is asked for: name a channel of this sign-in, or answer it.")
    if challenge is not None and how is not HowToSend.NEW:
        is_another_way = how is HowToSend.OTHER_WAY
        again = await proving.send_again(client, goal, session, challenge, is_another_way=is_another_way, now=now)
        match again:
            case SentAgain(unsent=None):
                return await _proof(call, session, await proving.newest(session, now=now) or challenge, flow)
            case SentAgain(unsent=why, may_arrive=may_arrive) if why is not None:
                return not_sent_again() if may_arrive else unsent(challenge, why)
            case TooEarly(wait):
                return throttled(_(phrases.PASSCODE_TOO_SOON, seconds=wait), wait)
            case Throttled(retry_after_seconds=wait):
                return throttled(_(phrases.PASSCODE_SENDS_THROTTLED), wait)
            case Unusable():
                return unusable(again)
    # The directory may hold another number by now: then it is a new passcode, for that one.
    only = None
    if channel is not None and how is HowToSend.NEW:
        only = factor_by(session.next_choice or (), channel)
    return await _asked(
        call, await parts.flow.ask_again(client, goal, session, challenge, only=only, now=now), flow=flow
    )


async def _asked(call: Call, outcome: Asking, *, flow: str = "") -> Step:
    """`flow`: what the client has; a session that is new has one of its own."""
    match outcome:
        case ProofAsked(session=session, challenge=challenge, unsent=why, token=token) if challenge is not None:
            return await _proof(call, session, challenge, token or flow) if why is None else unsent(challenge, why)
        case Unusable():
            return unusable(outcome)
        case Throttled(retry_after_seconds=wait):
            return throttled(_(phrases.SENDS_THROTTLED), wait)
        case SessionGone():
            return flow_over()
        case _:  # another call was faster
            return not_pending()


async def _proof(call: Call, session: Session, challenge: Challenge, flow: str) -> ProofAnswer:
    proving, now = call.parts.flow.proving, call.parts.clock()
    factors = await proving.offered(call.client(), session, challenge, now=now)
    wait = challenge.last_sent_at + proving.resend_seconds - now if challenge.kind is not None else 0.0
    return ProofAnswer(
        flow=flow,
        factor=_name_of(challenge.factor),
        factors=[_name_of(each) for each in factors],
        destination=challenge.masked_destination,
        expires_in=max(0, math.floor(challenge.expires_at - now)),
        resend_in=max(0, math.ceil(wait)),
    )


async def _signed_in(call: Call, session: Session, token: str) -> SignedInAnswer | CallRefusal:
    parts = call.parts
    if session.level is not Level.SIGNED_IN:
        await parts.flow.sessions.end(session)
        origin = parts.settings.server.public_url.origin
        return not_allowed(_(phrases.CHANGE_LEAD_MUST), _("Do so in your browser: %(url)s", url=f"{origin}/"))
    return SignedInAnswer(token=token, expires_in=seconds_left(call, session))


def seconds_left(call: Call, session: Session) -> int:
    """If it is not used after this call, which is a use."""
    used = replace(session, last_used_at=max(session.last_used_at, call.now))
    return max(0, math.floor(used.ends_at(call.parts.settings.sessions) - call.parts.clock()))


async def half_signed_in(call: Call, flow: str) -> Session | None:
    """The live session of this token, if it is at a step of a sign-in. Raises `StoreUnavailable`."""
    session = await call.parts.sessions.find(flow.encode(errors="replace"), TOKEN_HOST, call.now)
    is_half = session is not None and (session.way, session.level) == (Way.API, Level.FIRST_FACTOR)
    return session if is_half else None


def _goal(call: Call, app: AppSettings | None) -> Goal:
    if app is not None:
        return Goal(app=app.name, host=app.host)
    return Goal(host=call.parts.settings.server.public_url.host)


def _goal_of(call: Call, session: Session) -> Goal:
    """What the sign-in was begun for."""
    names = () if session.confined is None else session.confined.apps
    return _goal(call, next((app for app in call.parts.settings.apps if app.name in names), None))


def _name_of(factor: Factor) -> FactorName:
    return cast(FactorName, factor.value)  # those that are asked for here are typed


def _wrong(challenge: Challenge) -> str:
    return _(WRONG_ANSWERS.get(challenge.factor.value, phrases.WRONG_CODE))
