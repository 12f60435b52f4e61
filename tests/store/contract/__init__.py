"""What every store must keep, a part for each Protocol: subclass `StoreContract` and give it a `store` fixture."""

from __future__ import annotations

from tests.store.contract.arrivals import ArrivalsContract
from tests.store.contract.canaries import CanariesContract
from tests.store.contract.challenges import ChallengesContract
from tests.store.contract.counters import CountersContract
from tests.store.contract.credentials import CredentialsContract
from tests.store.contract.decisions import DecisionsContract
from tests.store.contract.deliveries import DeliveriesContract
from tests.store.contract.enrolments import EnrolmentsContract
from tests.store.contract.kept_requests import KeptRequestsContract
from tests.store.contract.leases import LeasesContract
from tests.store.contract.network_accesses import NetworkAccessesContract
from tests.store.contract.numbers import NumbersContract
from tests.store.contract.operator_notices import OperatorNoticesContract
from tests.store.contract.passes import PassesContract
from tests.store.contract.person_keys import PersonKeysContract
from tests.store.contract.remembered import RememberedBrowsersContract
from tests.store.contract.reported import ReportedContract
from tests.store.contract.rungs import RungsContract
from tests.store.contract.sessions import SessionsContract
from tests.store.contract.tickets import TicketsContract
from tests.store.contract.values import HOST as HOST
from tests.store.contract.values import WIKI as WIKI
from tests.store.contract.values import cookie as cookie
from tests.store.contract.values import failure as failure
from tests.store.contract.values import ticket as ticket
from tests.store.contract.whole import WholeContract


class StoreContract(
    SessionsContract,
    ChallengesContract,
    TicketsContract,
    DeliveriesContract,
    ArrivalsContract,
    KeptRequestsContract,
    CountersContract,
    NumbersContract,
    EnrolmentsContract,
    PassesContract,
    CredentialsContract,
    CanariesContract,
    DecisionsContract,
    LeasesContract,
    OperatorNoticesContract,
    RungsContract,
    NetworkAccessesContract,
    PersonKeysContract,
    RememberedBrowsersContract,
    ReportedContract,
    WholeContract,
):
    """All of it."""
