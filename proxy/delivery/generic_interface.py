"""Any SMS gateway that one HTTPS request can describe, as in `[sms.http.NAME]`. Pure.

Each value is escaped for the place where it stands, so that no text or number can change the request around it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

from config.tables.gateway_values import fill
from config.tables.sms_gateways import HTTPGatewaySettings
from proxy.delivery.channel import Blame, Outcome, SendResult
from proxy.delivery.http_sms import Interface, verdict_on_status
from proxy.delivery.https_client import HTTPSAnswer, Request

_ESCAPES: dict[str, Callable[[str], str]] = {
    "json": lambda value: json.dumps(value)[1:-1],
    "form": quote_plus,
    "xml": lambda value: escape(value, {'"': "&quot;", "'": "&apos;"}),
}
_CONTENT_TYPES = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded; charset=utf-8",
    "xml": "application/xml; charset=utf-8",
}
_SEARCHED_CHARACTERS = 4096
"""How much of an answer is searched: the pattern is the operator's, but the answer is not."""


class GenericInterface(Interface):
    def __init__(self, settings: HTTPGatewaySettings) -> None:
        """Settings as `config.tables.sms_gateways` let them pass."""
        self._settings = settings
        username = settings.username or ""
        password = settings.password.get_secret_value() if settings.password is not None else ""
        self._values = {
            "username": username,
            "password": password,
            "token": settings.token.get_secret_value() if settings.token is not None else "",
            "sender": settings.sender or "",
            "basic": base64.b64encode(f"{username}:{password}".encode()).decode(),
        }
        patterns = (settings.success, settings.failure, settings.refused)
        self._success, self._failure, self._refused = (re.compile(each) if each else None for each in patterns)

    @property
    def url(self) -> str:
        return fill(self._settings.url or "", {"number": "0", "username": quote(self._values["username"], safe="")})

    def message(self, number: str, text: str, message_id: str) -> Request:
        settings = self._settings
        values = {**self._values, "number": number, "text": text, "message_id": message_id}
        escaped = {name: _ESCAPES[settings.body_type](value) for name, value in values.items()}
        headers = {name: fill(template, values) for name, template in settings.headers.items()}
        return Request(
            method=settings.method,
            url=fill(settings.url or "", {name: quote(value, safe="") for name, value in values.items()}),
            headers={"Content-Type": _CONTENT_TYPES[settings.body_type], **headers},
            body=fill(settings.body or "", escaped).encode(),
        )

    def judge(self, answer: HTTPSAnswer) -> SendResult:
        """By the operator's patterns; without a `success` pattern every 2xx took the message.

        Raises nothing; what an answer says is never repeated.
        """
        said = answer.text[:_SEARCHED_CHARACTERS]
        if self._refused is not None and self._refused.search(said):
            reason = "the gateway refused this number"
            return SendResult(outcome=Outcome.REFUSED, code=answer.status, reason=reason, blame=Blame.RECIPIENT)
        wrong = verdict_on_status(answer.status)
        if wrong is not None and wrong.outcome is not Outcome.UNKNOWN:
            return wrong
        if self._failure is not None and self._failure.search(said):
            reason = "the gateway's answer matches failure"
            return SendResult(outcome=Outcome.UNAVAILABLE, code=answer.status, reason=reason, blame=Blame.SERVICE)
        if wrong is not None:
            return wrong
        if self._success is None or self._success.search(said):
            return SendResult(outcome=Outcome.ACCEPTED, code=answer.status)
        reason = "the gateway's answer matches neither success nor failure"
        return SendResult(outcome=Outcome.UNKNOWN, code=answer.status, reason=reason, blame=Blame.SERVICE)
