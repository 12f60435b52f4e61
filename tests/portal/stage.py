"""The real portal on real parts (SQLite, local users), with a recording channel, a set clock, and browsers."""

from __future__ import annotations

import asyncio
import html
import itertools
import re
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import structlog
from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from structlog.testing import CapturingLogger
from yarl import URL

from config.factors import ChannelKind
from config.settings import LocalDirectorySettings, Settings
from directory.directory import CheckResult, PasswordRefused, RefusalReason
from directory.errors import DirectoryError
from directory.kerberos.ticket import TicketAcceptor
from directory.local_users import LocalDirectory
from directory.login_name import LoginName
from directory.mail_address import mask_mail
from directory.mobile import E164, mask
from directory.principal import Account, Principal
from directory.realms import Realms
from proxy.api.create_api import create_api
from proxy.audit.audited_log import audited
from proxy.degrade.board import DegradeBoard
from proxy.delivery.channel import Delivery, DeliveryStatus, Outcome, PasscodeMessage
from proxy.factors.confinement import still_counts
from proxy.http.reserved import API
from proxy.languages.configured import languages_of
from proxy.operations.health import Readiness
from proxy.operations.metrics import Metrics
from proxy.operations.notice_board import NoticeBoard
from proxy.operations.store_errors import StoreUnavailable
from proxy.portal.app import create_portal
from proxy.portal.app_keys import FLOW
from proxy.portal.delays import Delays, NoDelays
from proxy.portal.factor_notice import used_code_notices
from proxy.portal.number_notice import new_browser_notice, notice_of, stolen
from proxy.secrets.keys import KeyRing, Keys, Purpose
from proxy.sessions.asking import AskingLimits
from proxy.sessions.identity import Assertions
from proxy.sessions.live_sessions import LiveSessions
from proxy.sign_in.create import create_sign_in
from proxy.store.sqlite.sqlite_store import SQLiteStore
from proxy.throttle.throttle import Throttle
from tests.support.kept_events import KeptEvents

SIGN_IN_ORIGIN = "https://signin.corp.example"
WIKI = "https://wiki.corp.example"
PASSWORD = "correct horse 7"
HASH = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
NOW = 1_800_000_000.0
START = "s" * 43

USERS = f"""
[[users]]
username = "alice"
password_hash = "{HASH}"
display_name = "Alice <Liddell>"
mobile = "07400 123456"
groups = ["Wiki Users"]
[[users]]
username = "bob"
password_hash = "{HASH}"
display_name = "Bob"
groups = []
[[users]]
username = "carol"
password_hash = "{HASH}"
display_name = "Carol"
mobile = "020 7946 0000"
[[users]]
username = "admin"
password_hash = "{HASH}"
display_name = "Admin"
groups = ["Gatepost Admins"]
[[users]]
username = "gone"
password_hash = "{HASH}"
display_name = "Gone"
mobile = "07400 123457"
disabled = true
"""


def portal_settings(folder: Path, **changes: Any) -> Settings:
    values: dict[str, Any] = {
        "server": {"public_url": SIGN_IN_ORIGIN},
        "directories": [{"type": "local", "name": "local", "file": str(folder / "users.toml")}],
        "smtp": [{"host": "127.0.0.1", "from": "otp@corp.example", "security": "none"}],
        "schemes": [
            {"name": "admins", "factors": ["password"], "groups": ["Gatepost Admins"], "networks": ["192.0.2.0/24"]},
            {"name": "browser", "factors": ["password", "sms"]},
        ],
        "apps": [
            {"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1", "groups": ["Wiki Users"]},
            {"name": "Forms", "host": "forms.corp.example", "upstream": "http://127.0.0.1:1"},
        ],
    }
    return Settings.model_validate({**values, **changes})


