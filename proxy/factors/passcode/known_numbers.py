"""Whether a passcode may be sent to a number that changed recently: pure, and what is remembered of the previous
number.

By default people may write their own number in AD. So somebody with a stolen password can write theirs and receive the
passcode: a new number is not trusted for a while. A person's number is remembered once a passcode sent to it was
accepted: as an HMAC, to recognise it, and sealed, because the old number is told when another one replaces it. Instants
are epoch seconds.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from config.settings import MobileSettings
from directory.mobile import E164
from proxy.secrets.sealing import seal_bytes, unseal_bytes

REMEMBERED_SECONDS = 400 * 86_400.0
"""A number that was not used for this long is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNumber:
    """The number that a person's last accepted passcode was sent to."""

    digest: bytes = field(repr=False)
    sealed: bytes = field(repr=False)
    """AES-256-GCM under the server's key, bound to the person: nonce and ciphertext."""
    used_at: float


class NumberStore(Protocol):
    """Methods raise `StoreUnavailable`."""

    async def put_known_number(self, guid: str, known: KnownNumber) -> None:
        """Remember this one number of a person, and forget the previous one. Durable."""
        ...

    async def known_number(self, guid: str) -> KnownNumber | None: ...

    async def first_seen(self, digest: bytes, *, now: float, see: bool) -> float | None:
        """When somebody's number was first seen; None if it never was. `see`: then it is seen now, durably.

        It is forgotten after `REMEMBERED_SECONDS`.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    is_new: bool
    """A different number than the one used last: the old one has to be told."""


@dataclass(frozen=True, slots=True)
class Wait:
    until: float


@dataclass(frozen=True, slots=True)
class SendByMail:
    """Not to this number until then; instead to the person's mail address, if they have one."""

    until: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """Not to this number, for as long as its change is recent."""


Decision = Send | Wait | SendByMail | Refuse


def decide(
    settings: MobileSettings,
    *,
    now: float,
    changed_at: float | None,
    digests: Iterable[bytes],
    known: KnownNumber | None,
) -> Decision:
    """What to do about the number with these digests, one for each key that may have been used for the known one.

    `changed_at`: when the directory's number was last changed; None if that is unknown, or it never was. An instant in
    the future (another clock, or a lie) counts as now. A person with no remembered number has nothing to compare with,
    so a recent change of theirs falls under the rule as well.
    """
    if known is not None and any(hmac.compare_digest(known.digest, digest) for digest in digests):
        return Send(is_new=False)
    is_new = known is not None
    if changed_at is None or now - min(changed_at, now) >= settings.changed_within:
        return Send(is_new=is_new)
    until = min(changed_at, now) + settings.changed_within
    match settings.then:
        case "send":
            return Send(is_new=is_new)
        case "wait":
            return Wait(until)
        case "other_channel":
            return SendByMail(until)
        case "refuse":
            return Refuse()


def number_digest(key: bytes, *, guid: str, number: E164) -> bytes:
    """32 bytes that are the same for the same person's same number, and reveal neither."""
    return hmac.digest(key, f"{guid}\0{number}".encode(), "sha256")


def seal_number(key: bytes, *, guid: str, number: E164) -> bytes:
    return seal_bytes(key, number.encode(), bound_to=guid.encode())


def open_number(key: bytes, *, guid: str, sealed: bytes) -> E164 | None:
    """None if it was sealed with another key or for another person."""
    opened = unseal_bytes(key, sealed, bound_to=guid.encode())
    return None if opened is None else E164(opened.decode())
