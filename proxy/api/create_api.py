"""The API as one aiohttp application, which stands below `proxy.http.reserved.API` beside the portal's pages.

It is off until the configuration has it enabled. The portal around it keeps it to the sign-in host. It sets and takes
no cookies, and lets no other origin read it: there are no CORS fields. What it can do is one table, which makes both
its routes and the OpenAPI document.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from proxy.api.border import CALL, PARTS, Handler, answer_calls, answer_of, read_body, refuse_others_pages
from proxy.api.document import Operation, document
from proxy.api.models import ProofAnswer, ProofBody, ResendBody, SessionAnswer, SignedInAnswer, SignInBody
from proxy.api.own_session import end_session, show_session
from proxy.api.parts import APIParts
from proxy.api.steps import take_proof, take_resend, take_sign_in
from proxy.languages.choice import ENGLISH_ALONE, Languages
from proxy.sessions.live_sessions import LiveSessions
from proxy.sessions.session_store import SessionStore
from proxy.sign_in.create import SignInParts

OPERATIONS = (
    Operation(
        method="POST",
        path="sign-in",
        summary="Begin with name and password",
        body=SignInBody,
        take=take_sign_in,
        answers=(SignedInAnswer, ProofAnswer),
    ),
    Operation(
        method="POST",
        path="proof",
        summary="Answer what is asked for",
        body=ProofBody,
        take=take_proof,
        answers=(SignedInAnswer, ProofAnswer),
    ),
    Operation(
        method="POST",
        path="resend",
        summary="Have the passcode sent again",
        body=ResendBody,
        take=take_resend,
        answers=(ProofAnswer,),
    ),
    Operation(
        method="GET",
        path="session",
        summary="How long the session of this token lasts",
        take=show_session,
        answers=(SessionAnswer,),
    ),
    Operation(method="DELETE", path="session", summary="Sign out", take=end_session),
)


def create_api(
    *,
    settings: Settings,
    sign_in: SignInParts,
    sessions: LiveSessions,
    store: SessionStore,
    log: FilteringBoundLogger,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    languages: Languages = ENGLISH_ALONE,
) -> web.Application:
    """`clock` gives epoch seconds; `sleep` is what refusals wait with for their place on the time grid."""
    app = web.Application(middlewares=[answer_calls])
    app[PARTS] = APIParts(
        settings=settings,
        flow=sign_in.flow,
        sign_in_log=sign_in.log,
        sessions=sessions,
        store=store,
        log=log,
        clock=clock,
        sleep=sleep,
        languages=languages,
    )
    for operation in OPERATIONS:
        app.router.add_route(operation.method, f"/{operation.path}", handler_of(operation))
    described = document(OPERATIONS, origin=settings.server.public_url.origin)
    app.router.add_get("/openapi.json", partial(_show_document, described), allow_head=False)
    return app


def handler_of(operation: Operation) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        call = request[CALL]
        refuse_others_pages(request)
        if operation.body is None:
            return answer_of(await operation.take(call), call.incident)
        return answer_of(await operation.take(call, await read_body(request, operation.body)), call.incident)

    return handle


async def _show_document(described: bytes, request: web.Request) -> web.StreamResponse:
    return web.Response(body=described, content_type="application/json")
