"""The portal as one aiohttp application: its parts, its pages, what stands around them.

It is served on a private Unix socket and believes the fields of `proxy.http.internal_headers`. Serve it without an
access log: its URLs carry tickets.

The forms on the way to an app are posted to the address that their page is shown at. A form without an `action` keeps
that address's fragment (HTML standard, "form submission algorithm"), and redirects hand it on (Fetch standard,
"HTTP-redirect fetch"): so an app's own ``#/orders/42``, which no server ever sees, is still there after the sign-in. A
page can be shown at the address of the step before its own: a form is told by its fields. Links are followed by such a
form too where no script runs (`proxy.pages.onward`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from config.factors import Factor
from config.settings import Settings
from directory.realms import Realms
from proxy.degrade.board import DegradeBoard
from proxy.http.problem import Problem
from proxy.http.reserved import (
    JWKS,
    KEEP,
    KEPT,
    KERBEROS,
    LANGUAGE,
    ME,
    ME_APP_PASSWORDS,
    ME_FACTORS,
    ME_VOUCH,
    NOT_ME,
    PASSCODE,
    PASSCODE_STATUS,
    PASSKEY,
    PASSWORD,
    PREFIX,
    SCHEME,
    SESSION,
    SESSION_SCRIPT,
    SIGN_IN,
    SIGN_OUT,
    SIGNED_IN,
    STATIC,
    STEP_UP,
    TICKET,
    VOUCH,
    VOUCH_STATUS,
)
from proxy.languages.choice import ENGLISH_ALONE, Languages
from proxy.operations.health import Readiness
from proxy.operations.metrics import Metrics
from proxy.operations.notice_board import NoticeBoard
from proxy.pages.look import look_of
from proxy.pages.onward import ONWARD, onward_location
from proxy.portal.admin.routes import add_admin_pages
from proxy.portal.app_keys import (
    ASSERTIONS,
    CLOCK,
    DEGRADE,
    DELAYS,
    FLOW,
    KEPT_REQUESTS,
    KEYS,
    LANDINGS,
    LANGUAGES,
    LOG,
    LOOK,
    METRICS,
    NOT_ME_STEP,
    NOT_MY_NUMBER,
    NOTICE_BOARD,
    PASSKEYS,
    PASSWORD_CHANGE,
    REALMS,
    SESSIONS,
    SETTINGS,
    SIGN_IN_LOG,
    SLEEP,
    STORE,
    PortalStore,
)
from proxy.portal.app_passwords import OWN_CREDENTIALS, show_app_passwords, take_app_passwords
from proxy.portal.delays import Delays, NoDelays
from proxy.portal.factor_notice import credential_notices, factor_notices
from proxy.portal.forms import MAX_BODY_BYTES, MAX_FIELDS, read_form, refused
from proxy.portal.kept_request import keep_request, show_kept, take_kept
from proxy.portal.kerberos import show_kerberos
from proxy.portal.landing import START_PAGE
from proxy.portal.landings import Landings
from proxy.portal.languages import choose_language, say_in_their_language
from proxy.portal.me import show_me, take_me
from proxy.portal.middleware import Handler, answer_errors, keep_to_the_host
from proxy.portal.not_me import show_not_me, take_not_me
from proxy.portal.own_factors.factor_pages import ENROLLING
from proxy.portal.own_factors.page import show_factors, take_factors
from proxy.portal.page_session import extend_session, show_session, show_session_script, show_signed_in
from proxy.portal.pages import redirect
from proxy.portal.passcode import take_passcode
from proxy.portal.passcode_page import show_passcode
from proxy.portal.passkey import show_passkey_options
from proxy.portal.password import show_password, take_password
from proxy.portal.progress import show_passcode_status
from proxy.portal.sign_in import show_sign_in, take_sign_in
from proxy.portal.sign_out import show_sign_out, take_sign_out
from proxy.portal.start import show_asset, show_jwks, show_start, to_start
from proxy.portal.step_up import show_step_up, take_step_up
from proxy.portal.tickets import take_ticket
from proxy.portal.traced_pages import tracing_pages
from proxy.portal.vouch import show_vouch, show_vouch_status, take_vouch
from proxy.portal.vouch_answer import show_vouch_answer, take_vouch_answer
from proxy.secrets.keys import Keys
from proxy.sessions.identity import Assertions
from proxy.sessions.kept_requests import KeptRequests
from proxy.sessions.live_sessions import LiveSessions
from proxy.sign_in.create import SignInParts
from proxy.sign_in.enrolling import Enrolling
from proxy.sign_in.own_credentials import OwnCredentials, apps_taking
from proxy.tracing.spans import Traces

_BY_FIELD: Mapping[str, Handler] = MappingProxyType(
    {
        "username": take_sign_in,
        "passkey": take_sign_in,
        "challenge": take_passcode,
        "new": take_passcode,
        SCHEME: take_step_up,
    }
)
"""What only this step's forms carry."""
_BY_PATH: Mapping[str, Handler] = MappingProxyType(
    {SIGN_IN: take_sign_in, KERBEROS: take_sign_in, PASSCODE: take_passcode, STEP_UP: take_step_up}
)
"""The addresses that they are shown at."""