class Phone:
    """A channel that keeps what it was told to say, and answers as set."""

    name = "phone"

    def __init__(self) -> None:
        self.messages: list[PasscodeMessage] = []
        self.kinds: list[Collection[ChannelKind] | None] = []
        self.told: list[tuple[str, str]] = []
        self.instead: list[list[str]] = []
        """With each text to a number: what a gateway may be handed in its place."""
        self.afters: list[str] = []
        self.outcome = Outcome.ACCEPTED
        self.channels = {self.name: ChannelKind.SMS}
        """By name, in order."""
        self.failing: set[str] = set()
        """Channels that certainly take nothing."""
        self.has_tags = False
        self.languages: tuple[str, ...] = ("en",)
        self.reports = False
        self.status = DeliveryStatus.UNKNOWN
        self.asked: list[str] = []

    async def send(
        self, message: PasscodeMessage, *, kinds: Collection[ChannelKind] | None = None, after: str = ""
    ) -> Delivery:
        self.messages.append(message)
        self.kinds.append(kinds)
        self.afters.append(after)
        allowed = {name: kind for name, kind in self.channels.items() if kinds is None or kind in kinds}
        names = list(allowed or {self.name: ChannelKind.EMAIL})
        start = names.index(after) + 1 if after in names else 0
        name = next(each for each in [*names[start:], *names[:start]] if each not in self.failing)
        kind = allowed.get(name, ChannelKind.EMAIL)
        is_mail = kind is ChannelKind.EMAIL
        return Delivery(
            outcome=self.outcome,
            channel=name,
            kind=kind,
            destination=mask_mail(message.mail or "") if is_mail else mask(message.number or E164("")),
            relay="relay:25",
            code=250,
            can_report=self.reports,
            report_id=f"{name}:77" if self.reports else "",
        )

    def names(self, kinds: Collection[ChannelKind] | None = None) -> tuple[str, ...]:
        return tuple(name for name, kind in self.channels.items() if kinds is None or kind in kinds)

    def kind_of(self, name: str) -> ChannelKind | None:
        return self.channels.get(name)

    def has_tag(self, channel: str, language: str) -> bool:
        return self.has_tags

    async def delivery_status(self, report_id: str) -> DeliveryStatus:
        self.asked.append(report_id)
        return self.status

    async def check(self) -> Delivery:
        return Delivery(outcome=self.outcome, channel=self.name)

    async def tell_number(self, number: E164, text: str, message_id: str, instead: Sequence[str] = ()) -> Delivery:
        self.told.append((number, text))
        self.instead.append(list(instead))
        return Delivery(outcome=self.outcome, channel=self.name)

    async def tell_mail(self, address: str, subject: str, text: str, message_id: str) -> Delivery:
        self.told.append((address, text))
        return Delivery(outcome=self.outcome, channel="mail")

    async def close(self) -> None: ...


class ScriptedDirectory:
    """The realm `corp`: knows one account, `scripted@corp`, and answers each password as set."""

    realm = "corp"
    acceptor: TicketAcceptor | None = None
    """What the portal accepts tickets with."""
    account = Account(guid="00000000-0000-4000-8000-000000000001", realm="corp", username="scripted", locator="x")

    def __init__(self) -> None:
        self.error: DirectoryError | None = None
        self.reason = RefusalReason.WRONG_PASSWORD
        self.binds = 0
        """For the account that it knows."""
        self.others = 0
        """For nobody's."""
        self.binding = 0
        self.most_binding = 0

    def serves(self, login_name: LoginName) -> bool:
        return login_name.suffix == "corp"

    async def find(self, login_name: LoginName) -> Account | None:
        return self.account if login_name.name == "scripted" else None

    async def authenticate(self, account: Account | None, password: str) -> Principal | PasswordRefused:
        self.binds += account is not None
        self.others += account is None
        self.binding += 1
        self.most_binding = max(self.most_binding, self.binding)
        await asyncio.sleep(0)
        self.binding -= 1
        if self.error is not None:
            raise self.error
        return PasswordRefused(self.reason if account is not None else RefusalReason.UNKNOWN)

    async def read(self, guid: str) -> Principal | None:
        return None

    async def check(self) -> list[CheckResult]:
        return []

    async def close(self) -> None: ...


class FailingStore(SQLiteStore):
    """The real one, until it is away."""

    away = False

    def __init__(self, path: Path, **options: Any) -> None:
        super().__init__(path, **options)
        self._let_fail(self.sessions, "session_by_cookie")
        self._let_fail(self.counters, "reserve")

    def _let_fail(self, part: object, method: str) -> None:
        real = getattr(part, method)

        async def fail_while_away(*arguments: Any, **named: Any) -> Any:
            if self.away:
                raise StoreUnavailable("the disk is gone")
            return await real(*arguments, **named)

        setattr(part, method, fail_while_away)


class Page:
    """One answer."""

    def __init__(self, status: int, headers: Any, text: str) -> None:
        self.status = status
        self.headers = headers
        self.text = text

    @property
    def look(self) -> str:
        """The page without its incident id, which differs each time."""
        return re.sub(r"incident[0-9]+", "", self.text)

    @property
    def location(self) -> str:
        return str(self.headers["Location"])

    @property
    def hidden(self) -> dict[str, str]:
        """All hidden fields; the forms of a page agree on those they share."""
        found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', self.text)
        return {name: html.unescape(value) for name, value in found}


