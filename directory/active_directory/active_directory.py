"""One Active Directory domain as a realm: find an account, prove its password with one bind, read the person.

LDAP blocks, so all of it runs in `BoundedThreads`. The decisions are in other files: which account a name means
(`persons`), what a bind and a change of password say (`password_proof`), what is known about the domain itself
(`known_domain`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from config.settings import ActiveDirectorySettings
from directory.active_directory.account import ticket_refusal
from directory.active_directory.checks import check_domain
from directory.active_directory.create_locator import locator_of
from directory.active_directory.discovery import tls_context_of
from directory.active_directory.domain_controllers import DomainControllers
from directory.active_directory.filters import guid_base, sid_base
from directory.active_directory.known_domain import KnownDomain
from directory.active_directory.password_proof import PasswordProof
from directory.active_directory.persons import PersonReader
from directory.active_directory.reader import Reader
from directory.active_directory.service_account import ServiceAccount
from directory.active_directory.shared_tries import SharedTries
from directory.active_directory.usn_watch import DomainWatch
from directory.active_directory.wrong_passwords import counted_passwords
from directory.bounded_threads import BoundedThreads
from directory.change_outcomes import PasswordChanged, PasswordChangeRefused, PasswordRules
from directory.directory import AccountState, Changes, CheckResult, PasswordRefused, RefusalReason
from directory.errors import DirectoryBusy, DirectoryMisconfigured, DirectoryUnavailable
from directory.kerberos.ticket import KerberosTicket, TicketRefusal
from directory.lockout import CountedPasswords, LockoutPolicy
from directory.login_name import LoginName
from directory.managers import ManagerLine
from directory.password import are_usable_octets
from directory.principal import Account, Principal
from directory.vital_signs import Took, VitalSigns, not_told, signs_of

WAITING_PER_THREAD = 4
"""How many jobs may wait for each thread."""
T = TypeVar("T")


class ActiveDirectory:
    """A `Directory`, and all else that a directory may be: one that is prepared, that describes and locks accounts,
    names managers, counts wrong passwords, changes passwords, is watched, and knows whose Kerberos tickets are whose.

    Raises `DirectoryMisconfigured` for settings that can never work.
    """

    def __init__(
        self,
        settings: ActiveDirectorySettings,
        groups: frozenset[str] = frozenset(),
        want_all_groups: bool = False,
        *,
        needs_change_times: bool = False,
        shared: SharedTries | None = None,
        took: Took = not_told,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`groups`: the ones that the configuration names anywhere. `want_all_groups`: fill `Principal.all_groups`.

        `needs_change_times`: something depends on when a number was written, so `check` looks whether that can be
        read. `shared`: the tries of other processes that sign in as the service account; None: there are none. `took`
        is told of each answer of a server.
        """
        self.realm = settings.name
        self.kerberos_realm = settings.domain.upper()
        self.recheck_seconds = settings.recheck
        self._settings = settings
        self._group_names = groups
        self._needs_change_times = needs_change_times
        self._clock = clock
        self._servers = _domain_controllers(settings, shared, took)
        self._known = KnownDomain(settings, groups)
        self._persons = PersonReader(settings, self._known, groups, want_all_groups, clock=clock)
        self._proof = PasswordProof(
            settings.name, self._servers, self._known, self._persons, timeout_seconds=settings.timeout, clock=clock
        )
        self._watch = DomainWatch(settings.name, self._servers, self._known)
        self._threads = BoundedThreads(
            settings.name,
            settings.connections,
            waiting=settings.connections * WAITING_PER_THREAD,
            timeout_seconds=settings.timeout,
        )

    def vital_signs(self) -> VitalSigns:
        return signs_of(self._threads, self._servers.are_asked())

    def __repr__(self) -> str:
        return f"ActiveDirectory(realm={self.realm!r}, domain={self._settings.domain!r})"

    async def prepare(self) -> None:
        """Learn the domain's NetBIOS name and its alternate UPN suffixes, which `serves` needs, and its groups.

        Otherwise the first sign-in does it. Also opens a connection to each server, in the background. Raises what
        a method of `Directory` may raise.
        """
        await self._reading(self._known.learn)
        self._servers.measure()

    def serves(self, login_name: LoginName) -> bool:
        """Until the domain was reached once, the first label of its DNS name stands in for its NetBIOS name."""
        return self._known.serves(login_name)

    async def find(self, login_name: LoginName) -> Account | None:
        return await self._reading(lambda reader: self._persons.account_called(reader, login_name))

    def lockout_policy(self) -> LockoutPolicy | None:
        return self._known.lockout_policy

    async def authenticate(self, account: Account | None, password: str) -> Principal | PasswordRefused:
        return await self._threads.run(lambda deadline: self._proof.authenticate(account, password, deadline))

    async def holder(self, ticket: KerberosTicket) -> Principal | RefusalReason | TicketRefusal:
        def work(reader: Reader) -> Principal | RefusalReason | TicketRefusal:
            person = self._persons.at(reader, sid_base(ticket.sid))
            refusal = ticket_refusal(person, ticket, self._clock())
            if refusal is not None or person is None:
                return refusal or RefusalReason.UNKNOWN
            return self._persons.principal(reader, person)

        return await self._reading(work)

    async def read(self, guid: str) -> Principal | None:
        return await self.read_at(guid, "")

    async def state(self, guid: str) -> AccountState | None:
        try:
            base = guid_base(guid)
        except ValueError:
            return None
        return await self._reading(lambda reader: self._persons.state_at(reader, base))

    async def managers(self, guid: str) -> ManagerLine:
        """Raises `ValueError` for what is no GUID."""
        return await self._reading(lambda reader: self._persons.managers_of(reader, guid))

    async def counted_passwords(self, guid: str) -> CountedPasswords | None:
        policy = self._known.lockout_policy
        if policy is None:
            return None
        base, window_seconds = guid_base(guid), policy.window_seconds

        def work(deadline: float) -> CountedPasswords | None:
            return counted_passwords(
                self._servers, base, window_seconds=window_seconds, now=self._clock(), deadline=deadline
            )

        return await self._threads.run(work)

    async def changes(self) -> Sequence[Changes]:
        """Not to be called again before it has answered."""
        return await self._threads.run(self._watch.changes)

    async def doubtful(self, guids: Sequence[str]) -> frozenset[str]:
        return await self._reading(lambda reader: self._watch.doubtful(reader, guids, self._clock()))

    async def read_at(self, guid: str, seen_at: str) -> Principal | None:
        try:
            base = guid_base(guid)
        except ValueError:
            return None

        def read(deadline: float) -> Principal | None:
            servers = self._servers.all(deadline=deadline)
            told = next((each.address for each in servers if str(each.address) == seen_at and each.is_asked), None)
            return self._servers.read(
                lambda reader: self._persons.usable_at(reader, base, guid), deadline=deadline, only_at=told
            )

        return await self._threads.run(read)

    async def change_password(self, guid: str, old: str, new: str) -> PasswordChanged | PasswordChangeRefused:
        return await self._threads.run(lambda deadline: self._proof.change(guid, old, new, deadline))

    async def password_rules(self) -> PasswordRules | None:
        return await self._reading(self._known.rules)

    async def check(self) -> list[CheckResult]:
        def work(_: float) -> list[CheckResult]:
            return check_domain(
                self._servers,
                self._settings,
                self._group_names,
                needs_change_times=self._needs_change_times,
                clock=self._clock,
            )

        try:
            return await self._threads.run(work)
        except (DirectoryBusy, DirectoryUnavailable) as exc:
            return [CheckResult(subject=f"directory {self.realm}", ok=False, detail=str(exc))]

    async def close(self) -> None:
        """End the service connections. A job that is still running ends at its deadline, and nobody gets its answer."""
        self._threads.close()
        await asyncio.to_thread(self._servers.close)

    async def _reading(self, work: Callable[[Reader], T]) -> T:
        """`work` as the service account, in a thread."""
        return await self._threads.run(lambda deadline: self._servers.read(work, deadline=deadline))


def _domain_controllers(settings: ActiveDirectorySettings, shared: SharedTries | None, took: Took) -> DomainControllers:
    password = settings.bind_password.get_secret_value()
    if not settings.bind_user or not are_usable_octets(password.encode("utf-8", "replace")):
        raise DirectoryMisconfigured(settings.name, "bind_user and bind_password must not be empty")
    context = tls_context_of(settings)
    locator, addresses = locator_of(settings)
    return DomainControllers(
        settings.name,
        locator,
        context,
        ServiceAccount(settings.bind_user, password, shared=shared),
        addresses,
        probe_seconds=settings.timeout,
        took=partial(took, settings.name),
    )
