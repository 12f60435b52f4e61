"""What the API's handlers find: the parts of Gatepost, and the call at hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from proxy.factors.confinement import Confinement
from proxy.languages.choice import ENGLISH_ALONE, Languages
from proxy.sessions.live_sessions import LiveSessions
from proxy.sessions.session_store import SessionStore
from proxy.sessions.way import TOKEN_HOST, Way, provable_by
from proxy.sign_in.client import Client
from proxy.sign_in.flow import SignIn
from proxy.sign_in.sign_in_log import SignInLog


@dataclass(frozen=True, slots=True, kw_only=True)
class APIParts:
    settings: Settings
    flow: SignIn
    sign_in_log: SignInLog
    sessions: LiveSessions
    store: SessionStore
    log: FilteringBoundLogger
    clock: Callable[[], float]
    """Epoch seconds."""
    sleep: Callable[[float], Awaitable[None]]
    languages: Languages = ENGLISH_ALONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. The clock is read once, when it begins."""

    parts: APIParts
    now: float
    client_address: str
    incident: str
    languages: str
    user_agent: str = field(repr=False)
    token: str = field(repr=False)
    """That of ``Authorization: Bearer``; empty: there is none."""

    def client(self, confined: Confinement | None = None) -> Client:
        return Client(
            address=self.client_address,
            host=TOKEN_HOST,
            browser="",
            incident=self.incident,
            languages=self.languages,
            user_agent=self.user_agent,
            can_prove=provable_by(Way.API),
            way=Way.API,
            confined=confined,
        )
