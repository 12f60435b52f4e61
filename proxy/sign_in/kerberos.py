"""The first factor by Kerberos ticket: whose it is, asked of the one directory of their domain."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from config.factors import Factor
from directory.directory import RefusalReason
from directory.kerberos.ticket import KerberosTicket, TicketAcceptor, TicketDirectory, TicketRefusal, TicketRefused
from directory.principal import Principal
from directory.realms import Realms
from proxy.secrets.keys import Keys, Purpose
from proxy.sign_in.client import Client
from proxy.sign_in.password import PersonProven
from proxy.sign_in.sign_in_log import SignInLog
from proxy.throttle.counter_store import Counter, CounterStore

REMEMBERED_SECONDS = 3600.0
"""An authenticator is good for as long as its time and the server's clock differ by five minutes at the most (RFC 4120
section 3.2.3), so for ten in all; Kerberos's own configuration (``clockskew``) may allow more."""


@dataclass(frozen=True, slots=True)
class TicketProves:
    person: PersonProven
    reply: bytes = field(repr=False)
    """What proves to the client that the service is the one that it asked for; may be empty."""


@dataclass(frozen=True, slots=True)
class TicketRefusedHere:
    """It proves nobody. Why stands in the log alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketStep:
    """The step that takes the first token of a negotiation (RFC 4559)."""

    acceptor: TicketAcceptor
    realms: Realms
    counters: CounterStore
    keys: Keys = field(repr=False)
    log: SignInLog

    async def prove(self, client: Client, token: bytes, *, now: float) -> TicketProves | TicketRefusedHere:
        """Raises `DirectoryError` and `StoreUnavailable`."""
        ticket = await self.acceptor.accept(token)
        if isinstance(ticket, TicketRefused):
            return self._refused(client, ticket.reason, detail=ticket.detail)
        if not await self._is_first_use(ticket, now=now):
            return self._refused(client, TicketRefusal.SEEN_BEFORE)
        holder = await self._holder(ticket)
        if not isinstance(holder, Principal):
            return self._refused(client, holder)
        return TicketProves(PersonProven(holder, Factor.KERBEROS), ticket.reply)

    async def _is_first_use(self, ticket: KerberosTicket, *, now: float) -> bool:
        """A Kerberos authenticator opens once, on whatever worker or node: what was used is remembered in the store."""
        key = hmac.digest(self.keys.derive(Purpose.THROTTLE), b"ticket\0" + ticket.authenticator, "sha256")
        used = Counter(key=key, limit=1, window_seconds=REMEMBERED_SECONDS)
        return await self.counters.reserve([used], now=now) is None

    async def _holder(self, ticket: KerberosTicket) -> Principal | RefusalReason | TicketRefusal:
        """No directory vouches for another's persons but as configured."""
        for directory in self.realms:
            if isinstance(directory, TicketDirectory) and directory.kerberos_realm == ticket.kerberos_realm:
                return await directory.holder(ticket)
        return TicketRefusal.UNKNOWN_DOMAIN

    def _refused(self, client: Client, reason: TicketRefusal | RefusalReason, *, detail: str = "") -> TicketRefusedHere:
        self.log.refused(client, reason.value, factor="kerberos", kerberos=detail)
        return TicketRefusedHere()
