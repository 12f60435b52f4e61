"""Forms that meet an ended or too weak session: which are kept, and how a kept one is sent on.

The portal keeps and shows them (`proxy.portal.kept_request`). The button of its page posts to the form's own target a
body of `SENDING_BYTES`, which is read here until it is clear whether it is that button's or the app's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from proxy.forwarding.exchange import Exchange
from proxy.forwarding.routes import Route
from proxy.http.problem import Problem
from proxy.http.request_head import RequestHead, parse_request_head
from proxy.http.reserved import MAX_RETURN_TARGET_BYTES
from proxy.operations.store_errors import StoreUnavailable
from proxy.pages.answers import wants_page
from proxy.sessions.kept_requests import (
    SENDING_BYTES,
    KeptRequest,
    KeptRequests,
    SendButton,
    begins_sending,
    read_sending,
)
from proxy.sessions.session import Session

if TYPE_CHECKING:
    from proxy.forwarding.client_connection import ClientConnection

SENDING_SECONDS = 30.0
"""How long the button's few bytes, or the store, may take."""
_NOTHING_SENT = frozenset((Problem.UPSTREAM_UNREACHABLE, Problem.OVERLOADED))
_URLENCODED = b"application/x-www-form-urlencoded"
_FORM_TYPES = (_URLENCODED, b"multipart/form-data", b"text/plain")
"""HTML standard, "form submission": the three that a page can send without a script."""


def is_form(head: RequestHead) -> bool:
    """Whether a person sent this from a page and waits for the next page."""
    if head.method != b"POST" or not wants_page(head.accept, head.fetch_mode, head.fetch_dest, b"GET"):
        return False
    return _content_type(head) in _FORM_TYPES


def is_sent_from_page(head: RequestHead) -> bool:
    """Whether a person waits for the next page, of whatever kind the body is that their browser sent."""
    if is_form(head):
        return True
    return head.has_body and head.fetch_mode is not None and wants_page(None, head.fetch_mode, head.fetch_dest, b"GET")


def _content_type(head: RequestHead) -> bytes:
    """Without parameters; empty where there is not exactly one."""
    types = [line[13:].strip(b" \t").lower() for line in head.lines if line[:13].lower() == b"content-type:"]
    return types[0].partition(b";")[0].rstrip(b" \t") if len(types) == 1 else b""


def may_be_kept(head: RequestHead) -> bool:
    """Whether a form's target is one that can be shown and posted to again."""
    return len(head.target) <= MAX_RETURN_TARGET_BYTES and head.target.isascii()


def may_be_sending(head: RequestHead) -> bool:
    """Whether this may be the button of the page that shows a kept form: what a browser sends for it, nothing else.

    Its body is waited for here, and nobody would tell a client that waits for ``100 Continue`` to send one.
    """
    return (
        head.content_length == SENDING_BYTES
        and not head.expects_continue
        and is_form(head)
        and _content_type(head) == _URLENCODED
    )


def restored(button: RequestHead, kept: KeptRequest, cookie: bytes) -> RequestHead:
    """The head of a kept form, as if it came now: read as strictly as the first time, on the button's connection.

    `cookie` is what the button came with, less Gatepost's own. Cookies for parts of the app came only with the form.
    """
    lines = [
        b"POST " + kept.target.encode("ascii") + b" HTTP/1.1",
        b"Host: " + button.host_field,
        *kept.lines,
        b"Content-Length: %d" % len(kept.body),
    ]
    head = parse_request_head(b"\r\n".join(lines) + b"\r\n\r\n")
    head.cookie = _merged(kept.cookie, cookie) or None
    head.is_http_1_1, head.keeps_alive = button.is_http_1_1, button.keeps_alive
    head.authorization = button.authorization
    head.forwarded_for, head.forwarded_proto = button.forwarded_for, button.forwarded_proto
    head.forwarded_host, head.forwarded = button.forwarded_host, button.forwarded
    return head


def _merged(older: bytes, newer: bytes) -> bytes:
    """Two ``Cookie`` values as one; of a name in both, the newer."""
    pairs: dict[bytes, bytes] = {}
    for value in (older, newer):
        for pair in value.split(b";"):
            name = pair.partition(b"=")[0].strip(b" \t")
            if name:
                pairs[name] = pair.strip(b" \t")
    return b"; ".join(pairs.values())


