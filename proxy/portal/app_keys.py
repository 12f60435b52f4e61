"""What the portal's handlers find: the request at hand and its session, and each part by a key of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from config.settings import AppSettings, Settings
from directory.realms import Realms
from proxy.audit.person_keys import PersonKeyStore
from proxy.degrade.board import DegradeBoard
from proxy.factors.passkey.passkeys import Passkeys
from proxy.help_desk.number_sweeps import SweepCountStore
from proxy.languages.choice import Languages
from proxy.operations.metrics import Metrics
from proxy.operations.notice_board import NoticeBoard
from proxy.pages.look import HouseLook
from proxy.portal.delays import Delays
from proxy.portal.landings import Landings
from proxy.secrets.keys import Keys
from proxy.sessions.identity import Assertions
from proxy.sessions.kept_requests import KeptRequests, KeptRequestStore
from proxy.sessions.lease import LeaseStore
from proxy.sessions.live_sessions import LiveSessions
from proxy.sessions.session import Session
from proxy.sessions.ticket_store import TicketStore
from proxy.sign_in.client import Client
from proxy.sign_in.create import SignInStore
from proxy.sign_in.flow import SignIn
from proxy.sign_in.not_me import NotMe
from proxy.sign_in.password_change import PasswordChangeStep
from proxy.sign_in.reported_numbers import NotMyNumber
from proxy.sign_in.sign_in_log import SignInLog


class PortalStore(SignInStore, Protocol):
    """What the portal keeps between requests: with the sign-in's, a part for each domain."""

    @property
    def person_keys(self) -> PersonKeyStore: ...

    @property
    def tickets(self) -> TicketStore: ...

    @property
    def kept_requests(self) -> KeptRequestStore: ...

    @property
    def leases(self) -> LeaseStore: ...

    @property
    def sweeps(self) -> SweepCountStore: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request as the forwarding plane describes it; the clock is read once."""

    now: float
    client_address: str
    host: str
    app: AppSettings | None
    """The app whose host this is; None on the sign-in host."""
    incident: str
    accepted_languages: str
    """As the browser says, unread."""
    user_agent: str = field(repr=False)
    browser: str = field(repr=False)
    """The browser cookie's value, or a new one if there was none."""
    browser_is_new: bool
    session_token: str | None = field(repr=False)
    """The session cookie's value, if it has the shape of one."""
    remembered: str = field(repr=False)
    """That of the cookie of a remembered browser; empty: it has none."""

    @property
    def client(self) -> Client:
        return Client(
            address=self.client_address,
            host=self.host,
            browser=self.browser,
            incident=self.incident,
            languages=self.accepted_languages,
            user_agent=self.user_agent,
            remembered=self.remembered,
        )


VISIT = web.RequestKey("visit", Visit)

SETTINGS = web.AppKey("settings", Settings)
FLOW = web.AppKey("flow", SignIn)
PASSWORD_CHANGE = web.AppKey("password_change", PasswordChangeStep)
NOT_MY_NUMBER = web.AppKey("not_my_number", NotMyNumber)
NOT_ME_STEP = web.AppKey("not_me", NotMe)
SIGN_IN_LOG = web.AppKey("sign_in_log", SignInLog)
REALMS = web.AppKey("realms", Realms)
STORE = web.AppKey("store", PortalStore)
SESSIONS = web.AppKey("sessions", LiveSessions)
KEYS = web.AppKey("keys", Keys)
ASSERTIONS = web.AppKey("assertions", Assertions)
KEPT_REQUESTS = web.AppKey("kept_requests", KeptRequests)
LANDINGS = web.AppKey("landings", Landings)
METRICS = web.AppKey("metrics", Metrics)
DEGRADE = web.AppKey("degrade", DegradeBoard)
NOTICE_BOARD = web.AppKey("notice_board", NoticeBoard)
DELAYS = web.AppKey("delays", Delays)
LOOK = web.AppKey("look", HouseLook)
LANGUAGES = web.AppKey("languages", Languages)
LOG = web.AppKey("log", FilteringBoundLogger)
PASSKEYS = web.AppKey("passkeys", Passkeys)
CLOCK: web.AppKey[Callable[[], float]] = web.AppKey("clock")
"""Epoch seconds."""
SLEEP: web.AppKey[Callable[[float], Awaitable[None]]] = web.AppKey("sleep")


async def current_session(request: web.Request) -> Session | None:
    """The live session of this host's cookie, whichever step it is at. Raises `StoreUnavailable`."""
    visit = request[VISIT]
    if visit.session_token is None:
        return None
    return await request.app[SESSIONS].find(visit.session_token.encode(), visit.host, visit.now)
