"""`[[directories]]`: where people are looked up, and what has to agree there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from config.addresses import HostName, LDAPServer, ResolverAddress
from config.frozen_table import FrozenTable
from config.values import (
    AttributeName,
    Flag,
    Integer,
    NetBIOSName,
    NotEmpty,
    RealmName,
    Seconds,
    SecondsOrNone,
    Secret,
    ServicePrincipal,
    SiteName,
    Text,
)


class ActiveDirectorySettings(FrozenTable):
    type: Literal["active_directory"]
    name: RealmName
    """The realm."""
    domain: HostName
    netbios_name: NetBIOSName | None = None
    default: Flag = False
    """Whether names without a domain belong here; without any such directory they belong to the first one."""
    upn_suffixes: tuple[HostName, ...] | None = None
    """Alternate UPN suffixes of this realm; None: those of the whole forest."""
    servers: tuple[LDAPServer, ...] = ()
    """``ldaps://HOST[:PORT]`` or ``ldap://HOST[:PORT]`` (always with StartTLS). Empty: found by DNS SRV."""
    site: SiteName | None = None
    """The Active Directory site whose servers are asked first, where they are found by DNS."""
    controller_suffixes: tuple[HostName, ...] = ()
    """Domains besides `domain` in which servers found by DNS may lie."""
    dns_servers: tuple[ResolverAddress, ...] = ()
    """Who is asked for the servers and their addresses; empty: whom the operating system asks."""
    ca_file: Path | None = None
    bind_user: Text
    bind_password: Secret
    base_dn: Text | None = None
    mobile_attributes: Annotated[tuple[AttributeName, ...], NotEmpty] = ("mobile",)
    connections: Annotated[Integer, Field(ge=1, le=64)] = 8
    """Threads that may talk to the domain at the same time."""
    timeout: Seconds = 5.0
    """How long one LDAP operation may take, connecting included."""
    lockout_threshold: Annotated[Integer, Field(ge=0)] | None = None
    """How many wrong passwords lock an account (0: any number does not); None: what the domain says."""
    lockout_window: Seconds | None = None
    """After this long without a wrong password the domain counts from zero again; None: what the domain says."""
    lockout_margin: Annotated[Integer, Field(ge=1)] = 2
    """How many wrong passwords before the one that locks are never sent."""
    warn_before_expiry: SecondsOrNone = 1_209_600.0
    """From when on persons are told that their password is about to expire; 0: never."""
    recheck: Annotated[Seconds, Field(ge=10)] = 900.0
    """How long a person with a live session may go without being read again, besides the watch on changes."""
    explain_refusals: Flag = False
    """Whether somebody whose password was right is told why the account cannot be used."""
    kerberos_keytab: Path | None = None
    """The keys of the service that browsers get Kerberos tickets for."""
    kerberos_service: ServicePrincipal | None = None
    """That service, where it is not ``HTTP/HOST@DOMAIN``: the host of `public_url`, the domain in capitals."""


class LocalDirectorySettings(FrozenTable):
    type: Literal["local"]
    name: RealmName
    default: Flag = False
    """Whether names without a domain belong here."""
    file: Path


DirectorySettings = Annotated[ActiveDirectorySettings | LocalDirectorySettings, Field(discriminator="type")]


def directory_problems(directories: Sequence[DirectorySettings]) -> Iterator[tuple[int, str, str]]:
    """Position, key and sentence.

    A qualifier that two directories answer to would send a password to a directory by chance.
    """
    owners: dict[str, int] = {}
    default: str | None = None
    for position, directory in enumerate(directories):
        if getattr(directory, "default", False):
            if default is not None:
                yield position, "default", f'"{default}" is the default already'
            default = default or getattr(directory, "name", "")
        for key in ("name", "domain", "netbios_name"):
            name = getattr(directory, key, None)
            if name and owners.setdefault(name.casefold(), position) != position:
                yield position, key, f'"{name}" already belongs to another directory'


def directory_warnings(directories: Sequence[DirectorySettings]) -> Iterator[str]:
    """What works, but is seldom meant."""
    for directory in directories:
        if isinstance(directory, ActiveDirectorySettings) and directory.servers:
            for key in ("site", "controller_suffixes"):
                if getattr(directory, key):
                    yield f'directories ("{directory.name}"): {key} means nothing where servers are listed'
