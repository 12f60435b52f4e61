"""The button that sends a kept form on: read until it is clear whether it is that or an app's own form."""

from __future__ import annotations

import asyncio

from proxy.forwarding.client_side import ClientSide
from proxy.forwarding.context import Context
from proxy.forwarding.gate import Gate
from proxy.forwarding.told_end import ExchangeMaker
from proxy.forwarding.verdict import AwaitButton, SentOn
from proxy.http.problem import Problem
from proxy.operations.store_errors import StoreUnavailable
from proxy.sessions.kept_requests import SENDING_BYTES, SendButton, begins_sending, read_sending
from proxy.sessions.session import Session

SENDING_SECONDS = 30.0
"""How long the button's few bytes, or the store, may take."""


class Resending:
    """Stands in an exchange's place until the button's body is there and what it names was taken.

    Then an exchange takes over: with the kept form, or with the request exactly as it came.
    """

    is_answered = False
    not_kept = None

    def __init__(
        self, client: ClientSide, context: Context, awaited: AwaitButton, gate: Gate, exchange: ExchangeMaker
    ) -> None:
        self.head = awaited.request.head
        self.app_name = awaited.request.route.upstream.name
        self.session_id = awaited.session.session_id
        self._client = client
        self._context = context
        self._awaited = awaited
        self._gate = gate
        self._exchange = exchange
        self._body = b""
        self._taking: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._client.touch(SENDING_SECONDS)
        self.on_request_data(self._client.take_buffer())

    def is_open_to(self, session: Session) -> bool:
        # Nothing was let through yet; the session that this began with is judged again once it is.
        return False

    @property
    def is_request_over(self) -> bool:
        return len(self._body) >= SENDING_BYTES

    @property
    def is_in_use(self) -> bool:
        return self.takes_request_data

    @property
    def takes_request_data(self) -> bool:
        return not self.is_request_over

    def on_request_data(self, data: bytes) -> None:
        self._body += data
        if not begins_sending(self._body):
            body, self._body = self._body, b""
            self._client.keep(body)
            self._forward_as_it_came()
            return
        if not self.is_request_over:
            return
        self._body, behind = self._body[:SENDING_BYTES], self._body[SENDING_BYTES:]
        sending = read_sending(self._body)
        if sending is None:
            self._client.keep(self._body + behind)
            self._forward_as_it_came()
        else:
            self._client.keep(behind)
            self._taking = asyncio.get_running_loop().create_task(self._take(sending))

    async def _take(self, sending: SendButton) -> None:
        session = self._awaited.session
        try:
            form = await self._context.kept_requests.take(
                sending,
                session_id=session.session_id,
                guid=session.principal.guid,
                host=self._awaited.request.route.host_name,
                target=self.head.target.decode("latin-1"),
                now=self._context.clock(),
            )
            self._taking = None
            if form is None:
                self._fail(Problem.KEPT_FORM_GONE, "sent already, or over")
                return
            sent = self._gate.forward_kept(self._awaited, SentOn(token=sending.token, form=form))
            self._client.keep(form.body + self._client.take_buffer())
            self._client.serve(self._exchange(self._client, self._context, sent.head, sent.forward))
        except StoreUnavailable as exc:
            self._taking = None
            self._fail(Problem.STORE_UNAVAILABLE, str(exc))
        except Exception as exc:  # noqa: BLE001  # the border of one request, again: this is a task of its own
            self._taking = None
            self._client.on_exchange_error(exc)

    def _forward_as_it_came(self) -> None:
        awaited = self._awaited
        forward = self._gate.forward(awaited.request, awaited.session, awaited.identity_block)
        self._client.serve(self._exchange(self._client, self._context, self.head, forward))

    def _fail(self, problem: Problem, reason: str) -> None:
        self._client.on_exchange_failed(problem, reason, is_request_over=self.is_request_over)

    # What else a connection says to what it serves.

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
