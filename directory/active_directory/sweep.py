"""All persons of a domain, page by page, for the report on their mobile fields: read only, memory flat.

One connection of the service account, to the first server that answers. Instants are epoch seconds, deadlines those
of `time.monotonic`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

from config.settings import ActiveDirectorySettings
from directory.active_directory.account import (
    DISABLED,
    UnreadableAccount,
    first_text,
    guid_of,
    number_or_none,
    texts,
    username_of,
)
from directory.active_directory.bind_result import refusal_reason, service_account_refusal
from directory.active_directory.change_time import metadata_to_read, swept_change_at
from directory.active_directory.connection import Connection
from directory.active_directory.create_locator import locator_of
from directory.active_directory.deadline_socket import ConnectionFailed
from directory.active_directory.discovery import DiscoveryFailed, tls_context_of
from directory.active_directory.domain import Domain, read_domain
from directory.active_directory.filters import IS_PERSON
from directory.active_directory.messages import SUCCESS, Entry, Search
from directory.active_directory.paged_search import PagedSearch, SearchRefused
from directory.active_directory.reader import Reader
from directory.active_directory.service_account import ServiceAccount
from directory.active_directory.value_ranges import is_in_ranges
from directory.errors import DirectoryMisconfigured, DirectoryUnavailable
from directory.mobile_report import Field, SweptPerson
from directory.service_accounts import AccountTraits, is_service_account

PAGE_SIZE = 1000
"""AD's own limit (MaxPageSize)."""
WAIT_SECONDS = 60.0
"""How long a server may work on a page before it sends the first entry."""
OTHER_ATTRIBUTES = ("otherMobile", "telephoneNumber")
_CRITICAL, _SERVICE_NAMES = _OF_SERVICES = ("isCriticalSystemObject", "servicePrincipalName")
_OF_HUMANS = ("givenName", "sn", "mail")

_ESCAPED = re.compile(r"(?:\\(?:[0-9A-Fa-f]{2}|.))+", re.DOTALL)


def sweep(
    settings: ActiveDirectorySettings,
    *,
    service_accounts: Collection[str] = (),
    base_dn: str | None = None,
    page_size: int = PAGE_SIZE,
) -> Iterator[SweptPerson]:
    """Every person below `base_dn` (None: the realm's base), disabled ones too.

    Raises `DirectoryUnavailable` or `DirectoryMisconfigured`, even in the middle: half a sweep is not a report.
    """
    with service_connection(settings) as connection:
        try:
            domain, base = domain_and_base(connection, settings, base_dn)
            attributes = attributes_to_read(settings.mobile_attributes)
            search = Search(base_dn=base, filter_text=IS_PERSON, attributes=attributes)
            for entry in entries_in_whole(settings, connection, search, page_size=page_size):
                yield _person(entry, settings, domain, service_accounts)
        except ConnectionFailed as exc:
            raise DirectoryUnavailable(settings.name, str(exc)) from exc
        except (SearchRefused, UnreadableAccount) as exc:
            raise DirectoryMisconfigured(settings.name, str(exc)) from exc


def entries_in_whole(
    settings: ActiveDirectorySettings, connection: Connection, search: Search, *, page_size: int = PAGE_SIZE
) -> Iterator[Entry]:
    """All that the search finds; last those with more values than fit into one answer.

    Raises `ConnectionFailed` or `SearchRefused`.
    """
    in_ranges = []
    for entry in PagedSearch(connection, search, page_size=page_size, wait_seconds=WAIT_SECONDS):
        if is_in_ranges(entry):
            in_ranges.append(entry)  # the rest of it is asked for once no page is on its way
        else:
            yield entry
    for entry in in_ranges:
        yield Reader(settings.name, connection, time.monotonic() + WAIT_SECONDS).in_whole(entry)


def attributes_to_read(mobile_attributes: Sequence[str]) -> tuple[str, ...]:
    """Each once, whatever case the configuration writes it in."""
    names = ("objectGUID", "sAMAccountName", "displayName", "department", "userAccountControl")
    mobile = (*mobile_attributes, *OTHER_ATTRIBUTES, *metadata_to_read(mobile_attributes))
    wanted = [*names, *_OF_SERVICES, *_OF_HUMANS, *mobile]
    return tuple({name.lower(): name for name in reversed(wanted)}.values())


def container_of(dn: str, root_dn: str) -> str:
    """Where an entry lies, from the domain down: ``London/Sales`` for ``CN=x,OU=Sales,OU=London,DC=...``."""
    return _path(dn[_name_end(dn, 0) + 1 :], root_dn)


@lru_cache(maxsize=10_000)
def _path(dn: str, root_dn: str) -> str:
    inside = "" if dn == root_dn else dn.removesuffix(f",{root_dn}")
    names, at = [], 0
    while at < len(inside):
        end = _name_end(inside, at)
        names.append(_ESCAPED.sub(_unescaped, inside[at:end].partition("=")[2]))
        at = end + 1
    return "/".join(reversed(names))


