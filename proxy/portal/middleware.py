"""Around every handler: who asks, on which host, and the one place that turns errors into answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from aiohttp import web
from multidict import CIMultiDictProxy

from config.settings import Settings
from directory.errors import DirectoryBusy, DirectoryError
from proxy.audit.recorder import AuditUnavailable
from proxy.http.internal_headers import NotFromThePlane, read_taken_in
from proxy.http.problem import Problem
from proxy.http.reserved import (
    JWKS,
    KEEP,
    KEPT,
    LANGUAGE,
    ME,
    ME_APP_PASSWORDS,
    ME_FACTORS,
    PASSCODE,
    PASSWORD,
    PREFIX,
    SESSION,
    SESSION_SCRIPT,
    SIGN_IN,
    SIGN_OUT,
    SIGNED_IN,
    STATIC,
    TICKET,
    browser_cookie,
    remembered_cookie,
    session_cookie,
)
from proxy.languages.current import gettext as _
from proxy.operations.store_errors import StoreError
from proxy.pages import phrases
from proxy.pages.answers import Answer, render, wants_page
from proxy.portal.addresses import address_of
from proxy.portal.app_keys import CLOCK, LANGUAGES, LOG, LOOK, METRICS, SETTINGS, VISIT, Visit
from proxy.portal.forms import Refused
from proxy.portal.pages import redirect
from proxy.portal.return_to import host_origin
from proxy.secrets.tokens import new_token
from proxy.sessions.cookies import read_token

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_PROBLEMS: Mapping[int, Problem] = MappingProxyType(
    {
        400: Problem.MALFORMED_REQUEST,
        404: Problem.NOT_FOUND,
        405: Problem.METHOD_NOT_ALLOWED,
        413: Problem.BODY_TOO_LARGE,
    }
)
"""aiohttp's own refusals."""
_PAGES_OF_THE_SIGN_IN_HOST = frozenset(
    {PREFIX, SIGN_IN, PASSCODE, PASSWORD, SIGN_OUT, ME, ME_FACTORS, ME_APP_PASSWORDS}
)
_OF_APP_HOSTS = frozenset({TICKET, KEEP, KEPT, JWKS, SESSION, SESSION_SCRIPT, SIGNED_IN})
_USER_AGENT_LENGTH = 256


class UnknownHost(Exception):
    """Neither the sign-in host nor an app's."""


def read_visit(headers: CIMultiDictProxy[str], settings: Settings, now: float) -> Visit:
    """Raises `NotFromThePlane` and `UnknownHost`."""
    taken_in = read_taken_in(headers)
    public, host = settings.server.public_url, taken_in.host
    app = next((each for each in settings.apps if each.host == host), None)
    if host != public.host and app is None:
        raise UnknownHost
    cookies = [value.encode(errors="replace") for value in headers.getall("Cookie", [])]
    browser = _token(cookies, browser_cookie(public.scheme))
    return Visit(
        now=now,
        client_address=taken_in.client_address,
        host=host,
        app=None if host == public.host else app,
        incident=taken_in.incident,
        accepted_languages=headers.get("Accept-Language", ""),
        user_agent=headers.get("User-Agent", "")[:_USER_AGENT_LENGTH].encode("ascii", "replace").decode(),
        browser=browser or new_token(),
        browser_is_new=browser is None,
        session_token=_token(cookies, session_cookie(public.scheme)),
        remembered=_token(cookies, remembered_cookie(public.scheme)) or "",
    )