class Browser:
    """Cookies per host, no redirect followed by itself, and the fields that the forwarding plane would add."""

    _incidents = itertools.count(1)

    def __init__(self, client: TestClient[Any, Any], *, address: str = "192.0.2.7") -> None:
        self._client = client
        self.address = address
        self.cookies: dict[str, dict[str, str]] = {}

    async def get(self, url: str, **headers: str) -> Page:
        return await self.request("GET", url, headers=headers)

    async def post(self, url: str, fields: dict[str, str] | bytes | AsyncIterator[bytes], **headers: str) -> Page:
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        sent = {"Origin": origin, "Content-Type": "application/x-www-form-urlencoded", **headers}
        body = urlencode(fields).encode() if isinstance(fields, dict) else fields
        return await self.request("POST", url, headers=sent, body=body)

    async def request(
        self, method: str, url: str, *, headers: dict[str, str], body: bytes | AsyncIterator[bytes] | None = None
    ) -> Page:
        parts = urlsplit(url)
        host = parts.hostname or ""
        sent = {
            "X-Gatepost-Client-Address": self.address,
            "X-Gatepost-Client-Scheme": "https",
            "X-Gatepost-Client-Host": host,
            "X-Gatepost-Incident": f"incident{next(self._incidents)}",
            "Accept": "text/html",
        }
        jar = self.cookies.setdefault(host, {})
        if jar:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        target = URL((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), encoded=True)
        async with self._client.request(method, target, headers=sent, data=body, allow_redirects=False) as answer:
            for name, morsel in answer.cookies.items():
                assert morsel["httponly"]
                assert morsel["secure"]
                assert morsel["samesite"] == "Lax"
                assert morsel["path"] == "/"
                assert not morsel["domain"]
                if morsel["max-age"] == "0":
                    jar.pop(name, None)
                else:
                    jar[name] = morsel.value
            return Page(answer.status, answer.headers, await answer.text())

    def session_cookie(self, host: str = "signin.corp.example") -> str | None:
        return self.cookies.get(host, {}).get("__Host-gatepost")

    def copy(self) -> Browser:
        """The same cookies at this instant: somebody who sends a request in parallel, or again."""
        twin = Browser(self._client, address=self.address)
        twin.cookies = {host: dict(jar) for host, jar in self.cookies.items()}
        return twin


class StageDelays:
    """What a test wants the pages to know of the channels; nothing until `by` is set."""

    def __init__(self) -> None:
        self.by: Delays = NoDelays()

    def is_delayed(self, channel: str, now: float) -> bool:
        return self.by.is_delayed(channel, now)

    def delayed_kinds(self, now: float) -> Collection[ChannelKind]:
        return self.by.delayed_kinds(now)


class Down:
    """`Delays`, of one channel for SMS that is down."""

    def __init__(self, channel: str) -> None:
        self._channel = channel

    def is_delayed(self, channel: str, now: float) -> bool:
        return channel == self._channel

    def delayed_kinds(self, now: float) -> Collection[ChannelKind]:
        return {ChannelKind.SMS}


