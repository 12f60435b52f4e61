"""Forms that came too early: kept, sealed, until the same person has signed in or proven more, and says "send it".

A form is named by a random token and sealed under the master key, bound to its token and host. It is sent on once, for
the person whose session it met, to the very host and target that it was posted to. Instants are epoch seconds.
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from proxy.operations.steady_clock import SKEW_SECONDS
from proxy.secrets.keys import Keys, Purpose
from proxy.secrets.sealing import seal_bytes, unseal_bytes
from proxy.secrets.tokens import is_token, new_token, token_digest
from proxy.sessions.session_store import SessionStore
from proxy.throttle.counter_store import Counter, CounterStore

KEPT_SECONDS = 600.0
MOST_PER_PERSON = 20
"""Within `KEPT_SECONDS`."""
KEPT_FIELD, PROOF_FIELD = "gatepost-kept", "proof"
_SENDING = re.compile(rb"gatepost-kept=([A-Za-z0-9_-]{43})&proof=([A-Za-z0-9_-]{43})")
SENDING_BYTES = len(f"{KEPT_FIELD}=&{PROOF_FIELD}=") + 2 * 43
"""The exact size of what the button posts, to the target of the form that it sends on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRequest:
    """A POST as it came, without what belongs to its connection or to Gatepost."""

    owner: str
    """The GUID of the person whose session it met."""
    host: str
    target: str = field(repr=False)
    lines: tuple[bytes, ...] = field(repr=False)
    """``Name: value`` of the fields that go on."""
    cookie: bytes = field(repr=False)
    """The app's own cookies."""
    body: bytes = field(repr=False)
    kept_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SendButton:
    """What the button posts."""

    token: str = field(repr=False)
    proof: str = field(repr=False)


def read_sending(body: bytes) -> SendButton | None:
    """None for any other body, an app's own included."""
    match = _SENDING.fullmatch(body)
    return None if match is None else SendButton(token=match[1].decode("ascii"), proof=match[2].decode("ascii"))


def begins_sending(body: bytes) -> bool:
    """Whether a body that began like this may yet be a button's."""
    start = f"{KEPT_FIELD}=".encode("ascii")
    return body.startswith(start[: len(body)])


def seal(key: bytes, kept: KeptRequest, *, token: str) -> bytes:
    """As `seal_bytes` does, bound to the token and the host."""
    head = {
        "v": 1,
        "owner": kept.owner,
        "target": kept.target,
        "lines": [line.decode("latin-1") for line in kept.lines],
        "cookie": kept.cookie.decode("latin-1"),
        "kept_at": kept.kept_at,
    }
    plain = json.dumps(head, separators=(",", ":")).encode("ascii") + b"\n" + kept.body
    return seal_bytes(key, plain, bound_to=_bound_to(token, kept.host))


def unseal(key: bytes, sealed: bytes, *, token: str, host: str) -> KeptRequest | None:
    """None if it was sealed with another key, under another token or for another host."""
    plain = unseal_bytes(key, sealed, bound_to=_bound_to(token, host))
    if plain is None:
        return None
    head, _, body = plain.partition(b"\n")
    values = json.loads(head)
    if values["v"] != 1:
        return None
    return KeptRequest(
        owner=values["owner"],
        host=host,
        target=values["target"],
        lines=tuple(line.encode("latin-1") for line in values["lines"]),
        cookie=values["cookie"].encode("latin-1"),
        body=body,
        kept_at=values["kept_at"],
    )


def _bound_to(token: str, host: str) -> bytes:
    return sha256(token.encode("ascii")).digest() + host.encode("ascii")


class KeptRequestStore(Protocol):
    """What its callers have sealed, by a SHA-256: forms, and the report of the admin pages. Methods raise
    `StoreUnavailable`."""

    async def put_kept_request(self, digest: bytes, sealed: bytes, *, expires_at: float) -> None: ...

    async def kept_request(self, digest: bytes, *, now: float) -> bytes | None:
        """Read it and leave it there, to show it before it is sent on."""
        ...

    async def take_kept_request(self, digest: bytes, *, now: float) -> bytes | None:
        """Take it out: a second taker gets None. Durable, so that a form is never sent on twice."""
        ...


