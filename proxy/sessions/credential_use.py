"""What the forwarding plane asks the sign-in: that a session begins for a client that brought a credential."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from config.factors import Factor


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialUse:
    """One request whose credential no live session belongs to."""

    factor: Factor
    """What it was brought as: an app password or a service token."""
    digest: bytes | None = field(repr=False)
    """SHA-256 of it; None: it has not the form of one."""
    app: str
    """The name of the app that was asked for; for the log."""
    address: str
    user_agent: str = field(default="", repr=False)
    incident: str


class UseRefused(Enum):
    """Why no session begins. The value is for the log: who sent it learns only that it does not count."""

    MALFORMED = "credential_malformed"
    UNKNOWN = "credential_unknown"
    """Wrong, removed, or of the other kind."""
    OVER = "credential_over"
    ACCOUNT = "account_not_usable"
    NO_SCHEME = "no_scheme"
    """The person could not sign in for this app either, or not from there."""
    CLOSED = "closed"
    """The operator has degraded the sign-in: nobody new signs in now."""
    DIRECTORY_AWAY = "directory_unavailable"


@dataclass(frozen=True, slots=True)
class UseThrottled:
    """Too many wrong ones from there."""

    retry_after_seconds: int
    """At least 1."""


class CredentialUses(Protocol):
    async def begin_session(self, use: CredentialUse) -> UseRefused | UseThrottled | None:
        """None: a session stands now that is found by the digest. Raises `StoreUnavailable`."""
        ...
