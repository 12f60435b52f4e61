"""A client's own session: how long it lasts, and its end."""

from __future__ import annotations

from proxy.api.models import SessionAnswer
from proxy.api.parts import Call
from proxy.api.refusals import NO_TOKEN, CallRefusal, session_over
from proxy.api.steps import seconds_left
from proxy.secrets.tokens import token_digest
from proxy.sessions.session import Level, Session
from proxy.sessions.way import TOKEN_HOST, Way


async def show_session(call: Call) -> SessionAnswer | CallRefusal:
    """Asking counts as a use of it, as a request to an app does."""
    session = await _session_of(call)
    if session is None or session.level is not Level.SIGNED_IN:
        return session_over() if call.token else NO_TOKEN
    return SessionAnswer(
        expires_in=seconds_left(call, session),
        username=session.principal.username,
        realm=session.principal.realm,
        factors=[proof.factor.value for proof in session.proven],
        apps=None if session.confined is None else list(session.confined.apps),
    )


async def end_session(call: Call) -> CallRefusal | None:
    """Also one that is half signed in. Nobody hears that theirs has ended before every worker has heard of it."""
    parts, session = call.parts, await _session_of(call)
    if session is not None:
        await parts.store.end_session(session.session_id)
        parts.sign_in_log.signed_out(call.client(), session.principal)
        return None
    if not call.token:
        return NO_TOKEN
    if await parts.store.former_owner(token_digest(call.token), TOKEN_HOST, now=call.now) is not None:
        await parts.store.ends_heard()
    return session_over()


async def _session_of(call: Call) -> Session | None:
    session = await call.parts.sessions.find(call.token.encode(), TOKEN_HOST, call.now)
    return session if session is not None and session.way is Way.API else None
