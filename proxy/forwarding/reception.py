"""The one place that acts on the gate's verdict on a request."""

from __future__ import annotations

import asyncio
from typing import assert_never

from proxy.forwarding.client_places import ClientPlaces
from proxy.forwarding.client_side import ClientSide
from proxy.forwarding.context import Context
from proxy.forwarding.exchange import Exchange
from proxy.forwarding.gate import Gate
from proxy.forwarding.given_credential import GivenCredential
from proxy.forwarding.kept_forms import is_sent_from_page
from proxy.forwarding.own_answers import refusal, response
from proxy.forwarding.resending import Resending
from proxy.forwarding.told_end import ExchangeMaker, exchange_for
from proxy.forwarding.verdict import (
    AwaitButton,
    Forward,
    ForwardAs,
    JudgedRequest,
    LookUp,
    RefuseRequest,
    Respond,
    Verdict,
)
from proxy.forwarding.ways_in import refuse
from proxy.http.problem import Problem
from proxy.http.request_head import RequestHead
from proxy.operations.incidents import new_incident_id
from proxy.operations.store_errors import StoreUnavailable
from proxy.sessions.credential_use import CredentialUse

DECISION_SECONDS = 15.0
"""How long the store may take to say whose session it is."""
_USER_AGENT_LENGTH = 256


class Reception:
    """Of one connection."""

    __slots__ = ("_client", "_context", "_exchange", "_gate", "_looking_up", "_other_exchange", "_places")

    def __init__(self, context: Context, client: ClientSide, places: ClientPlaces, gate: Gate) -> None:
        self._context = context
        self._client = client
        self._places = places
        self._gate = gate
        self._exchange: ExchangeMaker = Exchange
        self._other_exchange: ExchangeMaker = exchange_for
        """For a verdict that is of a class of its own."""
        self._looking_up: tuple[JudgedRequest, asyncio.Task[None]] | None = None
        """The request whose session is looked up, and who does."""

    def receive(self, head: RequestHead) -> None:
        """Act on one request, now or (when its session has to be looked up) soon."""
        try:
            verdict = self._gate.judge(head)
            if type(verdict) is Forward:
                self._client.serve(self._exchange(self._client, self._context, head, verdict))
            else:
                self._act(verdict, head)
        except Exception as exc:  # noqa: BLE001  # the border of one request: whatever it is, it denies
            self.refuse(RefuseRequest.because_of(exc), head)

    def _act(self, verdict: Verdict, head: RequestHead) -> None:
        client, context = self._client, self._context
        match verdict:
            case Forward():
                client.serve(self._other_exchange(client, context, head, verdict))
            case ForwardAs():
                client.serve(self._other_exchange(client, context, verdict.head, verdict.forward))
            case AwaitButton():
                client.serve(Resending(client, context, verdict, self._gate, self._other_exchange))
            case LookUp():
                client.decide_later(DECISION_SECONDS)
                looking_up = asyncio.get_running_loop().create_task(self._look_up(verdict.request))
                self._looking_up = verdict.request, looking_up
            case Respond():
                closes = verdict.ends or self._closes(head)
                client.answer(response(verdict.status, verdict.lines, method=head.method, closes=closes), closes=closes)
            case RefuseRequest():
                self.refuse(verdict, head)
            case _:  # otherwise nobody would answer, the client would wait, and nothing would say why
                assert_never(verdict)

    async def _look_up(self, request: JudgedRequest) -> None:
        """The slow way: this worker does not know the session yet."""
        try:
            verdict = await self._found(request)
            self._looking_up = None
            self._act(verdict, request.head)
        except StoreUnavailable as exc:
            self._looking_up = None
            self.refuse(refuse(request, Problem.STORE_UNAVAILABLE, str(exc)), request.head)
        except Exception as exc:  # noqa: BLE001  # the border of one request: whatever it is, it denies
            self._looking_up = None
            self.refuse(RefuseRequest.because_of(exc, request.question), request.head)
        self._client.read_on()

    async def _found(self, request: JudgedRequest) -> Verdict:
        """Raises `StoreUnavailable`."""
        context, token, given = self._context, request.cookies.session_token or b"", request.given
        of_cookie = await context.sessions.find(token, request.route.host_name, context.clock())
        if given is None:
            return self._gate.judge_found(request, of_cookie)
        session, refused = None, None
        if given.key is not None:
            session = await context.sessions.find_by(given.key, context.clock())
        if session is None:
            refused = await context.credential_uses.begin_session(_use_of(request, given))
            if refused is None and given.key is not None:
                session = await context.sessions.find_by(given.key, context.clock())
        return self._gate.judge_used(request, session, of_cookie, refused)

    def cancel(self) -> None:
        """The connection is gone: nobody waits for a look-up any more."""
        self._stop_looking_up()

    def give_up(self) -> None:
        """The look-up takes too long."""
        if self._looking_up is not None:
            request, _ = self._looking_up
            self._stop_looking_up()
            late = refuse(request, Problem.STORE_UNAVAILABLE, "no decision in time", ends=True)
            self.refuse(late, request.head)

    def _stop_looking_up(self) -> None:
        if self._looking_up is not None:
            self._looking_up[1].cancel()
            self._looking_up = None

    def refuse(self, refused: RefuseRequest, head: RequestHead | None = None, *, sent: bytes = b"") -> None:
        """Of a request without a `head`, `sent` is what came of it.

        The connection ends where the request's end is not known.
        """
        closes = refused.ends or head is None or self._closes(head)
        address = self._places.of(head).address if head is not None else self._places.arrival.address
        data = refusal(self._context, refused, head=head, sent=sent, client=address, closes=closes)
        self._client.answer(data, closes=closes, is_patient=head is not None and is_sent_from_page(head))

    def _closes(self, head: RequestHead) -> bool:
        """Whether the connection ends with this answer: a body that nobody reads would look like a request."""
        return head.fields.has_body or not self._client.is_kept


def _use_of(request: JudgedRequest, given: GivenCredential) -> CredentialUse:
    agents = [line[11:] for line in request.head.lines if line[:11].lower() == b"user-agent:"]
    return CredentialUse(
        factor=given.factor,
        digest=given.key[1] if given.key is not None else None,
        app=request.route.upstream.name,
        address=request.address,
        user_agent=agents[0].strip(b" \t")[:_USER_AGENT_LENGTH].decode("ascii", "replace") if agents else "",
        incident=new_incident_id(),
    )
