"""The master keys, and the keys derived from them: one per purpose, so that no token of one kind passes for another.

An installation has one master key in use. While it is replaced there are more: one that waits until every node knows
it, and old ones, each accepted for as long as something made with it may still come back. Everything, even the
assertion key, is derived from them, so nodes that share them agree on all keys. Instants are epoch seconds; the clocks
of nodes may differ by `CLOCK_SECONDS`.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MASTER_KEY_BYTES = 32
CLOCK_SECONDS = 600.0
ALWAYS = 0.0
"""`use_after` of a key that was in use from the beginning."""
_DAY = 86_400.0
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Purpose(Enum):
    """What a key is for, with its name in the derivation, and how long after a master key was in use something made
    with it may still come back (`CLOCK_SECONDS` not included)."""

    PASSCODE = ("passcode", 600.0)
    """A challenge's HOTP secret is derived from this, under the master key in use when the challenge was created."""
    CHALLENGE = ("challenge", 600.0)
    """The HMAC that a challenge keeps of its passcode, under the same master key."""
    CSRF = ("csrf", _DAY)
    THROTTLE = ("throttle", 0.0)
    """Names of counters, so that the store holds no numbers and addresses in the clear. This key stays the same when
    the master key is replaced: new names would give everybody who guesses a new budget."""
    TRIED_PASSWORDS = ("tried passwords", _DAY)
    """The HMAC by which a wrong password is recognised."""
    NUMBERS = ("numbers", 400 * _DAY)
    """The HMAC by which a person's number is recognised. A known number is written again with each sign-in, and
    forgotten after 400 days without one."""
    SEALED_NUMBERS = ("sealed numbers", 400 * _DAY)
    """Encrypts the number that is told when another replaces it."""
    KEPT_REQUESTS = ("kept requests", 600.0)
    """Encrypts a form that is kept while its sender signs in again, and authenticates the button that sends it."""
    PASSES = ("passes", 7 * _DAY)
    """The HMAC by which the code of a pass is recognised, for as long as one may be given for."""
    REPORTS = ("reports", 3600.0)
    """Encrypts the report on mobile fields while it is kept for the admin pages."""
    ENROLMENTS = ("enrolments", 400 * _DAY)
    """Encrypts what persons prove enrolled factors with. They stay for years, but are sealed again, under the key in
    use, within hours (`sign_in.enrolment_upkeep`)."""
    NOT_ME = ("not me", 2 * _DAY)
    """The HMAC of a link by which somebody says that a sign-in was not theirs."""
    REMEMBERED_BROWSERS = ("remembered browsers", 600.0)
    """The HMAC that makes the next value of a remembered browser's cookie. It is asked for again only while the value
    before still counts."""
    PASSKEYS = ("passkeys", 600.0)
    """What a passkey signs is derived from this, under the master key in use when it was asked for."""
    RADIUS_STATES = ("radius states", 900.0)
    """Encrypts what a RADIUS client brings back with the answer to a challenge."""

    AUDIT = ("audit", 400 * _DAY)
    """Encrypts the keys of persons in the audit. They stay for years, but are wrapped again, under the key in use,
    within hours (`audit.audit_upkeep`)."""
    ANCHORS = ("audit anchors", 400 * _DAY)
    """The Ed25519 key that signs anchors of the audit. What it signed is verified for as long as its master key is
    there (`Keys.every`)."""

    def __init__(self, label: str, accepted_seconds: float) -> None:
        self.label = label
        self.accepted_seconds = accepted_seconds