def _token(cookies: Sequence[bytes], name: str) -> str | None:
    token = read_token(cookies, name.encode())
    return None if token is None else token.decode()


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The border of one request: only an answer gets past it."""
    log = request.app[LOG]
    facts = {"incident": "", "path": _page_of(request)}
    try:
        visit = read_visit(request.headers, request.app[SETTINGS], request.app[CLOCK]())
        request[VISIT] = visit
        facts["incident"] = visit.incident
        return await handler(request)
    except Refused as refusal:
        log.info("request.refused", problem=refusal.answer.problem.value, **facts)
        return _answer(request, refusal.answer)
    except UnknownHost:
        return _answer(request, Answer(problem=Problem.UNKNOWN_HOST))
    except NotFromThePlane:
        log.warning("portal.not_from_the_plane", **facts)
        return _answer(request, Answer(problem=Problem.INTERNAL))
    except AuditUnavailable as error:
        log.warning("audit.unavailable", reason=str(error), **facts)
        return _answer(request, Answer(problem=Problem.SIGN_IN_UNAVAILABLE))
    except StoreError as error:
        log.warning("store.unavailable", reason=str(error), **facts)
        return _answer(request, Answer(problem=Problem.STORE_UNAVAILABLE))
    except DirectoryBusy:
        log.warning("directory.busy", **facts)
        return _answer(request, Answer(problem=Problem.OVERLOADED))
    except DirectoryError as error:
        log.warning("directory.unavailable", reason=str(error), **facts)
        return _answer(request, Answer(problem=Problem.DIRECTORY_UNAVAILABLE))
    except web.HTTPException as error:
        problem = _PROBLEMS.get(error.status, Problem.INTERNAL)
        log.info("request.refused", problem=problem.value, **facts)
        response = _answer(request, Answer(problem=problem))
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except web.RequestPayloadError:
        log.info("request.refused", problem=Problem.MALFORMED_REQUEST.value, reason="body", **facts)
        return _answer(request, Answer(problem=Problem.MALFORMED_REQUEST))
    except Exception as error:  # the border of one request: logged, and denied
        if isinstance(error, ConnectionError) and request.transport is None:
            log.info("request.broken_off", **facts)  # and nobody is there to read this answer
            return _answer(request, Answer(problem=Problem.MALFORMED_REQUEST))
        log.exception("portal.failed", **facts)
        return _answer(request, Answer(problem=Problem.INTERNAL))


@web.middleware
async def keep_to_the_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """On an app's host there are only tickets, kept forms, assets, keys and what its own pages ask; the rest are the
    sign-in host's."""
    app, path = request[VISIT].app, request.path
    if app is None:
        if path in (TICKET, KEEP, KEPT):
            raise web.HTTPNotFound
    elif path not in _OF_APP_HOSTS and not path.startswith((STATIC, LANGUAGE)):
        if request.method not in ("GET", "HEAD") or path not in _PAGES_OF_THE_SIGN_IN_HOST:
            raise web.HTTPNotFound
        return redirect(request.app[SETTINGS].server.public_url.origin + ("/" if path == PREFIX else path))
    return await handler(request)


def _answer(request: web.Request, answer: Answer) -> web.Response:
    request.app[METRICS].count_refusal(answer.problem.value)
    visit = request.get(VISIT)
    if visit is not None:
        answer = replace(answer, incident=visit.incident, again_href=_again_href(request, visit))
    if request.path == KEEP and not answer.detail:
        answer = replace(answer, detail=_(phrases.NOT_PASSED_ON))
    # A form's answer is a page as much as a link's is, hence the fixed method.
    as_page = wants_page(_field(request, "Accept"), _field(request, "Sec-Fetch-Mode"), None, b"GET")
    now = visit.now if visit is not None else None
    headers, body = render(
        answer,
        page=as_page,
        sign_in_origin=request.app[SETTINGS].server.public_url.origin,
        now=now,
        look=request.app[LOOK],
        languages=request.app[LANGUAGES],
        target=address_of(request) if visit is not None else "",
    )
    return web.Response(
        status=answer.status, headers=[(name.decode(), value.decode()) for name, value in headers], body=body
    )


def _again_href(request: web.Request, visit: Visit) -> str:
    """The absolute address of this page."""
    public, target = request.app[SETTINGS].server.public_url, address_of(request)
    return host_origin(visit.app, public) + target if target else ""


def _page_of(request: web.Request) -> str:
    """Which of our pages was asked for, for the log; empty for none. What was sent may hold a secret."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


def _field(request: web.Request, name: str) -> bytes | None:
    value = request.headers.get(name)
    return None if value is None else value.encode(errors="replace")
