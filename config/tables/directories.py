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
    """People of an Active Directory domain."""

    type: Literal["active_directory"]
    """Says that this directory is an Active Directory domain."""
    name: RealmName
    """The realm: a short name of your choice. Logs and `Remote-Realm` show it."""
    domain: HostName
    """The domain's DNS name, which is also the suffix in `alice@corp.example`."""
    netbios_name: NetBIOSName | None = None
    r"""What comes before the backslash in `CORP\alice`."""
    default: Flag = False
    """Whether names without a domain belong here. If no directory says so, they belong to the first one."""
    upn_suffixes: tuple[HostName, ...] | None = None
    """The other UPN suffixes of this domain's people. Not set: all those of the forest. Needed only if two domains of
    one forest are configured."""
    servers: tuple[LDAPServer, ...] = ()
    """Domain controllers: `ldaps://HOST[:PORT]`, or `ldap://HOST[:PORT]`, which always uses StartTLS. Empty: found by
    DNS (SRV records), over LDAPS."""
    site: SiteName | None = None
    """The Active Directory site of this machine. Where DNS finds the servers, those of the site are asked first."""
    controller_suffixes: tuple[HostName, ...] = ()
    """Domains besides `domain` in which servers found by DNS may be."""
    dns_servers: tuple[ResolverAddress, ...] = ()
    """The DNS servers to ask for domain controllers. Empty: those of the operating system."""
    ca_file: Path | None = None
    """The certificate authority that signed the controllers' certificate, a PEM file. Not set: those that the operating
    system trusts."""
    bind_user: Text
    """The account that Gatepost searches with. It needs the right to read, and nothing else."""
    bind_password: Secret
    """That account's password."""
    base_dn: Text | None = None
    """Where to search. Not set: the whole domain."""
    mobile_attributes: Annotated[tuple[AttributeName, ...], NotEmpty] = ("mobile",)
    """Attributes that may hold the mobile number, in order. The first usable number wins."""
    connections: Annotated[Integer, Field(ge=1, le=64)] = 8
    """Threads that may talk to the domain at the same time."""
    timeout: Seconds = 5.0
    """How long one LDAP operation may take, connecting included."""
    lockout_threshold: Annotated[Integer, Field(ge=0)] | None = None
    """How many wrong passwords lock an account. 0: no number does. Not set: what the domain says. Needed if a
    fine-grained password policy (PSO) is stricter for some people."""
    lockout_window: Seconds | None = None
    """After this long without a wrong password the domain counts from zero again. Not set: what the domain says."""
    lockout_margin: Annotated[Integer, Field(ge=1)] = 2
    """How many wrong passwords before the one that locks Gatepost stops passing them on."""
    warn_before_expiry: SecondsOrNone = 1_209_600.0
    """How long before their password expires people are told. `"0s"`: never."""
    recheck: Annotated[Seconds, Field(ge=10)] = 900.0
    """How often each signed-in person is read again, as a safety net. Changes are noticed within seconds without it."""
    explain_refusals: Flag = False
    """Whether people whose password was right are told why their account cannot be used. This also tells anyone with a
    stolen password that it is right."""
    kerberos_keytab: Path | None = None
    """The keytab of the service that domain-joined browsers get Kerberos tickets for. Schemes that begin with
    `kerberos` need it."""
    kerberos_service: ServicePrincipal | None = None
    """The name of that service. Not set: `HTTP/`, the host of `public_url`, `@`, and the domain in capitals."""


class LocalDirectorySettings(FrozenTable):
    """People who are in no domain, in a file."""

    type: Literal["local"]
    """Says that this directory is a file."""
    name: RealmName
    """The realm: a short name of your choice. Logs and `Remote-Realm` show it."""
    default: Flag = False
    """Whether names without a domain belong here. If no directory says so, they belong to the first one."""
    file: Path
    """The TOML file of users: user name, password hash (`gatepost hash-password`), display name, mail, mobile, groups,
    manager."""


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
