"""The session of the browser that asks, and how one begins and steps up."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from config.factors import Factor
from config.settings import SchemeSettings
from directory.principal import Principal
from proxy.factors.proof import Proof, with_proof
from proxy.portal.keys import PARTS, VISIT
from proxy.secrets.tokens import new_token, token_digest
from proxy.sessions.session import Level, Session


async def current_session(request: web.Request) -> Session | None:
    """The live session of this host's cookie, whichever step it is at. Raises `StoreUnavailable`."""
    visit = request[VISIT]
    if visit.session_token is None:
        return None
    return await request.app[PARTS].sessions.find(visit.session_token.encode(), visit.host, visit.now)


async def begin_session(
    request: web.Request,
    principal: Principal,
    factor: Factor,
    scheme: SchemeSettings,
    *,
    password_must_change: bool = False,
) -> tuple[Session, str]:
    """A new session after the password, and its cookie. What the browser's cookie pointed to before ends."""
    parts, visit = request.app[PARTS], request[VISIT]
    now = parts.clock()
    session = Session(
        session_id=new_token(),
        principal=principal,
        scheme=scheme.name,
        factors=scheme.factors,
        proven=(Proof(factor, now),),
        password_must_change=password_must_change,
        created_at=now,
        last_used_at=now,
        client_address=visit.client_address,
        user_agent=visit.user_agent,
    )
    token = new_token()
    older = await current_session(request)
    if older is None or not await parts.store.sessions.replace_session(
        older.session_id, session, cookie=token_digest(token), host=visit.host
    ):
        await parts.store.sessions.create_session(session, cookie=token_digest(token), host=visit.host)
    return session, token


async def step_up(request: web.Request, older: Session, factor: Factor) -> tuple[Session, str] | None:
    """The session after a further factor, with an id and a cookie of its own; None if the older one is gone.

    A person who was signed in before stays so no longer than they would have.
    """
    now = request.app[PARTS].clock()
    session = replace(
        older,
        session_id=new_token(),
        proven=with_proof(older.proven, factor, now),
        created_at=older.created_at if older.level is Level.SIGNED_IN else now,
        last_used_at=now,
    )
    token = new_token()
    is_replaced = await request.app[PARTS].store.sessions.replace_session(
        older.session_id, session, cookie=token_digest(token), host=request[VISIT].host
    )
    return (session, token) if is_replaced else None
