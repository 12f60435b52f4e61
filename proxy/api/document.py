"""The OpenAPI 3.1 document, made from the models that check what comes in and write what goes out. Pure."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from proxy.api.models import ErrorAnswer
from proxy.api.refusals import STATUS, CallRefusal
from proxy.http.reserved import API

_SCHEMAS = "#/components/schemas/{model}"
_TEXT: dict[str, Any] = {"schema": {"type": "string"}}
_WAIT: dict[str, Any] = {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds (RFC 9110)."}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    method: str
    path: str
    """Below `API`."""
    summary: str
    take: Callable[..., Awaitable[BaseModel | CallRefusal | None]]
    """Called with the call and, where there is one, the body."""
    body: type[BaseModel] | None = None
    """None: it wants a token instead."""
    answers: tuple[type[BaseModel], ...] = ()
    """None: 204."""


def document(operations: Sequence[Operation], *, origin: str) -> bytes:
    """As JSON. `origin`: of the sign-in host."""
    bodies = [each.body for each in operations if each.body is not None]
    answers = dict.fromkeys([model for each in operations for model in each.answers] + [ErrorAnswer])
    _, schemas = models_json_schema(
        [*((model, "validation") for model in bodies), *((model, "serialization") for model in answers)],
        ref_template=_SCHEMAS,
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(f"/{operation.path}", {})[operation.method.lower()] = _described(operation)
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "Gatepost: sign-in", "version": "1"},
        "servers": [{"url": origin + API.rstrip("/")}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }
    return json.dumps(whole, ensure_ascii=False).encode() + b"\n"


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": f"{operation.method.lower()}-{operation.path}",
        "summary": operation.summary,
        "responses": dict(_responses(operation)),
    }
    if operation.body is None:
        described["security"] = [{"token": []}]
    else:
        described["requestBody"] = {"required": True, "content": _json([operation.body])}
    return described


def _responses(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    if operation.answers:
        yield "200", {"description": "Done.", "content": _json(operation.answers)}
    else:
        yield "204", {"description": "Done."}
    statuses = list(STATUS.values())
    if operation.body is None:
        statuses.remove(STATUS["bad_request"])
        statuses.remove(STATUS["throttled"])
    else:
        statuses.append(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    for status in sorted(statuses):
        refused: dict[str, Any] = {"description": HTTPStatus(status).phrase, "content": _json([ErrorAnswer])}
        if status == STATUS["refused"]:
            refused["headers"] = {"WWW-Authenticate": _TEXT | {"required": True}, "Retry-After": _WAIT}
        elif status in (STATUS["throttled"], STATUS["unavailable"]):
            refused["headers"] = {"Retry-After": _WAIT | {"required": True}}
        yield str(status), refused


def _json(models: Iterable[type[BaseModel]]) -> dict[str, Any]:
    found = [{"$ref": _SCHEMAS.format(model=model.__name__)} for model in models]
    return {"application/json": {"schema": found[0] if len(found) == 1 else {"oneOf": found}}}
