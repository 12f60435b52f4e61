"""One connection from a client: reads one head after the other, and is where its answers go out.

Requests that are pipelined wait, within a bound, and are answered in order. `deadline` is an instant of the event
loop's clock, looked at by the plane's one timer.

What a connection is doing is one `ClientState`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from enum import Enum, auto
from typing import Protocol, cast

from proxy.forwarding.client_places import ClientPlaces
from proxy.forwarding.client_side import ServedRequest, TunnelOpening
from proxy.forwarding.context import Context
from proxy.forwarding.gate import Gate
from proxy.forwarding.head_memory import HeadMemory
from proxy.forwarding.lingering import Lingering
from proxy.forwarding.listeners import Arrival, Slot
from proxy.forwarding.own_answers import with_line
from proxy.forwarding.public_tls import names_by_sni
from proxy.forwarding.reception import Reception
from proxy.forwarding.states import ClientState
from proxy.forwarding.traced import TracedReception
from proxy.forwarding.unread import has_unread
from proxy.forwarding.verdict import RefuseRequest
from proxy.http.head_buffer import HeadBuffer
from proxy.http.problem import Problem
from proxy.http.request_head import RefusedHead
from proxy.sessions.session import Session
from proxy.upstreams.connection import WRITE_BUFFER_BYTES

HALF_CLOSED_SECONDS = 3.0
"""A client that ended its stream may still wait for its answer, or be gone: how long we wait to find out."""
_NEVER = float("inf")
# Bound once: the look-up of an enum's member by its name costs more than the comparison.
_READING, _DECIDING, _SERVING = ClientState.READING, ClientState.DECIDING, ClientState.SERVING
_ENDING, _OVER = ClientState.ENDING, ClientState.OVER


class Hold(Enum):
    """Why nothing is read from a client for now."""

    UPSTREAM = auto()
    """The upstream has enough."""
    BUFFER = auto()
    """Enough waits for its turn."""


class Roll(Protocol):
    """The plane's record of everything that is open, as a connection reports to it."""

    def add_connection(self, connection: ClientConnection) -> None: ...

    def note_session(self, connection: ClientConnection, session_id: str) -> None:
        """From now on this connection carries requests of that session."""

    def forget_connection(self, connection: ClientConnection) -> None: ...

    def open_tunnel(self, client: asyncio.Transport, opening: TunnelOpening, slot: Slot) -> None:
        """`slot` stays the client's until the tunnel ends."""


