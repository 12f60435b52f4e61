"""What a client connection and the requests that it carries see of each other, and of the plane."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from proxy.forwarding.verdict import RefuseRequest
from proxy.http.problem import Problem
from proxy.http.request_head import RequestHead
from proxy.sessions.session import Session
from proxy.upstreams.connection import UpstreamConnection


class ServedRequest(Protocol):
    """What a connection is serving: an exchange, or what precedes one."""

    @property
    def head(self) -> RequestHead: ...
    @property
    def app_name(self) -> str: ...
    @property
    def session_id(self) -> str | None: ...
    @property
    def not_kept(self) -> RefuseRequest | None:
        """What its sender is told if it is a form that does not reach the portal in time."""

    @property
    def is_answered(self) -> bool:
        """Whether the first byte of the final answer went to the client."""

    @property
    def is_request_over(self) -> bool: ...
    @property
    def takes_request_data(self) -> bool:
        """Whether what the client sends now belongs to this request's body and can go on at once."""

    @property
    def is_in_use(self) -> bool:
        """Whether its client sends a body, or is sent one that will end: that is a use of its session."""

    def is_open_to(self, session: Session) -> bool:
        """Whether this may go on with a session whose principal has changed."""

    def start(self) -> None: ...
    def on_request_data(self, data: bytes) -> None: ...
    def on_client_full(self) -> None: ...
    def on_client_drained(self) -> None: ...
    def on_deadline(self) -> None:
        """Nothing moved within the allowed time."""

    def abort(self) -> None:
        """The client is gone, or the session is over: nobody waits for the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelOpening:
    """What an exchange leaves behind for the tunnel that takes its place."""

    upstream: UpstreamConnection
    first: bytes
    """What the upstream sent behind its head; it is passed on before the tunnel begins."""
    session_id: str | None
    is_open_to: Callable[[Session], bool]
    """Whether its session, changed, would still be let in."""
    is_websocket: bool
    idle_seconds: float
    """How long nothing may pass."""


class ClientSide(Protocol):
    """A connection, as what it serves sees it."""

    transport: asyncio.Transport
    deadline: float
    """When it is to be looked at if nothing moves until then; the loop's time."""
    is_kept: bool
    """Whether the connection stays open after the current answer."""

    @property
    def transport_security(self) -> bytes | None:
        """The ``Strict-Transport-Security`` line that the current answer carries."""

    def touch(self, seconds: float) -> None:
        """Something moved: from now on, `seconds` may pass until the next."""

    def keep(self, data: bytes) -> None:
        """Set aside what comes before its turn; beyond a bound, read no more."""

    def take_buffer(self) -> bytes:
        """What waits is the current request's body, or its tunnel's."""

    def hold_reading(self, is_held: bool) -> None:
        """Whether the upstream has enough for now."""

    def decide_later(self, seconds: float) -> None:
        """What becomes of the current request is not known yet, and has to be within `seconds`."""

    def serve(self, request: ServedRequest) -> None:
        """Begin with it, in place of whatever preceded it."""

    def answer(self, data: bytes, *, closes: bool, is_patient: bool = False) -> None:
        """Gatepost's own. `is_patient`: whether a browser goes on with its upload before it shows this."""

    def read_on(self) -> None:
        """The current request is settled: go on with what came behind it."""

    def on_exchange_over(self, is_request_over: bool) -> None:
        """The answer was handed to the transport."""

    def on_exchange_failed(self, problem: Problem, reason: str, *, is_request_over: bool) -> None: ...

    def on_exchange_error(self, exc: Exception) -> None:
        """An unforeseen error outside the reception's own border."""

    def become_tunnel(self, head: bytes, opening: TunnelOpening) -> None:
        """`head` goes to the client before anything else does."""
