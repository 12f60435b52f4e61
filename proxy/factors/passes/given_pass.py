"""A pass: who gave it to whom, why, for what and until when; and its code, of which only a digest is kept. Pure.

Instants are epoch seconds. Reason, approver and end are what PCI DSS 8.5.1 asks of each exception.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from proxy.factors.confinement import Confinement

CODE_DIGITS = 20
"""66 random bits. Digits alone are understood on the phone, in groups that a person can say."""
_GROUP = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """One of the help desk, or a manager, as they were when they approved it."""

    guid: str
    realm: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenPass:
    pass_id: str
    """128 random bits, URL-safe. Names it in forms; knowing it opens nothing."""
    guid: str
    realm: str
    username: str
    """For lists: the directory is not asked about everybody on them."""
    digest: bytes = field(repr=False)
    """Of its code (`code_digest`), under the key in use at `given_at`."""
    apps: tuple[str, ...]
    reason: str
    given_by: Approver
    given_at: float
    ends_at: float
    needs_second: bool
    """Whether it counts only once a second one has confirmed it."""
    confirmed_by: Approver | None = None
    session_id: str = field(default="", repr=False)
    """The one sign-in that goes on with it, because its person's manager vouched for it; empty: whoever types its
    code. A session has another id after each step, so only one goes on."""

    @property
    def is_vouched(self) -> bool:
        return self.session_id != ""

    @property
    def counts(self) -> bool:
        return not self.needs_second or self.confirmed_by is not None

    @property
    def confinement(self) -> Confinement:
        return Confinement(pass_id=self.pass_id, apps=self.apps, ends_at=self.ends_at, is_vouched=self.is_vouched)


def new_pass_id() -> str:
    return secrets.token_urlsafe(16)


def new_code() -> str:
    """As `code_digest` takes it."""
    return "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS))


def in_groups(code: str) -> str:
    """As it is shown and said: ``4821 7730 1946 2285 9130``."""
    return " ".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))


def code_digest(key: bytes, *, guid: str, code: str) -> bytes:
    """HMAC-SHA256 under a key of `Purpose.PASSES`: another person's code is as wrong as any."""
    return hmac.digest(key, f"{guid}\0{code}".encode(), hashlib.sha256)
