"""Everything that is kept, as one store: a part for each domain, whose Protocol says what it must keep.

`tests/store/contract/` holds each implementation to them. Nothing is reached or opened before the first call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from proxy.audit.person_keys import PersonKeyStore
from proxy.canary.canary_message import CanaryStore
from proxy.degrade.rung import DegradeStore
from proxy.delivery.delivery_store import DeliveryStore
from proxy.factors.challenge import ChallengeStore
from proxy.factors.enrolment_store import EnrolmentStore
from proxy.factors.passcode.arrival_times import ArrivalStore
from proxy.factors.passcode.known_numbers import NumberStore
from proxy.factors.passes.pass_store import PassStore
from proxy.factors.remembered.browser_store import RememberedBrowserStore
from proxy.help_desk.number_sweeps import SweepCountStore
from proxy.operations.notice_board import OperatorNoticeStore
from proxy.rehearsal.decisions import DecisionStore
from proxy.sessions.kept_requests import KeptRequestStore
from proxy.sessions.lease import LeaseStore
from proxy.sessions.network_access import NetworkAccessStore
from proxy.sessions.session_store import WatchedSessions
from proxy.sessions.ticket_store import TicketStore
from proxy.sign_in.credentials import CredentialStore
from proxy.sign_in.not_me import ReportedSignInStore
from proxy.sign_in.reported_numbers import ReportedNumberStore
from proxy.throttle.counter_store import ThrottleStore


class Store(Protocol):
    @property
    def sessions(self) -> WatchedSessions: ...

    @property
    def challenges(self) -> ChallengeStore: ...

    @property
    def enrolments(self) -> EnrolmentStore: ...

    @property
    def reported(self) -> ReportedSignInStore: ...

    @property
    def reported_numbers(self) -> ReportedNumberStore: ...

    @property
    def sweeps(self) -> SweepCountStore: ...

    @property
    def browsers(self) -> RememberedBrowserStore: ...

    @property
    def passes(self) -> PassStore: ...

    @property
    def credentials(self) -> CredentialStore: ...

    @property
    def tickets(self) -> TicketStore: ...

    @property
    def counters(self) -> ThrottleStore: ...

    @property
    def numbers(self) -> NumberStore: ...

    @property
    def arrivals(self) -> ArrivalStore: ...

    @property
    def deliveries(self) -> DeliveryStore: ...

    @property
    def kept_requests(self) -> KeptRequestStore: ...

    @property
    def network_accesses(self) -> NetworkAccessStore: ...

    @property
    def operator_notices(self) -> OperatorNoticeStore: ...

    @property
    def person_keys(self) -> PersonKeyStore: ...

    @property
    def canaries(self) -> CanaryStore: ...

    @property
    def decisions(self) -> DecisionStore: ...

    @property
    def rungs(self) -> DegradeStore: ...

    @property
    def leases(self) -> LeaseStore: ...

    async def ping(self) -> None:
        """Return if the store can be read, and written as durably as a sign-in writes, else raise."""
        ...

    async def remarks(self) -> tuple[str, ...]:
        """What about the store's own settings puts sessions at risk, a sentence each. Raises `StoreUnavailable`."""
        ...

    def waiting(self) -> Mapping[str, int]:
        """How many operations wait at this moment, by what they wait for: for the metrics."""
        ...

    async def close(self) -> None: ...