class FormStore(Protocol):
    """What keeping a form takes: how many are kept of a person is counted, and whose session it met is known."""

    @property
    def kept_requests(self) -> KeptRequestStore: ...

    @property
    def counters(self) -> CounterStore: ...

    @property
    def sessions(self) -> SessionStore: ...


class KeptRequests:
    """Keeps, shows and takes them. Every method raises `StoreUnavailable`."""

    def __init__(self, store: FormStore, keys: Keys) -> None:
        self._store = store
        self._keys = keys

    async def former_owner(self, session_token: str, host: str, *, now: float) -> str | None:
        """The person whose ended session had this cookie. Only their forms are kept, so no stranger can fill the
        store."""
        return await self._store.sessions.former_owner(token_digest(session_token), host, now=now)

    async def keep(self, kept: KeptRequest) -> str | None:
        """The token that names it; None if the person has kept too many in a short time."""
        name = hmac.digest(self._keys.derive(Purpose.THROTTLE), f"kept\0{kept.owner}".encode(), "sha256")
        counter = Counter(key=name, limit=MOST_PER_PERSON, window_seconds=KEPT_SECONDS)
        if await self._store.counters.reserve([counter], now=kept.kept_at) is not None:
            return None
        token = new_token()
        await self.keep_on(token, kept)
        return token

    async def keep_on(self, token: str, kept: KeptRequest) -> None:
        """Also to put back what was taken but could not be sent; it expires when it would have expired."""
        sealed = seal(self._keys.derive(Purpose.KEPT_REQUESTS), kept, token=token)
        expires_at = kept.kept_at + KEPT_SECONDS
        await self._store.kept_requests.put_kept_request(token_digest(token), sealed, expires_at=expires_at)

    async def read(self, token: str, host: str, *, now: float) -> KeptRequest | None:
        """Look at it and leave it there."""
        if not is_token(token.encode(errors="replace")):
            return None
        sealed = await self._store.kept_requests.kept_request(token_digest(token), now=now)
        return None if sealed is None else self._opened(sealed, token, host, now)

    async def discard(self, token: str, *, now: float) -> None:
        if is_token(token.encode(errors="replace")):
            await self._store.kept_requests.take_kept_request(token_digest(token), now=now)

    def sending(self, token: str, session_id: str) -> SendButton:
        """What the button of this session posts."""
        return SendButton(token=token, proof=_proof(self._keys.derive(Purpose.KEPT_REQUESTS), token, session_id))

    async def take(
        self, sending: SendButton, *, session_id: str, guid: str, host: str, target: str, now: float
    ) -> KeptRequest | None:
        """Take it out to send it on; None, and nothing taken, unless everything matches. Only one of parallel calls
        gets it."""
        keys = self._keys.accepted(Purpose.KEPT_REQUESTS)
        if not any(hmac.compare_digest(_proof(key, sending.token, session_id), sending.proof) for key in keys):
            return None
        kept = await self.read(sending.token, host, now=now)
        if kept is None or (kept.owner, kept.target) != (guid, target):
            return None
        sealed = await self._store.kept_requests.take_kept_request(token_digest(sending.token), now=now)
        return None if sealed is None else self._opened(sealed, sending.token, host, now)

    def _opened(self, sealed: bytes, token: str, host: str, now: float) -> KeptRequest | None:
        """None also for a form that a clock far ahead has kept: it would live longer than it may."""
        opened = (unseal(key, sealed, token=token, host=host) for key in self._keys.accepted(Purpose.KEPT_REQUESTS))
        kept = next((kept for kept in opened if kept is not None), None)
        return kept if kept is not None and kept.kept_at <= now + SKEW_SECONDS else None


def _proof(key: bytes, token: str, session_id: str) -> str:
    """HMAC-SHA256 in base64url: a page that this session was shown asks for it."""
    digest = hmac.digest(key, f"send\0{token}\0{session_id}".encode(), "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