NEEDED_SECONDS = max(purpose.accepted_seconds for purpose in Purpose) + CLOCK_SECONDS
"""How long a master key must be kept after it was in use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterKey:
    bits: bytes = field(repr=False)
    """32 random bytes."""
    use_after: float = ALWAYS
    """From then on everything new is made with it; before, it is only accepted."""
    made_at: float | None = None
    """None: it was not recorded."""

    def __post_init__(self) -> None:
        if len(self.bits) != MASTER_KEY_BYTES:
            raise ValueError(f"a master key has {MASTER_KEY_BYTES} bytes")

    @property
    def key_id(self) -> str:
        """Eight hexadecimal digits that name it and reveal nothing of it."""
        return _hkdf(self.bits, "id", 4).hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """The master keys of one installation."""

    keys: tuple[MasterKey, ...]
    """At least one, in the order in which they come into use."""
    names: bytes = field(repr=False)
    """32 bytes: the key of `Purpose.THROTTLE`, kept from the first master key."""

    def index_at(self, instant: float) -> int:
        """The key in use at an instant: the latest whose time has come, or else the first."""
        return max((index for index, key in enumerate(self.keys) if key.use_after <= instant), default=0)

    def retired_at(self, index: int) -> float | None:
        """When the key after this one came, or comes, into use; None for the last one."""
        return self.keys[index + 1].use_after if index + 1 < len(self.keys) else None

    def accepted(self, now: float, seconds: float) -> tuple[int, ...]:
        """The keys that are accepted: the one in use, those to come, then those that were in use until recently."""
        current = self.index_at(now)
        past = range(current - 1, -1, -1)
        until = (self.keys[index + 1].use_after + seconds + CLOCK_SECONDS for index in past)
        recent = (index for index, end in zip(past, until, strict=True) if now < end)
        return (current, *range(current + 1, len(self.keys)), *recent)


def ring_of(master_key: bytes) -> KeyRing:
    """The ring of an installation with one key."""
    return KeyRing(keys=(MasterKey(bits=master_key),), names=names_of(master_key))


def names_of(master_key: bytes) -> bytes:
    """The key of `Purpose.THROTTLE` that begins with this master key."""
    return _hkdf(master_key, Purpose.THROTTLE.label, 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionKey:
    """A P-256 key and the time in which it signs; None: no end yet."""

    key: EllipticCurvePrivateKey = field(repr=False)
    use_after: float
    retired_at: float | None


class Keys:
    """All keys of one installation. Its `repr` shows none."""

    __slots__ = ("_clock", "_derived", "_ring", "assertion_keys")

    def __init__(self, ring: KeyRing | bytes, *, clock: Callable[[], float] = time.time) -> None:
        """`ring`, or one master key: 32 random bytes; `ValueError` for any other length."""
        self._ring = ring if isinstance(ring, KeyRing) else ring_of(ring)
        self._clock = clock
        self._derived = [
            {purpose: _hkdf(key.bits, purpose.label, 32) for purpose in Purpose} | {Purpose.THROTTLE: self._ring.names}
            for key in self._ring.keys
        ]
        self.assertion_keys = tuple(
            AssertionKey(
                key=_p256_key(_hkdf(key.bits, "assertion", 48)),
                use_after=key.use_after,
                retired_at=self._ring.retired_at(index),
            )
            for index, key in enumerate(self._ring.keys)
        )
        """The keys that sign `X-Gatepost-Assertion`, in the order in which they come into use."""

    def __repr__(self) -> str:
        return "Keys(...)"

    def __reduce__(self) -> str:
        raise TypeError("keys are not pickled")

    def derive(self, purpose: Purpose, *, at: float | None = None) -> bytes:
        """32 bytes (HKDF-SHA256, RFC 5869) of the master key in use now, or `at` an instant.

        They are the same on every node. A value that records when it was made therefore needs no trial of several keys.
        """
        return self._derived[self._ring.index_at(self._clock() if at is None else at)][purpose]

    def accepted(self, purpose: Purpose) -> tuple[bytes, ...]:
        """The key of `derive` first, then every other with which a returning value may have been made."""
        accepted = self._ring.accepted(self._clock(), purpose.accepted_seconds)
        return tuple(dict.fromkeys(self._derived[index][purpose] for index in accepted))

    def every(self, purpose: Purpose) -> tuple[bytes, ...]:
        """Those of all master keys that are still there, however old."""
        return tuple(derived[purpose] for derived in self._derived)

    def same_name(self, purpose: Purpose, value: bytes) -> bytes:
        """An HMAC-SHA256 of `value` that stays the same when the master key is replaced, to find something by."""
        return hmac.digest(self._ring.names, purpose.label.encode() + b"\0" + value, "sha256")


def _hkdf(master_key: bytes, name: str, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=b"gatepost 1 " + name.encode()).derive(master_key)


def _p256_key(bits: bytes) -> EllipticCurvePrivateKey:
    """A private key from 384 random bits: 128 more than the order has, so the remainder shows no bias.

    FIPS 186-5 appendix A.2.1 (extra random bits).
    """
    return ec.derive_private_key(int.from_bytes(bits) % (_P256_ORDER - 1) + 1, ec.SECP256R1())
