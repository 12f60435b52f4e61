"""A remembered browser: what is kept of it, its cookie's value, and whether it still stands for second factors. Pure.

The value of its cookie is 256 random bits. The first half names the browser and stays; the second half changes at each
use. So an old value is recognised: somebody has copied it. Only SHA-256 of both is kept. Instants are epoch seconds.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from config.factors import Factor
from config.settings import SchemeSettings
from directory.principal import Principal, password_version
from proxy.factors.proof import missing_choices
from proxy.factors.second_factor import Chosen, Unusable
from proxy.operations.steady_clock import SKEW_SECONDS

_HALF_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedBrowser:
    """What it is bound to: a person, a scheme, what was proven for it, and the password and account of that time."""

    name: str
    """Recognises it, and opens nothing."""
    guid: str
    realm: str
    scheme: str
    proven: tuple[tuple[Factor, bytes], ...] = field(repr=False)
    """The second factors, each with the digest of what proved it (`Chosen.digest`): the number that a text went to."""
    password: str = field(repr=False)
    """`password_of` the person."""
    account: str = field(default="", repr=False)
    """Their `account_mark`."""
    made_at: float
    used_at: float
    expires_at: float
    client_address: str = field(repr=False)
    user_agent: str = field(default="", repr=False)


class Fall(Enum):
    """Why a browser does not stand for anything any more."""

    PERSON = "person"
    """It is another person's."""
    SCHEME = "scheme"
    """Its scheme remembers no browsers, or asks for more than was proven."""
    EXPIRED = "expired"
    PASSWORD = "password"  # noqa: S105  # a reason's name
    """There is a new one, or nobody can tell."""
    ACCOUNT = "account"
    """It was disabled in the meantime, or its expiry was changed; whether or not anybody saw it."""
    GROUP = "group"
    """The scheme is for groups that the person has left."""
    FACTOR = "factor"
    """The person has another number or address, or has removed the factor."""


def why_fallen(
    browser: RememberedBrowser,
    principal: Principal,
    scheme: SchemeSettings | None,
    held: Mapping[Factor, Chosen | Unusable],
    *,
    now: float,
) -> Fall | None:
    """None: it stands for the second factors of its scheme, beside a password that was proven just now.

    `scheme`: the browser's, as configured now; `held`: what the person has of each factor that was proven in it.
    """
    if (browser.guid, browser.realm) != (principal.guid, principal.realm):
        return Fall.PERSON
    if scheme is None or scheme.remember is None:
        return Fall.SCHEME
    if missing_choices(scheme.factors[1:], frozenset(factor for factor, _ in browser.proven)):
        return Fall.SCHEME
    if now >= min(browser.expires_at, browser.made_at + scheme.remember) or browser.made_at > now + SKEW_SECONDS:
        return Fall.EXPIRED
    if not browser.password or browser.password != password_of(principal):
        return Fall.PASSWORD
    if browser.account != principal.account_mark:
        return Fall.ACCOUNT
    if scheme.groups is not None and principal.groups.isdisjoint(scheme.groups):
        return Fall.GROUP
    if not all(_is_held(held.get(factor), digest) for factor, digest in browser.proven):
        return Fall.FACTOR
    return None


def _is_held(way: Chosen | Unusable | None, digest: bytes) -> bool:
    return isinstance(way, Chosen) and any(hmac.compare_digest(each, digest) for each in way.digests)


def password_of(principal: Principal) -> str:
    """Changes with the password; empty: it must be changed first, or the directory does not tell."""
    return principal.password_mark or password_version(principal.password_set_at)


def name_of(value: str) -> str:
    """Of the browser whose cookie has this value, which has the form of a token."""
    return hashlib.sha256(_bits(value)[:_HALF_BYTES]).hexdigest()


def next_value(key: bytes, value: str) -> str:
    """What replaces this value: the same for every tab that brings it, and for one whose answer was lost."""
    changed = hmac.digest(key, value.encode("ascii"), "sha256")[:_HALF_BYTES]
    return urlsafe_b64encode(_bits(value)[:_HALF_BYTES] + changed).rstrip(b"=").decode()


def _bits(value: str) -> bytes:
    return urlsafe_b64decode(value + "=")
