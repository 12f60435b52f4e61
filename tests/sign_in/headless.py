"""A tiny adapter of the sign-in without HTTP, as an API, RADIUS or SSH would be: it holds a token and nothing else.

Between two steps it keeps what such a client is given: the session's token, and the id of the challenge.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import structlog

from config.settings import Settings
from directory.kerberos.ticket import TicketAcceptor
from directory.realms import Realms
from proxy.audit.audited_log import audited
from proxy.degrade.board import DegradeBoard
from proxy.operations.metrics import Metrics
from proxy.secrets.keys import Keys, Purpose
from proxy.sessions.decided import DecidedAccess
from proxy.sessions.live_sessions import LiveSessions
from proxy.sessions.session import Session
from proxy.sign_in.changed_numbers import Notice, NumberEvent
from proxy.sign_in.client import Client, Goal
from proxy.sign_in.create import create_sign_in
from proxy.sign_in.outcomes import Accepted, Missing, ProofAsked
from proxy.store.contract import Store
from proxy.throttle.throttle import Throttle
from tests.portal.stage import NOW, Phone
from tests.portal.test_password_change import NEW, OLD, ChangingDirectory
from tests.support.kept_events import KeptEvents

HOST = "signin.corp.example"
SCHEMES = [
    {"name": "weak", "factors": ["password"], "networks": ["203.0.113.0/24"]},
    {"name": "mailed", "factors": ["password", "email"], "groups": ["Mailed"]},
    {"name": "either", "factors": ["password", ["sms", "email"]], "groups": ["Wiki Users"]},
    {"name": "both", "factors": ["password", "sms", "email"]},
]
INSIDE = "203.0.113.7"


class Corp(ChangingDirectory):
    """With a person whose attributes a test sets."""

    def is_now(self, **fields: Any) -> None:
        self.principal = replace(self.principal, **fields)


class Service:
    """What serves such clients: the parts of the sign-in on a real store."""

    def __init__(
        self, settings: Settings, store: Store, realms: Realms, acceptor: TicketAcceptor | None = None
    ) -> None:
        self.now = NOW
        self.settings = settings
        self.realms = realms
        self.phone = Phone()
        self.store = store
        self.keys = Keys(b"k" * 32, clock=lambda: self.now)
        self.degrade = DegradeBoard(store.rungs, settings.degrade)
        self.sessions = LiveSessions(store.sessions, settings.sessions)
        self.throttle = Throttle(store.counters, settings.throttle, key=self.keys.derive(Purpose.THROTTLE))
        self.recorded = KeptEvents(secrets=[OLD, NEW, "7400 123456", "7400123456"], names=["scripted", "Scripted"])
        self.decided: list[DecidedAccess] = []
        """What is noted for rehearsals."""
        self.parts = create_sign_in(
            settings=settings,
            realms=realms,
            channels=self.phone,
            store=store,
            keys=self.keys,
            throttle=self.throttle,
            metrics=Metrics(realms=["corp", "local"]),
            log=audited(structlog.get_logger(), self.recorded),
            recorder=self.recorded,
            clock=lambda: self.now,
            wording=_notice_of,
            acceptor=acceptor,
            note=lambda make: self.decided.append(make()),
            degrade=self.degrade,
        )

    @property
    def passcode(self) -> str:
        return self.phone.messages[-1].passcode

    def client(self, address: str = "192.0.2.7", *, scheme: str = "", **able: Any) -> TerminalClient:
        """`scheme`: the one that its way in names. `able`: what its way in can do (`Client`)."""
        return TerminalClient(self, address, scheme, **able)


class TerminalClient:
    """Somebody at a terminal."""

    def __init__(self, service: Service, address: str, scheme: str, **able: Any) -> None:
        self._service = service
        self._client = Client(address=address, host=HOST, browser="terminal", incident="incident", **able)
        self._goal = Goal(host=HOST, scheme=scheme)
        self.token = ""
        self.challenge_id = ""

    async def session(self) -> Session | None:
        """The one that the token opens, asked for again at each step."""
        if not self.token:
            return None
        return await self._service.sessions.find(self.token.encode(), HOST, self._service.now)

    async def sign_in(self, username: str, password: str, *, app: str = "") -> Any:
        flow, now = self._service.parts.flow, self._service.now
        return self._note(
            await flow.by_password(
                self._client, replace(self._goal, app=app), username, password, current=await self.session(), now=now
            )
        )

    async def bring_ticket(self, token: bytes) -> Any:
        outcome = await self._service.parts.flow.by_ticket(
            self._client, self._goal, token, current=await self.session(), now=self._service.now
        )
        return self._note(getattr(outcome, "then", outcome))

    async def answer(self, text: str) -> Any:
        session, now = await self._own(), self._service.now
        proving = self._service.parts.flow.proving
        challenge = await proving.find(session, self.challenge_id, now=now)
        assert challenge is not None
        outcome = await proving.answer(self._client, self._goal, session, challenge, text, now=now)
        if isinstance(outcome, Accepted):
            self._note(outcome.then)
            self.token = outcome.token
        return outcome

    async def send_again(self) -> Any:
        session, now = await self._own(), self._service.now
        proving = self._service.parts.flow.proving
        challenge = await proving.find(session, self.challenge_id, now=now)
        assert challenge is not None
        return await proving.send_again(self._client, self._goal, session, challenge, is_another_way=False, now=now)

    async def ask_for(self, factors: Collection[Any]) -> Any:
        """Another factor of the same choice."""
        (only,) = factors
        flow = self._service.parts.flow
        return self._note(
            await flow.ask_again(self._client, self._goal, await self._own(), only=only, now=self._service.now)
        )

    async def step_up(self, scheme: str) -> Any:
        flow, session, now = self._service.parts.flow, await self._own(), self._service.now
        missing = flow.missing(session, scheme, now=now)
        if not isinstance(missing, Missing):
            return missing
        return self._note(await flow.step_up(self._client, self._goal, session, missing, now=now))

    async def change_password(self, old: str, new: str) -> Any:
        step, session = self._service.parts.password_change, await self._own()
        changer = step.changer_of(session)
        assert changer is not None
        return self._note(await step.change(self._client, session, changer, old=old, new=new))

    async def _own(self) -> Session:
        session = await self.session()
        assert session is not None
        return session

    def _note(self, outcome: Any) -> Any:
        self.token = getattr(outcome, "token", "") or self.token
        if isinstance(outcome, ProofAsked) and outcome.challenge is not None:
            self.challenge_id = outcome.challenge.challenge_id
        return outcome


def _notice_of(event: NumberEvent, masked: str) -> Notice:
    return Notice(sms="your number changed", subject="", mail="")