def create_portal(
    *,
    settings: Settings,
    realms: Realms,
    store: PortalStore,
    sessions: LiveSessions,
    keys: Keys,
    sign_in: SignInParts,
    assertions: Assertions,
    notice_board: NoticeBoard,
    degrade: DegradeBoard,
    metrics: Metrics,
    log: FilteringBoundLogger,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    readiness: Callable[[], Awaitable[Readiness]] | None = None,
    measured: Callable[[], Awaitable[Mapping[int, str | None]]] | None = None,
    languages: Languages = ENGLISH_ALONE,
    delays: Delays | None = None,
    traces: Traces | None = None,
) -> web.Application:
    """`clock` gives epoch seconds; `sleep` is what refusals wait with for their place on the time grid.

    `readiness` says what works, for the admin pages; None: they do not know. `measured`: the `/metrics` of all workers,
    by their numbers; None: this process is alone. `delays`: whether codes arrive; None:
    nobody watches that.
    """
    outermost = [] if traces is None else [tracing_pages(traces)]
    app = web.Application(
        middlewares=[*outermost, say_in_their_language, answer_errors, keep_to_the_host],
        client_max_size=MAX_BODY_BYTES,
    )
    app.on_response_prepare.append(_without_versions)
    app[SETTINGS] = settings
    app[FLOW] = sign_in.flow
    app[PASSWORD_CHANGE] = sign_in.password_change
    app[PASSKEYS] = sign_in.passkeys
    app[NOT_ME_STEP] = sign_in.not_me
    app[NOT_MY_NUMBER] = sign_in.not_my_number
    app[SIGN_IN_LOG] = sign_in.log
    app[ENROLLING] = Enrolling(
        store=store.enrolments,
        numbers=store.numbers,
        counters=store.counters,
        settings=settings,
        keys=keys,
        notices=sign_in.flow.proving.notices,
        notice_of=factor_notices(settings),
    )
    app[OWN_CREDENTIALS] = OwnCredentials(
        store=store.credentials,
        sessions=store.sessions,
        numbers=store.numbers,
        settings=settings,
        keys=keys,
        notices=sign_in.flow.proving.notices,
        notice_of=credential_notices(settings),
    )
    app[NOTICE_BOARD] = notice_board
    app[DELAYS] = delays or NoDelays()
    app[DEGRADE] = degrade
    app[LOOK] = look_of(settings.pages)
    app[LANGUAGES] = languages
    app[REALMS] = realms
    app[STORE] = store
    app[SESSIONS] = sessions
    app[KEYS] = keys
    app[ASSERTIONS] = assertions
    app[KEPT_REQUESTS] = KeptRequests(store, keys)
    app[LANDINGS] = Landings()
    app[METRICS] = metrics
    app[LOG] = log
    app[CLOCK] = clock
    app[SLEEP] = sleep
    app.add_routes(
        [
            web.get(START_PAGE, show_start),
            web.get(PREFIX, to_start),
            web.get(SIGN_IN, show_sign_in),
            web.get(KERBEROS, show_kerberos, allow_head=False),  # it begins sessions
            web.get(PASSCODE, show_passcode),
            web.get(PASSCODE_STATUS, show_passcode_status, allow_head=False),
            web.get(PASSKEY, show_passkey_options, allow_head=False),
            web.get(STEP_UP, show_step_up),
            *(web.post(path, _or_onward(take_step)) for path in _BY_PATH),
            web.get(PASSWORD, show_password),
            web.post(PASSWORD, _or_onward(take_password)),
            web.get(SIGN_OUT, show_sign_out),
            web.post(SIGN_OUT, take_sign_out),
            web.get(ME, show_me),
            web.post(ME, take_me),
            web.get(ME_FACTORS, show_factors),
            web.post(ME_FACTORS, take_factors),
            web.get(NOT_ME, show_not_me),
            web.post(NOT_ME, take_not_me),
            web.post(KEEP, keep_request),
            web.get(KEPT, show_kept),
            web.post(KEPT, take_kept),
            web.get(TICKET, take_ticket, allow_head=False),  # a HEAD must not use it up
            web.get(SESSION, show_session),
            web.post(SESSION, extend_session),
            web.get(SESSION_SCRIPT, show_session_script),
            web.get(SIGNED_IN, show_signed_in),
            web.get(STATIC + "{hash}/{name}", show_asset),
            web.get(LANGUAGE + "{tag}", choose_language, allow_head=False),
            web.get(JWKS, show_jwks),
        ]
    )
    if settings.help_desk.vouching:
        app.add_routes(
            [
                web.get(VOUCH, show_vouch),
                web.post(VOUCH, _or_onward(take_vouch)),
                web.get(VOUCH_STATUS, show_vouch_status, allow_head=False),
                web.get(ME_VOUCH, show_vouch_answer),
                web.post(ME_VOUCH, take_vouch_answer),
            ]
        )
    if apps_taking(settings.apps, Factor.APP_PASSWORD):
        app.add_routes([web.get(ME_APP_PASSWORDS, show_app_passwords), web.post(ME_APP_PASSWORDS, take_app_passwords)])
    add_admin_pages(app, readiness, measured)
    return app


async def _without_versions(request: web.Request, response: web.StreamResponse) -> None:
    """aiohttp names itself and Python with their versions: nothing that a stranger needs to know."""
    response.headers.pop("Server", None)


def _or_onward(take: Handler) -> Handler:
    """Such a handler, on a page whose links may be pressed as buttons. Those change nothing: where they lead is judged
    anew, by what any link could say."""

    async def take_or_lead_on(request: web.Request) -> web.StreamResponse:
        fields = await read_form(request, most_fields=MAX_FIELDS + len(request.app[SETTINGS].apps))
        if ONWARD not in fields:
            return await take(request)
        location = onward_location(fields)
        if location is None:
            raise refused(Problem.BAD_FORM)
        return redirect(location)

    return take_or_lead_on


async def take_step(request: web.Request) -> web.StreamResponse:
    """Hand the form to its step. Each of them asks for a proof that the form is its own. Raises `Refused`."""
    fields = await read_form(request)
    named = (take for name, take in _BY_FIELD.items() if name in fields)
    return await next(named, _BY_PATH[request.path])(request)
