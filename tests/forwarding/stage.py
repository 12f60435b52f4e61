"""A real plane on a real socket, with sessions kept in a dict."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from config.factors import Factor
from config.settings import AppSettings, PagesSettings, SchemeSettings, ServerSettings
from directory.principal import Principal
from proxy.factors.proof import Proof
from proxy.forwarding.plane import ForwardingPlane, create_forwarding_plane
from proxy.forwarding.public_tls import POLL_SECONDS
from proxy.languages.configured import languages_of
from proxy.operations.listening import bind, name_of
from proxy.operations.metrics import Metrics
from proxy.operations.store_errors import StoreUnavailable
from proxy.secrets.keys import Keys
from proxy.sessions.credential_use import CredentialUse, UseRefused, UseThrottled
from proxy.sessions.kept_requests import KeptRequests
from proxy.sessions.live_sessions import CookieKey, cookie_key
from proxy.sessions.session import Session
from proxy.sessions.way import TOKEN_HOST
from proxy.tracing.spans import Traces
from tests.support.memory_store import MemoryStore
from tests.support.moved_loop import MovedLoop
from tests.support.raw_http import raw_client
from tests.support.upstreams import Handler, RecordingUpstream, answer_ok, recording_upstream

NOW = 1_800_000_000.0
ALICE_TOKEN = b"A" * 43
BOB_TOKEN = b"B" * 43
HALF_TOKEN = b"H" * 43
STORE_DOWN_TOKEN = b"S" * 43
HOST = "wiki.corp.example"


def session_of(name: str, **changes: Any) -> Session:
    session = Session(
        session_id=f"id-of-{name}",
        principal=Principal(
            guid=f"guid-{name}",
            realm="corp",
            username=name,
            display_name=name.title(),
            groups=frozenset({"Wiki Users"} if name == "alice" else ()),
        ),
        scheme="browser",
        factors=((Factor.PASSWORD,), (Factor.SMS,)),
        proven=(Proof(Factor.PASSWORD, NOW), Proof(Factor.SMS, NOW)),
        created_at=NOW,
        last_used_at=NOW,
        client_address="192.0.2.1",
    )
    return replace(session, **changes)


class FakeSessions:
    """Sessions by token. One is `warm` (found by `cached`) after its first `find`."""

    def __init__(self) -> None:
        self.by_token = {
            ALICE_TOKEN: session_of("alice"),
            BOB_TOKEN: session_of("bob"),
            HALF_TOKEN: session_of("half", proven=(Proof(Factor.PASSWORD, NOW),)),
        }
        self.by_secret: dict[bytes, Session] = {}
        """Of clients without a browser, by app password or token."""
        self.warm: set[bytes] = set()
        self.hosts: list[str] = []
        self.used: list[str] = []

    def known_by(self, cookie: CookieKey, now: float) -> Session | None:
        found = [token for token in self.warm if cookie_key(token, cookie[0]) == cookie]
        return self._sessions(cookie).get(found[0]) if found else None

    def _sessions(self, cookie: CookieKey) -> dict[bytes, Session]:
        return self.by_secret if cookie[0] == TOKEN_HOST else self.by_token

    def ends_at(self, session_id: str) -> float | None:
        return NOW + 1800.5

    def mark_used(self, session_id: str, now: float) -> None:
        self.used.append(session_id)

    async def find(self, token: bytes, host: str, now: float) -> Session | None:
        self.hosts.append(host)
        await asyncio.sleep(0)
        if token == STORE_DOWN_TOKEN:
            raise StoreUnavailable("down")
        session = self.by_token.get(token)
        if session is not None:
            self.warm.add(token)
        return session

    async def find_by(self, key: CookieKey, now: float) -> Session | None:
        await asyncio.sleep(0)
        for secret, session in self._sessions(key).items():
            if cookie_key(secret, key[0]) == key:
                self.warm.add(secret)
                return session
        return None


class FakeUses:
    """`CredentialUses` that knows no credential: each session there is stands already."""

    def __init__(self) -> None:
        self.asked: list[CredentialUse] = []
        self.answer: UseRefused | UseThrottled | None = UseRefused.UNKNOWN
        self.begins: Callable[[], None] = lambda: None

    async def begin_session(self, use: CredentialUse) -> UseRefused | UseThrottled | None:
        self.asked.append(use)
        self.begins()
        return self.answer


class FakeAssertions:
    LIFETIME_SECONDS = 60

    def sign(self, session: Session, app: AppSettings, now: float) -> bytes:
        return f"assertion-{session.principal.username}-{app.name}".encode()


@dataclass
class RecordingLog:
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def info(self, event: str, **values: Any) -> None:
        self.events.append((event, values))

    warning = error = info

    def of(self, event: str) -> list[dict[str, Any]]:
        return [values for name, values in self.events if name == event]


@dataclass(frozen=True)
class PieceSettings:
    server: ServerSettings
    apps: tuple[AppSettings, ...]
    schemes: tuple[SchemeSettings, ...] = ()
    pages: PagesSettings = field(default_factory=PagesSettings)


@dataclass
class Stage:
    """Everything a test looks at."""

    plane: ForwardingPlane
    address: tuple[str, int]
    upstream: RecordingUpstream
    portal: RecordingUpstream
    sessions: FakeSessions
    log: RecordingLog
    metrics: Metrics
    redirects: list[tuple[str, int]] = field(default_factory=list)
    uses: FakeUses = field(default_factory=FakeUses)

    def client(self, **options: Any) -> Any:
        return raw_client(self.address, **options)

    def pass_seconds(self, seconds: float) -> None:
        """As if so many seconds went by: the plane does what is due by then."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MovedLoop)
        loop.move_on(seconds)
        self.plane.tick(loop.time())

    async def ask(self, raw: bytes, method: bytes = b"GET") -> Any:
        async with self.client() as client:
            return await client.ask(raw, method)


