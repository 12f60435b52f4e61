"""Around every operation: who calls, what was sent, and the one place that turns outcomes and errors into answers."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from directory.errors import DirectoryBusy, DirectoryError
from proxy.api.models import ErrorAnswer
from proxy.api.parts import APIParts, Call
from proxy.api.refusals import CallRefusal, bad_request, of_problem
from proxy.http.fetch_metadata import is_own_request
from proxy.http.internal_headers import NotFromThePlane, read_taken_in
from proxy.http.problem import Problem
from proxy.languages.current import in_language
from proxy.operations.store_errors import StoreError
from proxy.pages.language_links import language_fields
from proxy.pages.template import protective_headers

MAX_BODY_BYTES = 16 * 1024
_USER_AGENT_LENGTH = 256
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE | re.ASCII)
"""RFC 6750 section 2.1."""
_PROBLEMS = {
    400: Problem.MALFORMED_REQUEST,
    404: Problem.NOT_FOUND,
    405: Problem.METHOD_NOT_ALLOWED,
    413: Problem.BODY_TOO_LARGE,
}
"""aiohttp's own refusals."""

PARTS = web.AppKey("parts", APIParts)
CALL = web.RequestKey("call", Call)
AnyBody = TypeVar("AnyBody", bound=BaseModel)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class CallStopped(Exception):
    """Ends the work with a refusal."""

    def __init__(self, refusal: CallRefusal) -> None:
        super().__init__(refusal.error)
        self.refusal = refusal


@web.middleware
async def answer_calls(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The border of one call: only an answer gets past it. It is in the language that the call asks for."""
    languages = request.app[PARTS].languages
    with in_language(languages.asked_for(",".join(request.headers.getall("Accept-Language", [])))):
        response = await _answer_call(request, handler)
        for name, value in language_fields(languages, by_cookie=False):
            response.headers.setdefault(name, value)
        return response


async def _answer_call(request: web.Request, handler: Handler) -> web.StreamResponse:
    parts, incident = request.app[PARTS], ""
    log, facts = parts.log, {"path": _operation_of(request)}
    try:
        taken_in = read_taken_in(request.headers)
        incident = facts["incident"] = taken_in.incident
        request[CALL] = Call(
            parts=parts,
            now=parts.clock(),
            client_address=taken_in.client_address,
            incident=incident,
            languages=request.headers.get("Accept-Language", ""),
            user_agent=request.headers.get("User-Agent", "")[:_USER_AGENT_LENGTH].encode("ascii", "replace").decode(),
            token=_token(request),
        )
        return await handler(request)
    except CallStopped as stopped:
        refusal = stopped.refusal
        log.info("request.refused", problem=refusal.error, **facts)
    except NotFromThePlane:
        refusal = of_problem(Problem.INTERNAL)
        log.warning("api.not_from_the_plane", **facts)
    except StoreError as error:
        refusal = of_problem(Problem.STORE_UNAVAILABLE)
        log.warning("store.unavailable", reason=str(error), **facts)
    except DirectoryBusy:
        refusal = of_problem(Problem.OVERLOADED)
        log.warning("directory.busy", **facts)
    except DirectoryError as error:
        refusal = of_problem(Problem.DIRECTORY_UNAVAILABLE)
        log.warning("directory.unavailable", reason=str(error), **facts)
    except web.HTTPException as error:
        refusal = of_problem(_PROBLEMS.get(error.status, Problem.INTERNAL))
        log.info("request.refused", problem=refusal.error, status=error.status, **facts)
        response = answer_of(refusal, incident)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except (web.RequestPayloadError, ConnectionError):
        refusal = of_problem(Problem.MALFORMED_REQUEST)  # what came in broke off
        log.info("request.broken_off", **facts)
    except Exception:  # the border of one call: logged, and denied
        refusal = of_problem(Problem.INTERNAL)
        log.exception("api.failed", **facts)
    return answer_of(refusal, incident)


def answer_of(outcome: BaseModel | CallRefusal | None, incident: str) -> web.Response:
    """None: done, and there is nothing to say."""
    if outcome is None:
        return web.Response(status=204, headers=_HEADERS)
    if not isinstance(outcome, CallRefusal):
        return _json(200, outcome)
    response = _json(outcome.http_status, ErrorAnswer(error=outcome.error, message=outcome.message, incident=incident))
    if outcome.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(outcome.retry_after_seconds)
    if response.status == 401:
        response.headers["WWW-Authenticate"] = outcome.challenge
    return response


def _json(status: int, model: BaseModel) -> web.Response:
    body = model.model_dump_json().encode() + b"\n"
    return web.Response(status=status, headers=_HEADERS, body=body, content_type="application/json")


_HEADERS = dict(protective_headers())


def refuse_others_pages(request: web.Request) -> None:
    """No page calls this, least of all another site's: browsers say where they are. Raises `CallStopped`."""
    own_origin = request.app[PARTS].settings.server.public_url.origin
    if not is_own_request(
        origin=request.headers.get("Origin"),
        referer=request.headers.get("Referer"),
        fetch_site=request.headers.get("Sec-Fetch-Site"),
        own_origin=own_origin,
    ):
        raise CallStopped(of_problem(Problem.BAD_FORM, "Another site's page may not call this."))


async def read_body(request: web.Request, model: type[AnyBody]) -> AnyBody:
    """What was sent, if it is JSON of this shape. Raises `CallStopped`, which quotes nothing of it."""
    if request.content_type != "application/json" or (request.charset or "utf-8").lower() != "utf-8":
        raise CallStopped(bad_request("Send JSON in UTF-8, with Content-Type: application/json."))
    if len(body := await request.read()) > MAX_BODY_BYTES:
        raise CallStopped(of_problem(Problem.BODY_TOO_LARGE))
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = next((each for each in first["loc"] if each in model.model_fields), "")
        what = "is no key of this operation" if first["type"] == "extra_forbidden" else first["msg"]
        raise CallStopped(bad_request(f"{place}: {what}" if place else f"The body: {what}")) from None


def _token(request: web.Request) -> str:
    match = _BEARER.fullmatch(request.headers.get("Authorization", ""))
    return "" if match is None else match[1]


def _operation_of(request: web.Request) -> str:
    """For the log; empty for none. What was sent may hold a secret."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical
