"""What a Kerberos ticket proves, and the contracts around it. Instants are epoch seconds.

A ticket names a domain and, in the part that only the domain can write (the PAC), a person's SID. The name in it is not
used: anyone who may write an account's names can get tickets in another person's name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, runtime_checkable

from directory.directory import RefusalReason
from directory.principal import Principal

MAX_TOKEN_BYTES = 66_000
"""Windows makes none over 65,535 (``MaxTokenSize``)."""


class TicketRefusal(Enum):
    """Why a token proves nobody. Values are for the log."""

    NOT_KERBEROS = "ticket_not_kerberos"
    """NTLM, or not the beginning of a negotiation."""
    NOT_IN_ONE_STEP = "ticket_not_in_one_step"
    """The negotiation would take another round trip, and we keep no state for it."""
    UNUSABLE = "ticket_unusable"
    """Forged, expired, seen before, for another service, or clocks differ: `TicketRefused.detail` says which."""
    SEEN_BEFORE = "ticket_seen_before"
    """Somebody has already signed in with this token."""
    WITHOUT_SID = "ticket_without_sid"
    """No PAC: not from an Active Directory domain, or the service account is set to get none."""
    UNKNOWN_DOMAIN = "ticket_of_an_unknown_domain"
    BY_ANOTHER_DOMAIN = "ticket_by_another_domain"
    """Made with one domain's key for a person of another that has a key of its own."""
    OLD_PASSWORD = "ticket_of_an_old_password"  # noqa: S105  # a reason, not a password
    """The password was set again since the person got the ticket."""


@dataclass(frozen=True, slots=True)
class TicketRefused:
    reason: TicketRefusal
    detail: str = ""
    """What the Kerberos library said: names of services, no persons'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KerberosTicket:
    """An accepted one."""

    kerberos_realm: str
    """The holder's domain, in capitals."""
    sid: str = field(repr=False)
    password_set_at: float | None
    """When the holder signed in to the domain; None: the ticket does not say."""
    authenticator: bytes = field(repr=False)
    """A digest that distinguishes this use of the ticket from all others."""
    reply: bytes = field(repr=False)
    """What proves to the client that the service is the one that it asked for."""


class TicketAcceptor(Protocol):
    async def accept(self, token: bytes) -> KerberosTicket | TicketRefused:
        """Judge the first token of a negotiation (RFC 4559). May raise `DirectoryBusy`."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class TicketDirectory(Protocol):
    """A directory whose persons may hold tickets."""

    @property
    def kerberos_realm(self) -> str: ...

    async def holder(self, ticket: KerberosTicket) -> Principal | RefusalReason | TicketRefusal:
        """The person as the directory knows them now, because a ticket outlives the facts that it was given for.

        May raise what a method of `directory.directory.Directory` may raise.
        """
        ...