def _name_end(dn: str, at: int) -> int:
    r"""Where the part of a DN ends that begins at `at` (RFC 4514): a comma behind a ``\`` belongs to it."""
    while at < len(dn) and dn[at] != ",":
        at += 2 if dn[at] == "\\" else 1
    return min(at, len(dn))


def _unescaped(match: re.Match[str]) -> str:
    r"""A run of ``\,`` and ``\c3\a4``: characters and octets of UTF-8."""

    def octets(each: re.Match[bytes]) -> bytes:
        return bytes.fromhex(each[1].decode()) if each[1] else each[2]

    text = re.sub(rb"\\(?:([0-9A-Fa-f]{2})|(.))", octets, match[0].encode(), flags=re.DOTALL)
    return text.decode("utf-8", "replace")


def _person(
    entry: Entry, settings: ActiveDirectorySettings, domain: Domain, service_accounts: Collection[str]
) -> SweptPerson:
    username = username_of(entry)
    others = [name for name in OTHER_ATTRIBUTES if not _is_in(name, settings.mobile_attributes)]
    return SweptPerson(
        realm=settings.name,
        guid=guid_of(entry),
        username=username,
        display_name=first_text(entry, "displayName") or username,
        container=container_of(entry.dn, domain.root_dn),
        department=first_text(entry, "department").strip(),
        # A person whose state the service account may not read is in the report: their number matters once that is
        # fixed.
        is_disabled=bool((number_or_none(entry, "userAccountControl") or 0) & DISABLED),
        is_service=is_service_account(_traits(entry, username, settings), service_accounts),
        fields=_fields(entry, settings.mobile_attributes),
        other_fields=_fields(entry, others),
        changed_at=swept_change_at(entry, settings.mobile_attributes),
    )


def _traits(entry: Entry, username: str, settings: ActiveDirectorySettings) -> AccountTraits:
    human = (*_OF_HUMANS, *settings.mobile_attributes, *OTHER_ATTRIBUTES)
    return AccountTraits(
        username=username,
        is_built_in=first_text(entry, _CRITICAL).upper() == "TRUE",
        has_service_names=_SERVICE_NAMES.lower() in entry.attributes,
        has_display_name=bool(first_text(entry, "displayName")),
        has_human_traits=any(first_text(entry, name) for name in human),
    )


def _fields(entry: Entry, names: Sequence[str]) -> tuple[Field, ...]:
    return tuple(Field(attribute=name, text=text) for name in names for text in texts(entry, name))


def _is_in(name: str, names: Sequence[str]) -> bool:
    return name.lower() in (each.lower() for each in names)


def domain_and_base(
    connection: Connection, settings: ActiveDirectorySettings, base_dn: str | None
) -> tuple[Domain, str]:
    """The domain, and the DN below which its persons are read."""
    reader = Reader(settings.name, connection, time.monotonic() + settings.timeout)
    # Only login names need the real one, and that would take a search.
    assumed = settings.netbios_name or settings.domain.partition(".")[0]
    domain = read_domain(reader, settings.model_copy(update={"netbios_name": assumed}))
    if base_dn is None:
        return domain, domain.base_dn
    entry = reader.at(base_dn, ["objectClass"])
    if entry is None or not domain.holds(entry.dn):
        raise DirectoryMisconfigured(settings.name, f"there is no {base_dn} at or below {domain.base_dn}")
    return domain, entry.dn


@contextmanager
def service_connection(settings: ActiveDirectorySettings) -> Iterator[Connection]:
    """The service account's, to the first server that answers, for reading much."""
    context = tls_context_of(settings)
    locator, addresses = locator_of(settings)
    try:
        candidates = locator.locate().candidates
    except DiscoveryFailed as exc:
        raise DirectoryUnavailable(settings.name, str(exc)) from exc
    account = ServiceAccount(settings.bind_user, settings.bind_password.get_secret_value())
    failure: ConnectionFailed | None = None
    for candidate in sorted(candidates, key=lambda each: each.rank):
        deadline = time.monotonic() + settings.timeout
        try:
            connection = Connection.open(candidate.address, context, deadline=deadline, addresses=addresses)
        except ConnectionFailed as exc:
            failure = exc
            continue
        try:
            _bind(connection, account, settings)
            yield connection
        finally:
            connection.close()
        return
    raise DirectoryUnavailable(settings.name, str(failure or "no servers are given"))


def _bind(connection: Connection, account: ServiceAccount, settings: ActiveDirectorySettings) -> None:
    try:
        outcome = account.bind(connection, deadline=time.monotonic() + settings.timeout)
    except ConnectionFailed as exc:
        raise DirectoryUnavailable(settings.name, str(exc)) from exc
    refusal = refusal_reason(outcome)
    if refusal is not None:
        raise DirectoryMisconfigured(
            settings.name, f"the service account was refused: {service_account_refusal(refusal)}"
        )
    if outcome.code != SUCCESS:
        reason = f"{connection.server}: the service account's bind was answered {outcome.code}"
        raise DirectoryUnavailable(settings.name, reason)
