"""One Active Directory domain as a realm: find an account, prove its password with one bind, read the person.

LDAP blocks: all of it runs in one bounded pool of threads, entered in `_in_thread` only, with the deadline kept
inside the thread.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import uuid4

from config.settings import ActiveDirectorySettings
from directory.active_directory.account import (
    IDENTITY_ATTRIBUTES,
    PASSWORD_SET,
    Person,
    UnreadableAccount,
    attributes_to_read,
    guid_of,
    read_person,
    texts,
    username_of,
)
from directory.active_directory.bind_result import refusal_reason
from directory.active_directory.checks import check_domain
from directory.active_directory.connection import Entry, create_tls_context
from directory.active_directory.discovery import locator_of
from directory.active_directory.domain import Domain, read_domain, serves
from directory.active_directory.domain_controllers import DomainControllers, ServiceAccount
from directory.active_directory.filters import IS_PERSON, UnusableName, guid_base, person_called
from directory.active_directory.groups import MAX_ALL_GROUPS, ConfiguredGroups, group_names, resolve_groups
from directory.active_directory.lockout_policy import read_lockout_policy
from directory.active_directory.password_change import (
    RULE_ATTRIBUTES,
    UnknownAnswer,
    change_refusal,
    password_rules,
    unicode_pwd,
)
from directory.active_directory.reader import Reader
from directory.active_directory.remembered import Remembered
from directory.active_directory.server_address import ServerAddress
from directory.active_directory.watch import DomainWatch
from directory.directory import CheckResult, PasswordRefused, RefusalReason
from directory.errors import DirectoryBusy, DirectoryError, DirectoryMisconfigured, DirectoryUnavailable, OutcomeUnknown
from directory.lockout import LockoutPolicy
from directory.login_name import LoginName
from directory.password import are_usable_octets
from directory.password_change import ChangeRefusal, PasswordChanged, PasswordChangeRefused, PasswordRules
from directory.principal import Account, Principal
from directory.watch import Changes

T = TypeVar("T")

REMEMBERED_SECONDS = 300.0
"""How long the domain's names and the groups' SIDs are taken for true. Nothing about a person is kept."""
WAITING_PER_THREAD = 4
"""So many jobs may wait for each thread; further ones are `DirectoryBusy`."""
REFUSAL_STEP_SECONDS = 0.25
"""Refusals are answered at whole multiples of this: whether a name is known shows in milliseconds otherwise."""

_MENDED_BY_A_CHANGE = frozenset({RefusalReason.PASSWORD_EXPIRED, RefusalReason.MUST_CHANGE})


_FOUND_ATTRIBUTES = (*IDENTITY_ATTRIBUTES, PASSWORD_SET)


class ActiveDirectory:
    """See `directory.directory.Directory`. Raises `DirectoryMisconfigured` for settings that can never work."""

    def __init__(
        self,
        settings: ActiveDirectorySettings,
        groups: frozenset[str] = frozenset(),
        want_all_groups: bool = False,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`groups`: the ones that the configuration names anywhere. `want_all_groups`: fill `Principal.all_groups`."""
        self.realm = settings.name
        self._settings = settings
        self._group_names = groups
        self._want_all_groups = want_all_groups
        self._with_groups = want_all_groups or bool(groups)
        self._clock = clock
        self._servers = _domain_controllers(settings)
        self._domain: Remembered[Domain] = Remembered(REMEMBERED_SECONDS)
        self._lockout: Remembered[LockoutPolicy | None] = Remembered(REMEMBERED_SECONDS)
        self._groups: Remembered[ConfiguredGroups] = Remembered(REMEMBERED_SECONDS)
        self._rules: Remembered[PasswordRules | None] = Remembered(REMEMBERED_SECONDS)
        self._watch = DomainWatch(settings.name, self._servers, self._domain_known_to, self._groups_known_to)
        self._executor = ThreadPoolExecutor(settings.connections, thread_name_prefix=f"ldap-{settings.name}")
        self._places = threading.BoundedSemaphore(settings.connections * (1 + WAITING_PER_THREAD))

    def __repr__(self) -> str:
        return f"ActiveDirectory(realm={self.realm!r}, domain={self._settings.domain!r})"

    async def prepare(self) -> None:
        """Learn the domain's NetBIOS name and its alternate UPN suffixes, which `serves` goes by, and its groups.

        Done by the first sign-in otherwise. Also opens a connection to each server, in the background. Raises what
        a method of `Directory` may raise.
        """
        await self._in_thread(lambda deadline: self._servers.read(self._learn, deadline=deadline))
        self._servers.measure()

    def serves(self, login_name: LoginName) -> bool:
        """Before the domain was reached once, its NetBIOS name is taken for the first label of its DNS name."""
        domain = self._domain.last
        dns_name = self._settings.domain
        assumed = self._settings.netbios_name or dns_name.partition(".")[0][:15]
        return serves(
            login_name,
            realm=self.realm,
            dns_name=dns_name,
            netbios_name=domain.netbios_name if domain else assumed,
            suffixes=sorted(domain.upn_suffixes) if domain else self._settings.upn_suffixes or (),
        )

    async def find(self, login_name: LoginName) -> Account | None:
        def work(deadline: float) -> Account | None:
            return self._servers.read(lambda reader: self._find(reader, login_name), deadline=deadline)

        return await self._in_thread(work)

    def lockout_policy(self) -> LockoutPolicy | None:
        """See `directory.lockout.LockingDirectory`."""
        return self._lockout.last

    async def authenticate(self, account: Account | None, password: str) -> Principal | PasswordRefused:
        started_at = time.monotonic()
        outcome = await self._in_thread(lambda deadline: self._authenticate(account, password, deadline))
        if isinstance(outcome, PasswordRefused):
            await asyncio.sleep(_until_next_step(time.monotonic() - started_at))
        return outcome

    async def read(self, guid: str) -> Principal | None:
        return await self.read_at(guid, "")

    @property
    def recheck_seconds(self) -> float:
        return self._settings.recheck

    async def changes(self) -> Sequence[Changes]:
        """See `directory.watch.WatchedDirectory`. Not to be called again before it has answered."""
        return await self._in_thread(self._watch.changes)

    async def doubtful(self, guids: Sequence[str]) -> frozenset[str]:
        def work(reader: Reader) -> frozenset[str]:
            return self._watch.doubtful(reader, guids, self._clock())

        return await self._in_thread(lambda deadline: self._servers.read(work, deadline=deadline))

    async def read_at(self, guid: str, seen_at: str) -> Principal | None:
        try:
            base = guid_base(guid)
        except ValueError:
            return None

        def work(reader: Reader) -> Principal | None:
            person = self._person_at(reader, base)
            if person is None or person.guid != guid or person.refusal(self._clock()) is not None:
                return None
            return self._principal(reader, person)

        def read(deadline: float) -> Principal | None:
            servers = self._servers.all(deadline=deadline)
            told = next((each.address for each in servers if str(each.address) == seen_at and each.is_asked), None)
            return self._servers.read(work, deadline=deadline, only_at=told)

        return await self._in_thread(read)

    async def change_password(self, guid: str, old: str, new: str) -> PasswordChanged | PasswordChangeRefused:
        """See `directory.password_change.PasswordChanger`."""
        return await self._in_thread(lambda deadline: self._change_password(guid, old, new, deadline))

    async def password_rules(self) -> PasswordRules | None:
        return await self._in_thread(lambda deadline: self._servers.read(self._rules_known_to, deadline=deadline))

    async def check(self) -> list[CheckResult]:
        def work(_: float) -> list[CheckResult]:
            return check_domain(self._servers, self._settings, self._group_names, clock=self._clock)

        try:
            return await self._in_thread(work)
        except (DirectoryBusy, DirectoryUnavailable) as exc:
            return [CheckResult(subject=f"directory {self.realm}", ok=False, detail=str(exc))]

    async def close(self) -> None:
        """End the service connections. A job still running ends at its deadline, with nobody to hear its answer."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._servers.close)

    async def _in_thread(self, work: Callable[[float], T]) -> T:
        """Run `work(deadline)`. The time spent waiting for a thread counts."""
        if not self._places.acquire(blocking=False):
            raise DirectoryBusy(f"directory {self.realm!r}: too many sign-ins at once")
        deadline = time.monotonic() + self._settings.timeout

        def in_time() -> T:
            if time.monotonic() >= deadline:
                raise DirectoryBusy(f"directory {self.realm!r}: no thread was free in time")
            return work(deadline)

        try:
            future = self._executor.submit(in_time)
        except RuntimeError as exc:
            self._places.release()
            raise DirectoryUnavailable(self.realm, "closed") from exc
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)

    def _domain_known_to(self, reader: Reader) -> Domain:
        def learn() -> Domain:
            return read_domain(
                reader,
                self.realm,
                dns_name=self._settings.domain,
                base_dn=self._settings.base_dn,
                netbios_name=self._settings.netbios_name,
                upn_suffixes=self._settings.upn_suffixes,
            )

        domain = self._domain.get(learn, wait_seconds=reader.seconds_left())
        self._lockout.get(
            lambda: read_lockout_policy(reader, domain, self._settings), wait_seconds=reader.seconds_left()
        )
        return domain

    def _groups_known_to(self, reader: Reader) -> ConfiguredGroups:
        domain = self._domain_known_to(reader)
        return self._groups.get(
            lambda: resolve_groups(reader, domain, self._group_names), wait_seconds=reader.seconds_left()
        )

    def _learn(self, reader: Reader) -> None:
        self._domain_known_to(reader)
        if self._group_names:
            self._groups_known_to(reader)

    def _find(self, reader: Reader, login_name: LoginName) -> Account | None:
        domain = self._domain_known_to(reader)
        if (login_name.domain is not None or login_name.suffix is not None) and not self.serves(login_name):
            return None
        try:
            entry = self._entry_called(reader, domain, login_name)
        except UnusableName:
            return None
        if entry is None:
            return None
        try:
            return Account(
                guid=guid_of(entry),
                realm=self.realm,
                username=username_of(entry),
                locator=entry.dn,
                password_version="".join(texts(entry, PASSWORD_SET)),
            )
        except UnreadableAccount as exc:
            raise DirectoryMisconfigured(self.realm, str(exc)) from exc

    def _entry_called(self, reader: Reader, domain: Domain, login_name: LoginName) -> Entry | None:
        """The typed form decides the attribute; never one filter for two, or a collision picks somebody else."""
        if login_name.suffix is None:
            return reader.only(domain.base_dn, person_called("sAMAccountName", login_name.name), _FOUND_ATTRIBUTES)
        filter_text = person_called("userPrincipalName", f"{login_name.name}@{login_name.suffix}")
        explicit = reader.search(domain.base_dn, filter_text, _FOUND_ATTRIBUTES, size_limit=2)
        if login_name.suffix.casefold() != domain.dns_name.casefold():
            return explicit[0] if len(explicit) == 1 else None
        # NAME@DOMAIN is a name of NAME even where another UPN is set (MS-ADTS section 5.1.1.1.1). Always asked for,
        # so that the time does not tell whether somebody has the name.
        implicit = reader.only(domain.base_dn, person_called("sAMAccountName", login_name.name), _FOUND_ATTRIBUTES)
        if explicit:
            return explicit[0] if len(explicit) == 1 else None
        return implicit

    def _authenticate(self, account: Account | None, password: str, deadline: float) -> Principal | PasswordRefused:
        try:
            octets = password.encode("utf-8")  # as bytes: ldap3 would normalise text (SASLprep), AD does not
        except UnicodeEncodeError:
            return PasswordRefused(RefusalReason.UNUSABLE_PASSWORD)
        if not are_usable_octets(octets):
            return PasswordRefused(RefusalReason.UNUSABLE_PASSWORD)
        if account is None or account.realm != self.realm or not account.locator:
            domain = self._servers.read(self._domain_known_to, deadline=deadline)
            self._servers.bind_once(f"CN={uuid4()},{domain.base_dn}", octets, deadline=deadline)
            return PasswordRefused(RefusalReason.UNKNOWN)
        return self._prove(account, octets, deadline)

    def _prove(
        self, account: Account, octets: bytes, deadline: float, *, only_at: ServerAddress | None = None
    ) -> Principal | PasswordRefused:
        server, outcome = self._servers.bind_once(account.locator, octets, deadline=deadline, only_at=only_at)
        reason = refusal_reason(outcome)
        if reason is not None and reason not in _MENDED_BY_A_CHANGE:
            return PasswordRefused(reason)

        def work(reader: Reader) -> Principal | PasswordRefused:
            # As the service account, so that this and a later `read` see the same; by the DN whose password was
            # proven, so that whoever was renamed in between is noticed; from the same server, because another one
            # may not know yet what this one knows.
            person = self._person_at(reader, account.locator)
            if person is None or person.guid != account.guid:
                return PasswordRefused(RefusalReason.UNKNOWN)
            refusal = person.refusal(self._clock())
            if refusal is not None:
                return PasswordRefused(refusal)
            principal = self._principal(reader, person)
            return PasswordRefused(reason, principal) if reason is not None else principal

        fresh_deadline = time.monotonic() + self._settings.timeout
        return self._servers.read(work, deadline=fresh_deadline, only_at=server)

    def _change_password(
        self, guid: str, old: str, new: str, deadline: float
    ) -> PasswordChanged | PasswordChangeRefused:
        try:
            base, octets = guid_base(guid), new.encode("utf-8")
            values = unicode_pwd(old), unicode_pwd(new)
            usable = are_usable_octets(old.encode("utf-8")) and are_usable_octets(octets)
        except ValueError:  # UnicodeEncodeError is one
            usable = False
        if not usable:
            return PasswordChangeRefused(ChangeRefusal.UNUSABLE_PASSWORD)
        found = self._servers.read(lambda reader: self._changeable(reader, base, guid), deadline=deadline)
        if isinstance(found, ChangeRefusal):
            return PasswordChangeRefused(found)
        dn, rules = found
        server, outcome = self._servers.change_password_once(dn, *values, deadline=deadline)
        try:
            refusal = change_refusal(outcome, new_length=len(new), rules=rules)
        except UnknownAnswer as exc:
            raise OutcomeUnknown(self.realm, f"{server}: {exc}") from exc
        if refusal is not None:
            return PasswordChangeRefused(refusal)
        # From here on the new password stands, whatever happens.
        account = Account(guid=guid, realm=self.realm, username="", locator=dn)
        try:
            signed_in = self._prove(account, octets, time.monotonic() + self._settings.timeout, only_at=server)
        except DirectoryError:
            return PasswordChanged(None)
        return PasswordChanged(signed_in if isinstance(signed_in, Principal) else None)

    def _changeable(self, reader: Reader, base: str, guid: str) -> tuple[str, PasswordRules | None] | ChangeRefusal:
        """The DN of a person who may change their password. AD would change it for a disabled account too."""
        person = self._person_at(reader, base)
        entry = reader.at(base, ())
        if person is None or person.guid != guid or entry is None:
            return ChangeRefusal.NOT_USABLE
        refusal = person.refusal(self._clock())
        if refusal is not None:
            return ChangeRefusal.LOCKED if refusal is RefusalReason.LOCKED else ChangeRefusal.NOT_USABLE
        return entry.dn, self._rules_known_to(reader)

    def _rules_known_to(self, reader: Reader) -> PasswordRules | None:
        domain = self._domain_known_to(reader)
        return self._rules.get(
            lambda: password_rules(reader.at(domain.root_dn, RULE_ATTRIBUTES)), wait_seconds=reader.seconds_left()
        )

    def _person_at(self, reader: Reader, base_dn: str) -> Person | None:
        domain = self._domain_known_to(reader)
        attributes = attributes_to_read(
            self._settings.mobile_attributes,
            with_groups=self._with_groups,
            with_expiry=self._settings.warn_before_expiry > 0,
        )
        entry = reader.at(base_dn, attributes, IS_PERSON)
        if entry is None or not domain.holds(entry.dn):
            return None
        try:
            return read_person(entry, self._settings.mobile_attributes)
        except UnreadableAccount as exc:
            raise DirectoryMisconfigured(self.realm, str(exc)) from exc

    def _principal(self, reader: Reader, person: Person) -> Principal:
        sids: frozenset[bytes] = person.group_sids or frozenset()
        groups: frozenset[str] = frozenset()
        all_groups: tuple[str, ...] = ()
        domain = self._domain_known_to(reader)
        if self._group_names:
            groups = self._groups_known_to(reader).of(sids)
        if self._want_all_groups:
            all_groups = tuple(sorted(group_names(reader, domain, sids).values())[:MAX_ALL_GROUPS])
        return Principal(
            guid=person.guid,
            realm=self.realm,
            username=person.username,
            display_name=person.display_name,
            mail=person.mail,
            mobiles=person.mobiles,
            mobile_changed_at=person.mobile_changed_at,
            groups=groups,
            all_groups=all_groups,
            password_expires_at=person.password_expires_at,
            password_set_at=person.password_set_at,
        )


def _domain_controllers(settings: ActiveDirectorySettings) -> DomainControllers:
    password = settings.bind_password.get_secret_value()
    if not settings.bind_user or not are_usable_octets(password.encode("utf-8", "replace")):
        raise DirectoryMisconfigured(settings.name, "bind_user and bind_password must not be empty")
    try:
        context = create_tls_context(settings.ca_file)
    except OSError as exc:
        raise DirectoryMisconfigured(settings.name, str(exc)) from exc
    locator, addresses = locator_of(settings)
    return DomainControllers(
        settings.name,
        locator,
        context,
        ServiceAccount(settings.bind_user, password),
        addresses,
        probe_seconds=settings.timeout,
    )


def _until_next_step(elapsed_seconds: float) -> float:
    return math.ceil(elapsed_seconds / REFUSAL_STEP_SECONDS) * REFUSAL_STEP_SECONDS - elapsed_seconds