StageMaker = Callable[..., Any]


@pytest.fixture
def staged(tmp_path: Path) -> StageMaker:
    """``async with staged(handler, server={...}, app={...}) as stage``."""

    @asynccontextmanager
    async def make(
        handler: Handler = answer_ok,
        *,
        server: dict[str, Any] | None = None,
        app: dict[str, Any] | None = None,
        schemes: tuple[SchemeSettings, ...] = (),
        pages: PagesSettings | None = None,
        certificate_poll_seconds: float = POLL_SECONDS,
        traces: Traces | None = None,
    ) -> AsyncIterator[Stage]:
        async with AsyncExitStack() as stack:
            upstream = await stack.enter_async_context(recording_upstream(handler))
            portal = await stack.enter_async_context(recording_upstream(path=str(tmp_path / "portal")))
            settings = PieceSettings(
                server=ServerSettings(**{"public_url": "http://signin.corp.example:8080", **(server or {})}),
                apps=(
                    AppSettings(
                        host=HOST,
                        **{"name": "Wiki", "upstream": upstream.url, "groups": ("Wiki Users",), **(app or {})},
                    ),
                    AppSettings(name="Open", host="open.corp.example", upstream=upstream.url),
                    AppSettings(name="Down", host="down.corp.example", upstream="http://127.0.0.1:1"),
                ),
                schemes=schemes,
                pages=pages or PagesSettings(),
            )
            sessions, log, metrics = FakeSessions(), RecordingLog(), Metrics()
            kept_store, uses = MemoryStore(), FakeUses()
            plane = create_forwarding_plane(
                settings=settings,
                sessions=sessions,
                credential_uses=uses,
                assertions=FakeAssertions(),
                portal_socket=tmp_path / "portal",
                metrics=metrics,
                log=log,
                clock=lambda: NOW,
                kept_requests=KeptRequests(kept_store, Keys(b"k" * 32)),
                languages=languages_of(settings.pages),
                certificate_poll_seconds=certificate_poll_seconds,
                traces=traces,
            )
            listeners = bind(settings.server.listen[0].host, 0)
            redirecting = [each for where in settings.server.redirect_listen for each in bind(*where)]
            address, *redirects = [name_of(each) for each in (*listeners, *redirecting)]
            plane.start(listeners, redirecting)
            try:
                yield Stage(plane, address, upstream, portal, sessions, log, metrics, redirects, uses)
            finally:
                await plane.close(0)
            assert not log.of("forwarding.failed")

    return make


@pytest.fixture
async def stage(staged: StageMaker) -> AsyncIterator[Stage]:
    async with staged() as made:
        yield made


def get(
    target: str = "/", *, token: bytes | None = ALICE_TOKEN, host: str = HOST, lines: str = "", method: str = "GET"
) -> bytes:
    """A request with a session; `lines` are further header lines, each with CRLF."""
    cookie = b"Cookie: gatepost=" + token + b"\r\n" if token else b""
    return f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{lines}".encode("latin-1") + cookie + b"\r\n"