class Stage:
    """Everything a test touches."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        scripted: ScriptedDirectory | None = None,
        ring: KeyRing | None = None,
        default_realm: str | None = None,
    ) -> None:
        self.now = NOW
        self.clock_reads = 0
        """How often the portal has read its clock."""
        self.pauses: list[float] = []
        self.readiness = Readiness(ready=True, degraded=False, checks={})
        self.phone = Phone()
        self.scripted = scripted or ScriptedDirectory()
        self.store = FailingStore(folder / "state.db", clock=lambda: self.now)
        self.sessions = LiveSessions(
            self.store.sessions,
            settings.sessions,
            # The machine may be busy, and memory answers without a look for 2 s.
            asking=AskingLimits(answer_seconds=20),
            may_stand=lambda session: still_counts(session.confined, settings.help_desk),
        )
        self.settings = settings
        self.notice_board = NoticeBoard(self.store.operator_notices)
        self.delays = StageDelays()
        self.degrade = DegradeBoard(self.store.rungs, settings.degrade)
        self.keys = Keys(ring or b"k" * 32, clock=lambda: self.now)
        (folder / "users.toml").write_text(USERS)
        local = LocalDirectory(
            LocalDirectorySettings(type="local", name="local", file=folder / "users.toml"),
            groups={"Wiki Users", "Gatepost Admins"},
        )
        self.realms = Realms([local, self.scripted], default_realm)
        self.logger = CapturingLogger()
        self.metrics = Metrics(realms=["local"], countries=["GB"])
        self.throttle = Throttle(self.store.counters, settings.throttle, key=self.keys.derive(Purpose.THROTTLE))
        self.recorded = KeptEvents(secrets=[PASSWORD, "7400 123456", "7400123456"], names=["alice", "bob", "Liddell"])
        log = audited(
            structlog.wrap_logger(
                self.logger,
                processors=[structlog.processors.format_exc_info],
                wrapper_class=structlog.make_filtering_bound_logger(0),
            ),
            self.recorded,
        )
        languages = languages_of(settings.pages)
        sign_in = create_sign_in(
            settings=settings,
            realms=self.realms,
            channels=self.phone,
            store=self.store,
            keys=self.keys,
            throttle=self.throttle,
            metrics=self.metrics,
            log=log,
            clock=self._clock,
            wording=notice_of,
            recorder=self.recorded,
            stolen=stolen,
            new_browser=new_browser_notice(settings),
            used_code=used_code_notices(settings),
            notifier=self.phone,
            acceptor=getattr(self.scripted, "acceptor", None),  # a real directory has none
            languages=languages,
            degrade=self.degrade,
        )
        self.credentials = sign_in.credentials
        self.portal = create_portal(
            settings=settings,
            realms=self.realms,
            store=self.store,
            sessions=self.sessions,
            keys=self.keys,
            sign_in=sign_in,
            assertions=Assertions(self.keys, issuer=SIGN_IN_ORIGIN),
            notice_board=self.notice_board,
            degrade=self.degrade,
            metrics=self.metrics,
            log=log,
            clock=self._clock,
            sleep=self._pause,
            readiness=self.what_works,
            languages=languages,
            delays=self.delays,
        )
        if settings.api.enabled:
            api = create_api(
                settings=settings,
                sign_in=sign_in,
                sessions=self.sessions,
                store=self.store.sessions,
                log=log,
                clock=self._clock,
                sleep=self._pause,
                languages=languages,
            )
            self.portal.add_subapp(API, api)
        self.client: TestClient[Any, Any] = TestClient(TestServer(self.portal), cookie_jar=DummyCookieJar())

    def _clock(self) -> float:
        self.clock_reads += 1
        return self.now

    async def what_works(self) -> Readiness:
        return self.readiness

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def all_told(self) -> None:
        """Return once every notice that was begun has been sent."""
        await self.portal[FLOW].proving.notices.settled()

    def browser(self, **facts: str) -> Browser:
        return Browser(self.client, **facts)

    @property
    def log(self) -> list[dict[str, Any]]:
        return [call.kwargs for call in self.logger.calls]

    @property
    def log_text(self) -> str:
        return repr(self.logger.calls)

    @property
    def portal_key(self) -> bytes:
        return self.keys.derive(Purpose.CSRF)

    @property
    def passcode(self) -> str:
        return self.phone.messages[-1].passcode

    async def password(
        self,
        browser: Browser,
        username: str = "alice",
        password: str = PASSWORD,
        *,
        return_to: str = "",
        start: str = "",
    ) -> Page:
        """Open the sign-in page and send a password."""
        query = urlencode({"return_to": return_to, "start": start})
        form = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in?{query}")
        fields = {**form.hidden, "username": username, "password": password}
        return await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in", fields)

    async def to_passcode(self, browser: Browser, **facts: str) -> Page:
        """As far as the passcode page."""
        answer = await self.password(browser, **facts)
        assert answer.status == 303, answer.text
        return await browser.get(SIGN_IN_ORIGIN + answer.location)

    async def answer(self, browser: Browser, page: Page, passcode: str, **fields: str) -> Page:
        return await browser.post(
            f"{SIGN_IN_ORIGIN}/.gatepost/passcode", {**page.hidden, "passcode": passcode, **fields}
        )

    async def sign_in(self, browser: Browser, **facts: str) -> Page:
        page = await self.to_passcode(browser, **facts)
        return await self.answer(browser, page, self.passcode)

    def wrong_passcode(self) -> str:
        return f"{(int(self.passcode) + 1) % 1_000_000:06}"


@asynccontextmanager
async def running_portal(
    folder: Path,
    *,
    scripted: ScriptedDirectory | None = None,
    ring: KeyRing | None = None,
    default_realm: str | None = None,
    **changes: Any,
) -> AsyncIterator[Stage]:
    stage = Stage(portal_settings(folder, **changes), folder, scripted, ring, default_realm)
    await stage.client.start_server()
    try:
        yield stage
        stage.recorded.holds_none_of([each.passcode for each in stage.phone.messages])
    finally:
        await stage.client.close()
        await stage.realms.close()
        await stage.store.close()