class SentOn(Exchange):
    """A kept form on its way to the app. Where nothing of it got there, it is kept on before its sender is told."""

    keep_on: Callable[[], Awaitable[None]] | None = None
    _keeping_on: asyncio.Task[None] | None = None

    def _fail(self, problem: Problem, reason: str) -> None:
        if problem in _NOTHING_SENT and self.keep_on is not None:
            self._keeping_on = asyncio.get_running_loop().create_task(self._keep_on_and_fail(problem, reason))
        else:
            super()._fail(problem, reason)

    async def _keep_on_and_fail(self, problem: Problem, reason: str) -> None:
        keep_on, self.keep_on = self.keep_on, None
        with suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(SENDING_SECONDS):
                if keep_on is not None:
                    await keep_on()
        self._fail(problem, reason)


class Keeping(Exchange):
    """A form on its way to the portal, which keeps it."""

    not_kept: Callable[[str], None]
    """Tells its sender that it was not, and why they were asked; the argument is for the log."""


class SendingFlow:
    """Stands in an exchange's place until the button's body is there and what it names was taken.

    `begin` makes the exchange that goes on: with the form that was kept, or (None) with what came, as it came.
    """

    is_answered = False

    def __init__(
        self,
        client: ClientConnection,
        route: Route,
        head: RequestHead,
        session: Session,
        *,
        kept_requests: KeptRequests,
        clock: Callable[[], float],
        begin: Callable[[KeptRequest | None], Exchange],
    ) -> None:
        self.route = route
        self.head = head
        self.session_id: str | None = session.session_id
        self._session = session
        self._client = client
        self._kept_requests = kept_requests
        self._clock = clock
        self._begin = begin
        self._body = b""
        self._token = ""
        self._taking: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._client.touch(SENDING_SECONDS)
        self.on_request_data(self._client.take_buffer())

    def judge(self) -> Callable[[Session], bool]:
        # Nothing was let through yet; the session that this began with is judged again once it is.
        return lambda session: False

    @property
    def is_request_over(self) -> bool:
        return len(self._body) >= SENDING_BYTES

    @property
    def takes_request_data(self) -> bool:
        return not self.is_request_over

    def on_request_data(self, data: bytes) -> None:
        self._body += data
        if not begins_sending(self._body):
            body, self._body = self._body, b""
            self._client.keep(body)
            self._go_on(None)
            return
        if not self.is_request_over:
            return
        self._body, behind = self._body[:SENDING_BYTES], self._body[SENDING_BYTES:]
        sending = read_sending(self._body)
        if sending is None:
            self._client.keep(self._body + behind)
            self._go_on(None)
        else:
            self._client.keep(behind)
            self._token = sending.token
            self._taking = asyncio.get_running_loop().create_task(self._take(sending))

    async def _take(self, sending: SendButton) -> None:
        try:
            kept = await self._kept_requests.take(
                sending,
                session_id=self._session.session_id,
                guid=self._session.principal.guid,
                host=self.route.host_name,
                target=self.head.target.decode("latin-1"),
                now=self._clock(),
            )
            self._taking = None
            if kept is None:
                self._fail(Problem.KEPT_FORM_GONE, "sent already, or over")
            else:
                self._go_on(kept)
        except StoreUnavailable as exc:
            self._taking = None
            self._fail(Problem.STORE_UNAVAILABLE, str(exc))
        except Exception as exc:  # noqa: BLE001  # the border of one request, again: this is a task of its own
            self._taking = None
            self._client.on_exchange_error(exc)

    def _go_on(self, kept: KeptRequest | None) -> None:
        exchange = self._begin(kept)
        if kept is not None and isinstance(exchange, SentOn):
            exchange.keep_on = partial(self._kept_requests.keep_on, self._token, kept)
            self._client.keep(kept.body + self._client.take_buffer())
        self._client.exchange = exchange
        exchange.start()

    def _fail(self, problem: Problem, reason: str) -> None:
        self._client.on_exchange_failed(problem, reason, is_request_over=self.is_request_over)

    # What else a connection says to its exchange.

    def on_client_full(self) -> None:
        """Nothing is being said."""

    def on_client_drained(self) -> None:
        """Nothing is being said."""

    def on_deadline(self) -> None:
        self.abort()
        if self.is_request_over:
            self._fail(Problem.STORE_UNAVAILABLE, "no decision in time")
        else:
            self._fail(Problem.REQUEST_TIMEOUT, "the body stopped")

    def abort(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None
