"""One connection from a client: reads one head after the other, and is where its answers go out.

Requests that are pipelined wait, within a bound, and are answered in order. `deadline` is an instant of the event
loop's clock, looked at by the plane's one timer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from proxy.forwarding.client_places import ClientPlaces
from proxy.forwarding.exchange import Exchange
from proxy.forwarding.head_memory import HeadMemory
from proxy.forwarding.kept_forms import Keeping, SendingFlow
from proxy.forwarding.listeners import Arrival, Slot
from proxy.forwarding.own_answers import OwnAnswers
from proxy.forwarding.public_tls import names_by_sni
from proxy.forwarding.reception import Reception
from proxy.forwarding.refusals import with_line
from proxy.forwarding.unread import has_unread
from proxy.http.head_buffer import HeadBuffer
from proxy.http.plain_head import read_head
from proxy.http.problem import Problem
from proxy.http.request_head import RefusedHead
from proxy.sessions.session import Session
from proxy.upstreams.connection import WRITE_BUFFER_BYTES, UpstreamConnection

if TYPE_CHECKING:
    from proxy.forwarding.plane import ForwardingPlane

LINGER_SECONDS = 2.0
"""How long what a refused client still sends is read and thrown away, so that it gets to see the answer."""
PATIENT_SECONDS = 300.0
"""How long at most, where a person sent it from a page: a browser shows the answer only once its upload is through."""
PATIENT_PAUSE_SECONDS = 10.0
"""Within this, such an upload has to bring what `server.min_body_rate` asks for."""
FLUSH_SECONDS = 60.0
"""How long the last of an answer may take to reach a slow reader once the connection is to be closed."""
HALF_CLOSED_SECONDS = 3.0
"""A client that sent its end of stream may wait for its answer, or be gone: how long it may stay silent which it is."""
_NEVER = float("inf")


class ClientConnection(asyncio.Protocol):
    """Between the transport, the gate and the current exchange."""

    def __init__(self, plane: ForwardingPlane, arrival: Arrival, slot: Slot) -> None:
        self.plane = plane
        self._arrival = arrival
        self._slot = slot
        self.transport: asyncio.Transport
        self.deadline = _NEVER
        self.exchange: Exchange | SendingFlow | None = None
        self.session_id: str | None = None
        """Whose request came last; the plane finds what a session has open by it."""
        self.is_kept = True
        """Whether the connection stays open after the current answer."""
        self._reception: Reception
        self._answers: OwnAnswers
        self.memory = HeadMemory()
        self._max_head_bytes = plane.max_head_bytes
        self._waiting = HeadBuffer(plane.max_head_bytes)
        self._is_lingering = False
        self._patient_until = 0.0
        """Until when what a refused client still sends is read; the loop's time."""
        self._discarded = 0
        self._is_full = False
        """Whether the client reads too slowly for anything more to be said now."""
        self.is_over = False
        """Whether the transport is gone."""
        self._has_ended = False
        self._held_by_upstream = False
        self._held_by_buffer = False

    @property
    def transport_security(self) -> bytes | None:
        """The ``Strict-Transport-Security`` line that the current answer carries."""
        return self._reception.transport_security

    @property
    def min_body_rate(self) -> int:
        return self.plane.min_body_rate

    @property
    def is_idle(self) -> bool:
        return self.exchange is None and self._reception.deciding is None

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(WRITE_BUFFER_BYTES)
        by_sni = names_by_sni(transport.get_extra_info("ssl_object")) if self._arrival.is_tls else None
        places = ClientPlaces(self._arrival)
        self._answers = OwnAnswers(self.plane, self, places)
        self._reception = Reception(self.plane, self, self._arrival, places, self._answers, by_sni)
        self.deadline = self.plane.coarse_now + self.plane.keep_alive_timeout
        self.plane.add_connection(self)
        self._slot.arrived()

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is not None and exchange.takes_request_data:
            exchange.on_request_data(data)
        elif self._is_lingering:
            self._discard(len(data))
        elif exchange is not None or self._is_full or self._reception.deciding is not None:
            self.keep(data)
        else:
            waiting = self._waiting
            if not waiting.data and len(data) <= self._max_head_bytes:
                head = self.memory.recall(data)
                if head is not None:
                    self.is_kept = head.keeps_alive and not self.plane.is_closing
                    self._reception.receive(head)
                    return
            waiting.data = waiting.data + data if waiting.data else data
            self._read_heads()

    def eof_received(self) -> bool:
        self._has_ended = True
        if self.is_idle or self._arrival.is_tls or (self.exchange is not None and not self.exchange.is_request_over):
            return False
        self.is_kept = False
        self.deadline = min(self.deadline, self.plane.coarse_now + HALF_CLOSED_SECONDS)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_over = True
        self._slot.give_back()
        self.plane.forget_connection(self)
        self._reception.cancel()
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.abort()

    def pause_writing(self) -> None:
        self._is_full = True
        if self.exchange is not None:
            self.exchange.on_client_full()

    def resume_writing(self) -> None:
        self._is_full = False
        if self.exchange is not None:
            self.exchange.on_client_drained()
        else:
            self.read_on()

    # Reading.

    def _read_heads(self) -> None:
        """Take one request after the other out of what waits, until one has to be waited for."""
        waiting = self._waiting
        while waiting.data and self.is_idle and not (self._is_full or self.is_over or self._is_lingering):
            was_partial, raw = waiting.is_partial, None
            try:
                raw = waiting.next_head()
                if raw is None:
                    if waiting.is_partial and not was_partial:
                        self.deadline = self.plane.coarse_now + self.plane.head_timeout
                    return
                head = read_head(raw)
            except RefusedHead as refused:
                self._answers.refuse(refused.problem, refused.reason, sent=raw or waiting.data, closes=True)
                return
            self.is_kept = head.keeps_alive and not self.plane.is_closing
            self._reception.receive(head)
        if waiting.data and not self._is_lingering:
            self.keep(b"")

    def keep(self, data: bytes) -> None:
        """Set aside what comes before its turn; beyond a bound, read no more."""
        self._waiting.data += data
        if self._waiting.is_full:
            self._held_by_buffer = True
            self._apply_holds()

    def take_buffer(self) -> bytes:
        """What waits is the current request's body, or its tunnel's."""
        self._release()
        return self._waiting.take()

    def _release(self) -> None:
        if self._held_by_buffer:
            self._held_by_buffer = False
            self._apply_holds()

    def hold_reading(self, is_held: bool) -> None:
        """Whether the upstream has enough for now."""
        self._held_by_upstream = is_held
        self._apply_holds()

    def _apply_holds(self) -> None:
        if self.is_over or self.transport.is_closing():
            return
        if self._held_by_upstream or self._held_by_buffer:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def touch(self, seconds: float) -> None:
        """Something moved: from now on, `seconds` may pass until the next."""
        self.deadline = self.plane.coarse_now + (HALF_CLOSED_SECONDS if self._has_ended else seconds)

    def read_on(self) -> None:
        """The current request is settled: go on with what came behind it."""
        if self._waiting.data and self.is_idle and not (self._is_full or self._is_lingering):
            self._release()
            self._read_heads()

    # Gatepost's own answers.

    def send_own_answer(self, data: bytes, *, closes: bool, is_patient: bool = False) -> None:
        """`is_patient`: whether a person's browser goes on with its upload before it shows this."""
        if self.transport_security is not None:
            data = with_line(data, self.transport_security)
        self.transport.write(data)
        if closes:
            self._linger(is_patient=is_patient)
        else:
            self.deadline = self.plane.coarse_now + self.plane.keep_alive_timeout

    def _linger(self, *, is_patient: bool = False) -> None:
        """Close so that the client can still read its answer although it goes on sending (RFC 9112 section 9.6)."""
        self._waiting.take()
        self._is_lingering = True
        self._held_by_buffer = self._held_by_upstream = False
        self._apply_holds()
        if self.transport.can_write_eof() and not self._has_ended:
            self.transport.write_eof()
        elif self._has_ended or not is_patient:
            self.transport.close()
        self._end_soon()
        if is_patient and not self._has_ended:  # TLS has no half-closed connections: this one stays as it is
            now = self.plane.coarse_now
            self._patient_until = now + PATIENT_SECONDS
            self.deadline = max(self.deadline, now + PATIENT_PAUSE_SECONDS)

    def _discard(self, count: int) -> None:
        """What a refused client still sends, so that it gets to see its answer."""
        self._discarded += count
        if self._patient_until and self._discarded >= self.min_body_rate * PATIENT_PAUSE_SECONDS:
            self._discarded = 0
            self.deadline = min(self.plane.coarse_now + PATIENT_PAUSE_SECONDS, self._patient_until)

    def _close(self) -> None:
        """Say nothing more, and hear nothing more, once what was said has reached the client."""
        self._is_lingering = True
        self.transport.close()
        self._end_soon()

    def _end_soon(self) -> None:
        is_flushed = self.transport.get_write_buffer_size() == 0
        self.deadline = self.plane.coarse_now + (LINGER_SECONDS if is_flushed else FLUSH_SECONDS)

    # The exchange's calls.

    def closes_after_answer(self) -> None:
        self.is_kept = False

    def on_exchange_over(self, *, is_request_over: bool) -> None:
        """The answer was handed to the transport."""
        exchange, self.exchange = self.exchange, None
        if not is_request_over:
            self._linger(is_patient=isinstance(exchange, Keeping))
        elif not self.is_kept:
            self._close()
        else:
            self.deadline = self.plane.coarse_now + self.plane.keep_alive_timeout
            if self._held_by_upstream:
                self.hold_reading(False)
            if self._waiting.data:
                self.read_on()

    def on_exchange_failed(self, problem: Problem, reason: str, *, is_request_over: bool) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is None or self.is_over:
            return
        if exchange.is_answered:
            client = self._arrival.address
            self.plane.log.info("answer.broken_off", problem=problem.value, reason=reason, client_address=client)
            self.transport.abort()
            return
        if isinstance(exchange, Keeping) and problem is Problem.REQUEST_TIMEOUT:
            exchange.not_kept(reason)
        else:
            self._answers.refuse(problem, reason, head=exchange.head, route=exchange.route, closes=not is_request_over)
        self.read_on()

    def on_exchange_error(self, exc: Exception) -> None:
        """Something that nobody foresaw, outside of the reception's own border."""
        if self.exchange is not None and not self.is_over:
            self._reception.deny_after(exc, self.exchange.head)

    def become_tunnel(self, connection: UpstreamConnection, head: bytes, first: bytes, *, is_websocket: bool) -> None:
        """`first` is what the upstream sent behind its head."""
        exchange, self.exchange = self.exchange, None
        self.deadline = _NEVER
        self.transport.write(head + first)
        pending = self.take_buffer()
        if pending:
            connection.transport.write(pending)
        self.plane.forget_connection(self)
        self.plane.open_tunnel(self.transport, connection, exchange, first, slot=self._slot, is_websocket=is_websocket)
        if self._is_full:  # the tunnel hears of it only when that is over
            connection.transport.pause_reading()

    # The plane's calls.

    def on_deadline(self) -> None:
        self.deadline = _NEVER
        if self.exchange is not None:
            self.exchange.on_deadline()
        elif self._reception.deciding is not None:
            self._reception.give_up()
        elif self._is_lingering or self.transport.is_closing():
            self.transport.abort()
        elif not self._waiting.is_partial:
            if has_unread(self.transport):
                # A request that raced with its end: the next tick is early enough.
                self.deadline = self.plane.coarse_now
            else:
                self._close()
        else:
            self._answers.refuse(Problem.REQUEST_TIMEOUT, "slow head", sent=self._waiting.data, closes=True)

    def end_session(self, session_id: str) -> None:
        """The session is over: so is what it has in flight."""
        if self.exchange is not None and self.exchange.session_id == session_id:
            self.transport.abort()

    def judge_again(self, session: Session) -> None:
        """The session's principal is another now: what is in flight ends if it would not be admitted any more."""
        exchange = self.exchange
        if exchange is not None and exchange.session_id == session.session_id and not exchange.judge()(session):
            self.transport.abort()

    def prepare_to_close(self) -> None:
        """Going down: the current answer is the last, or the next one if this one has promised that one may follow."""
        exchange = self.exchange
        if self._is_lingering:
            return
        if self.is_idle and not self._waiting.is_partial:
            self.deadline = min(self.deadline, self.plane.coarse_now + self.plane.keep_alive_timeout)
            if self.deadline <= self.plane.coarse_now:
                self.on_deadline()
        elif exchange is None or not exchange.is_answered:
            self.is_kept = False
