"""Exchanges whose answer says when the session ends, for apps that ask for it (`tells_session_end`)."""

from __future__ import annotations

from collections.abc import Callable

from proxy.forwarding.client_side import ClientSide
from proxy.forwarding.context import Context
from proxy.forwarding.exchange import Exchange
from proxy.forwarding.verdict import Forward, TellingForward
from proxy.http.request_head import RequestHead
from proxy.http.response_head import ResponseHead

ExchangeMaker = Callable[[ClientSide, Context, RequestHead, Forward], Exchange]


class TellingExchange(Exchange):
    """The app's own copy of the field was removed when the head was read."""

    def _begin_answer(self, head: ResponseHead, data: bytes) -> None:
        tell_end(head, self._context, self.session_id)
        super()._begin_answer(head, data)


def tell_end(head: ResponseHead, context: Context, session_id: str | None) -> None:
    ends_at = None if session_id is None else context.sessions.ends_at(session_id)
    if ends_at is not None:
        head.lines.append(b"Gatepost-Session-Ends: %d" % ends_at)


def exchange_for(client: ClientSide, context: Context, head: RequestHead, forward: Forward) -> Exchange:
    kind = TellingExchange if isinstance(forward, TellingForward) else Exchange
    return kind(client, context, head, forward)
