"""The first sign-in with a browser that is new to its person: they are told, and may say that it was not theirs.

Browsers are told apart by their cookie, not by their address: those change too often. The first browser of all is not
told of: there is none to compare it with. A link in the mail leads to a button, because mail scanners follow links. It
works once, for `LINK_SECONDS`, and carries what it needs: nothing is kept of one that nobody uses.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Protocol

from config.factors import Factor
from directory.principal import Principal
from proxy.factors.passes.pass_store import PassStore
from proxy.factors.remembered.browser_store import RememberedBrowserStore
from proxy.operations.store_errors import StoreError
from proxy.secrets.keys import Keys, Purpose
from proxy.sessions.session_store import SessionStore
from proxy.sign_in.changed_numbers import Notice, Notices
from proxy.sign_in.client import Client, Goal
from proxy.sign_in.credentials import CredentialStore
from proxy.sign_in.ending import end_person
from proxy.sign_in.sign_in_log import SignInLog
from proxy.throttle.counter_store import Counter, CounterStore

LINK_SECONDS = 2 * 86_400.0
_KNOWN_SECONDS = 400 * 86_400.0
"""As long as browsers keep the cookie that they are known by."""
_LONGEST_TOKEN = 2000
_NO_LIMIT = 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBrowser:
    """What is told of a sign-in."""

    at: float
    client: Client
    app: str
    """Empty: from none."""
    token: str = field(repr=False)
    """Of the link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedSignIn:
    """A person says that somebody else has signed in as them. The help desk should call them."""

    guid: str
    realm: str
    username: str
    at: float


class ReportedSignInStore(Protocol):
    """One for each person, until the help desk takes it off the list. Methods raise `StoreUnavailable`."""

    async def put_reported(self, reported: ReportedSignIn) -> None:
        """In place of an earlier one. Durable."""
        ...

    async def reported(self) -> tuple[ReportedSignIn, ...]:
        """The latest first."""
        ...

    async def settle_reported(self, guid: str) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    guid: str
    realm: str
    username: str
    browser: str
    """What the browser is known by, as a counter."""
    ends_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBrowsers:
    counters: CounterStore
    keys: Keys
    notices: Notices
    wording: Callable[[NewBrowser], Notice] | None
    """None: nobody is told."""

    async def note(self, client: Client, goal: Goal, principal: Principal, *, now: float) -> None:
        """Somebody has signed in. Raises `StoreUnavailable`."""
        if self.wording is None:
            return
        # Of clients that nothing tells apart, those of one kind are one.
        name = self._digest(principal.guid, client.browser or f"{client.way.value} {client.user_agent}")
        known = Counter(key=name, limit=1, window_seconds=_KNOWN_SECONDS)
        # Its time begins again with each new one.
        any_browser = Counter(
            key=self._digest(principal.guid, ""), limit=_NO_LIMIT, window_seconds=_KNOWN_SECONDS, is_sliding=True
        )
        had_one = await self.counters.read(any_browser.key, now=now) is not None
        if await self.counters.reserve([known, any_browser], now=now) is not None:
            return
        if not had_one or not principal.mail:
            return
        link = _Link(
            guid=principal.guid,
            realm=principal.realm,
            username=principal.username,
            browser=name.hex(),
            ends_at=now + LINK_SECONDS,
        )
        token = _written(self.keys.derive(Purpose.NOT_ME), link)
        worded = partial(self.wording, NewBrowser(at=now, client=client, app=goal.app, token=token))
        self.notices.send(principal, None, worded, phone="phone", incident=client.incident)

    def _digest(self, guid: str, browser: str) -> bytes:
        return hmac.digest(self.keys.derive(Purpose.THROTTLE), f"browser\0{guid}\0{browser}".encode(), "sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMe:
    """What the link in the mail leads to. Methods raise `StoreUnavailable`."""

    sessions: SessionStore
    browsers: RememberedBrowserStore
    passes: PassStore
    credentials: CredentialStore
    reported: ReportedSignInStore
    counters: CounterStore
    keys: Keys
    log: SignInLog

    async def is_open(self, token: str, *, now: float) -> bool:
        """Whether the button would do something. It changes nothing."""
        return self._read(token, now) is not None and await self.counters.read(self._used(token).key, now=now) is None

    async def take(self, client: Client, token: str, *, now: float) -> bool:
        """End all of the person's sessions and passes, remove their app passwords, forget their browsers and tell the
        help desk; False: the link is over."""
        link, used = self._read(token, now), self._used(token)
        if link is None or await self.counters.reserve([used], now=now) is not None:
            return False
        try:
            # First of all, so that somebody looks into it even if the rest fails.
            person = ReportedSignIn(guid=link.guid, realm=link.realm, username=link.username, at=now)
            await self.reported.put_reported(person)
            # Before the sessions: whoever has the password must not begin another one by a pass in between.
            for given in await self.passes.passes(link.guid, now=now):
                await self.passes.end_pass(given.pass_id)
            made = await self.credentials.credentials(link.guid, now=now)
            own = [each.credential_id for each in made if each.factor is Factor.APP_PASSWORD]
            await self.credentials.remove_credentials(own)
            ended = await end_person(self.sessions, self.browsers, link.guid)
            # The browser that they do not know is told of again.
            await self.counters.reset_count(bytes.fromhex(link.browser))
        except StoreError:
            await self.counters.reset_count(used.key)  # the link is still good, and all of this may be done twice
            raise
        self.log.reported(client, realm=link.realm, guid=link.guid, sessions=ended.sessions, browsers=ended.browsers)
        return True

    def _used(self, token: str) -> Counter:
        name = hmac.digest(self.keys.derive(Purpose.THROTTLE), b"not me\0" + token.encode(errors="replace"), "sha256")
        return Counter(key=name, limit=1, window_seconds=LINK_SECONDS)

    def _read(self, token: str, now: float) -> _Link | None:
        found = (_read(key, token) for key in self.keys.accepted(Purpose.NOT_ME))
        link = next((each for each in found if each is not None), None)
        return link if link is not None and now < link.ends_at else None


def _written(key: bytes, link: _Link) -> str:
    body = urlsafe_b64encode(json.dumps(asdict(link), separators=(",", ":")).encode()).rstrip(b"=").decode()
    return f"{body}.{_mac(key, body)}"


def _read(key: bytes, token: str) -> _Link | None:
    body, _, mac = token.partition(".")
    if len(token) > _LONGEST_TOKEN or not hmac.compare_digest(mac.encode(errors="replace"), _mac(key, body).encode()):
        return None
    # Only we can have written it.
    return _Link(**json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4))))


def _mac(key: bytes, body: str) -> str:
    digest = hmac.digest(key, body.encode(errors="replace"), hashlib.sha256)
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