class ClientConnection:
    """An `asyncio.Protocol`, between the transport, the reception and the request that is served (see `ClientSide`)."""

    transport: asyncio.Transport
    _gate: Gate
    _reception: Reception

    def __init__(self, context: Context, roll: Roll, arrival: Arrival, slot: Slot) -> None:
        self._context = context
        self._moment = context.moment
        self._roll = roll
        self._arrival = arrival
        self._slot = slot
        self.state = _READING
        self.served: ServedRequest | None = None
        """While the state is `SERVING`, and only then."""
        self.deadline = _NEVER
        self.session_id: str | None = None
        """The session of the last request. The plane uses it to find what a session has open."""
        self.is_kept = True
        self._memory = HeadMemory()
        self._max_head_bytes = context.max_head_bytes
        self._waiting = HeadBuffer(context.max_head_bytes)
        self._holds: frozenset[Hold] = frozenset()
        self.is_full = False
        """Whether the client reads too slowly to be sent more now."""
        self._has_ended = False
        """Whether the client has ended its stream (and may still wait for its answer)."""
        self.lingering: Lingering | None = None
        """While the state is `ENDING`."""

    @property
    def transport_security(self) -> bytes | None:
        return self._gate.transport_security

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(WRITE_BUFFER_BYTES)
        by_sni = names_by_sni(transport.get_extra_info("ssl_object")) if self._arrival.is_tls else None
        places = ClientPlaces(self._arrival, reads_forwarded=self._context.reads_forwarded)
        self._gate = Gate(self._context, places, self._memory, by_sni)
        traces = self._context.traces
        self._reception = (
            Reception(self._context, self, places, self._gate)
            if traces is None
            else TracedReception(self._context, self, places, self._gate, traces=traces)
        )
        self._await_head()
        self._roll.add_connection(self)
        self._slot.arrived()

    def data_received(self, data: bytes) -> None:
        state = self.state
        if state is _READING and not self.is_full:
            waiting = self._waiting
            if not waiting.data and len(data) <= self._max_head_bytes:
                head = self._memory.recall(data)
                if head is not None:
                    self.is_kept = head.fields.keeps_alive and not self._moment.is_closing
                    self._reception.receive(head)
                    return
            waiting.data = waiting.data + data if waiting.data else data
            self._read_heads()
        elif self.served is not None and self.served.takes_request_data:
            self.served.on_request_data(data)
        elif state is _ENDING:
            if self.lingering is not None:
                self.deadline = self.lingering.discard(len(data), self._moment.now)
        else:
            self.keep(data)

    def eof_received(self) -> bool:
        self._has_ended = True
        served, is_idle = self.served, self.state is _READING or self.state is _ENDING
        if is_idle or self._arrival.is_tls or (served is not None and not served.is_request_over):
            return False
        self.is_kept = False
        self.deadline = min(self.deadline, self._moment.now + HALF_CLOSED_SECONDS)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._slot.give_back()
        self._roll.forget_connection(self)
        self._reception.cancel()
        served = self._leave_served(_OVER)
        if served is not None:
            served.abort()

    def pause_writing(self) -> None:
        self.is_full = True
        if self.served is not None:
            self.served.on_client_full()

    def resume_writing(self) -> None:
        self.is_full = False
        if self.served is not None:
            self.served.on_client_drained()
        else:
            self.read_on()

    # Reading.

    def _read_heads(self) -> None:
        """Take one request after the other out of what waits, until one has to be waited for."""
        waiting = self._waiting
        while waiting.data and self.state is _READING and not self.is_full:
            was_partial, raw = waiting.is_partial, None
            try:
                raw = waiting.next_head()
                if raw is None:
                    if waiting.is_partial and not was_partial:
                        self.deadline = self._moment.now + self._context.head_timeout
                    return
                head = self._memory.read(raw)
            except RefusedHead as refused:
                verdict = RefuseRequest(problem=refused.problem, reason=refused.reason)
                self._reception.refuse(verdict, sent=raw or waiting.data)
                return
            self.is_kept = head.fields.keeps_alive and not self._moment.is_closing
            self._reception.receive(head)
        if waiting.data and self.state is not _ENDING:
            self.keep(b"")

    def keep(self, data: bytes) -> None:
        self._waiting.data += data
        if self._waiting.is_full:
            self._hold(Hold.BUFFER, is_held=True)

    def take_buffer(self) -> bytes:
        if self._holds:
            self._hold(Hold.BUFFER, is_held=False)
        return self._waiting.take()

    def hold_reading(self, is_held: bool) -> None:
        self._hold(Hold.UPSTREAM, is_held=is_held)

    def _hold(self, hold: Hold, *, is_held: bool) -> None:
        if (hold in self._holds) is is_held:
            return
        self._holds = self._holds ^ {hold}
        self._apply_holds()

    def _apply_holds(self) -> None:
        if self.state is _OVER or self.transport.is_closing():
            return
        if self._holds:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def touch(self, seconds: float) -> None:
        self.deadline = self._moment.now + (HALF_CLOSED_SECONDS if self._has_ended else seconds)

    def read_on(self) -> None:
        if self._waiting.data and self.state is _READING and not self.is_full:
            if self._holds:
                self._hold(Hold.BUFFER, is_held=False)
            self._read_heads()

    # What becomes of a request.

    def decide_later(self, seconds: float) -> None:
        self.state = self.state.then[_DECIDING]
        self.deadline = self._moment.now + seconds

    def serve(self, request: ServedRequest) -> None:
        self.state = self.state.then[_SERVING]
        session_id = request.session_id
        if session_id is not None and session_id != self.session_id:
            self._roll.note_session(self, session_id)
        self.served = request
        request.start()

    def _leave_served(self, state: ClientState) -> ServedRequest | None:
        """It is not served any more."""
        self.state = self.state.then[state]
        served, self.served = self.served, None
        return served

    def answer(self, data: bytes, *, closes: bool, is_patient: bool = False) -> None:
        if self.state is _OVER or self.state is _ENDING:
            return
        served, self.served = self.served, None
        if served is not None:
            served.abort()
        if self.transport_security is not None:
            data = with_line(data, self.transport_security)
        self.transport.write(data)
        if closes:
            self._linger(is_patient=is_patient)
        else:
            if self.state is not _READING:
                self.state = self.state.then[_READING]
            self._await_head()

    def _await_head(self) -> None:
        self.deadline = self._moment.now + self._moment.keep_alive_timeout

    def _linger(self, *, is_patient: bool = False) -> None:
        """Close so that the client can still read its answer, even if it goes on sending."""
        self.state = self.state.then[_ENDING]
        self._waiting.take()
        self._holds = frozenset()
        self._apply_holds()
        if self.transport.can_write_eof() and not self._has_ended:
            self.transport.write_eof()
        elif self._has_ended or not is_patient:  # TLS has no half-closed connections: a patient one stays as it is
            self.transport.close()
        self._stay(is_patient=is_patient and not self._has_ended)

    def _close(self) -> None:
        """Say nothing more, and hear nothing more, once what was said has reached the client."""
        self.state = self.state.then[_ENDING]
        self.transport.close()
        self._stay(is_patient=False)

    def _stay(self, *, is_patient: bool) -> None:
        self.lingering = Lingering(
            self._moment.now,
            is_flushed=self.transport.get_write_buffer_size() == 0,
            is_patient=is_patient,
            min_body_rate=self._context.min_body_rate,
        )
        self.deadline = self.lingering.deadline

    # What is served calls these.

    def on_exchange_over(self, is_request_over: bool) -> None:
        served = self.served
        if not is_request_over:
            self.served = None
            self._linger(is_patient=served is not None and served.not_kept is not None)
        elif not self.is_kept:
            self.served = None
            self._close()
        else:
            self.served, self.state = None, self.state.then[_READING]
            self.deadline = self._moment.now + self._moment.keep_alive_timeout
            if self._holds:
                self.hold_reading(False)
            if self._waiting.data:
                self.read_on()

    def on_exchange_failed(self, problem: Problem, reason: str, *, is_request_over: bool) -> None:
        served, self.served = self.served, None
        if served is None or self.state is _OVER:
            return
        if served.is_answered:
            client = self._arrival.address
            self._context.log.info("answer.broken_off", problem=problem.value, reason=reason, client_address=client)
            self.transport.abort()
            return
        if served.not_kept is not None and problem is Problem.REQUEST_TIMEOUT:
            self._reception.refuse(replace(served.not_kept, reason=reason), served.head)
        else:
            verdict = RefuseRequest(problem=problem, reason=reason, app_name=served.app_name, ends=not is_request_over)
            self._reception.refuse(verdict, served.head)
        self.read_on()

    def on_exchange_error(self, exc: Exception) -> None:
        if self.served is not None and self.state is not _OVER:
            self._reception.refuse(RefuseRequest.because_of(exc), self.served.head)

    def become_tunnel(self, head: bytes, opening: TunnelOpening) -> None:
        self._leave_served(ClientState.TUNNEL)
        self.deadline = _NEVER
        self.transport.write(head + opening.first)
        pending = self.take_buffer()
        if pending:
            opening.upstream.transport.write(pending)
        self._roll.forget_connection(self)
        self._roll.open_tunnel(self.transport, opening, self._slot)
        if self.is_full:  # the tunnel hears of it only when that is over
            opening.upstream.transport.pause_reading()

    # The plane's calls.

    def on_deadline(self) -> None:
        self.deadline = _NEVER
        if self.served is not None:
            self.served.on_deadline()
        elif self.state is _DECIDING:
            self._reception.give_up()
        elif self.state is _ENDING or self.transport.is_closing():
            self.transport.abort()
        elif not self._waiting.is_partial:
            if has_unread(self.transport):
                # A request that raced with its end: the next tick is early enough.
                self.deadline = self._moment.now
            else:
                self._close()
        else:
            slow = RefuseRequest(problem=Problem.REQUEST_TIMEOUT, reason="slow head")
            self._reception.refuse(slow, sent=self._waiting.data)

    def end_session(self, session_id: str) -> None:
        """The session is over, and so are its requests in flight."""
        if self.served is not None and self.served.session_id == session_id:
            self.transport.abort()

    def judge_again(self, session: Session) -> None:
        """The session's principal has changed: a request in flight ends if it would no longer be admitted."""
        served = self.served
        if served is not None and served.session_id == session.session_id and not served.is_open_to(session):
            self.transport.abort()

    def prepare_to_close(self) -> None:
        """Going down: the current answer is the last, or the next one if this one has promised that one may follow."""
        if self.state is _ENDING:
            return
        if self.state is _READING and not self._waiting.is_partial:
            self.deadline = min(self.deadline, self._moment.now + self._moment.keep_alive_timeout)
            if self.deadline <= self._moment.now:
                self.on_deadline()
        elif self.served is None or not self.served.is_answered:
            self.is_kept = False
