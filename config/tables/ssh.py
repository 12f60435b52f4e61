"""`[ssh]`: the jump host, `[[ssh.targets]]`: what can be reached through it, and what has to agree there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from config.addresses import ListenAddress, TargetHost
from config.factors import TYPED_BEYOND_APPS, Factor
from config.frozen_table import FrozenTable, named
from config.problems import told
from config.tables.schemes import SchemeSettings, no_such_scheme
from config.tables.server import ServerSettings
from config.values import MADE_LATER, Integer, NotEmpty, Seconds, Text

Port = Annotated[Integer, Field(ge=1, le=65535)]


class SSHTargetSettings(FrozenTable):
    """What may be reached through the jump host, and by whom. Everything else is refused."""

    host: TargetHost
    """A name, `*.` and the end of names, an address, or a network. It permits what is asked for in that form."""
    ports: Annotated[tuple[Port, ...], NotEmpty] = (22,)
    """The TCP ports that may be reached there."""
    groups: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """Members of any of these groups, nested ones too. Not set: everybody who is signed in here."""


class SSHSettings(FrozenTable):
    """A jump host for SSH. Needs the extra `ssh`."""

    listen: tuple[ListenAddress, ...] = ()
    """Addresses and ports to listen on. Empty: there is no jump host."""
    host_key_file: Annotated[Path | None, MADE_LATER] = None
    """The host key, an OpenSSH private key of type ed25519, made at the first start. Not set: `ssh_host_ed25519_key`
    beside the store's file, else beside the master key."""
    scheme: Text | None = None
    """The scheme by which people sign in here. It begins with `password`. Not set: the first that is meant for them, as
    in a browser."""
    targets: tuple[SSHTargetSettings, ...] = ()
    """What may be reached through it."""
    login_timeout: Annotated[Seconds, Field(ge=10, le=900)] = 300.0
    """How long a sign-in may take, from the connection on: an SMS may be late."""
    max_connections: Annotated[Integer, Field(ge=1)] = 200
    """Connections of one worker, signed in or not."""
    max_unauthenticated: Annotated[Integer, Field(ge=1)] = 50
    """Those of them that have not signed in yet."""
    max_unauthenticated_per_address: Annotated[Integer, Field(ge=1)] = 10
    """Those of them from one address (of IPv6: one /64)."""
    max_channels: Annotated[Integer, Field(ge=1, le=1000)] = 50
    """Channels that one connection may have open at once."""

    @property
    def is_on(self) -> bool:
        return bool(self.listen)

    @property
    def most_channels(self) -> int:
        """Of all connections of one worker together."""
        return 4 * self.max_connections


def ssh_problems(
    ssh: SSHSettings, server: ServerSettings, schemes: Sequence[SchemeSettings]
) -> Iterator[tuple[str, str]]:
    """Key and sentence of everything that keeps the jump host from working as it is written."""
    yield from told(_off(ssh), _addresses(ssh, server), _scheme(ssh, schemes))


def _off(ssh: SSHSettings) -> Iterator[tuple[str, str]]:
    if ssh.is_on:
        if not ssh.targets:
            yield "targets", "is missing: without [[ssh.targets]] nobody can be let through"
        return
    for key in ("targets", "scheme", "host_key_file"):
        if getattr(ssh, key):
            yield "listen", f"is missing: {key} is given, and without an address there is no jump host"
            return


def _addresses(ssh: SSHSettings, server: ServerSettings) -> Iterator[tuple[str, str]]:
    others = [*server.listen, *server.redirect_listen]
    if server.admin_listen is not None:
        others.append(server.admin_listen)
    for position, address in enumerate(ssh.listen):
        if address.port and (address in others or address in ssh.listen[:position]):
            yield "listen", f"{address.host}:{address.port} is listened on already"


def _scheme(ssh: SSHSettings, schemes: Sequence[SchemeSettings]) -> Iterator[tuple[str, str]]:
    if not ssh.is_on or ssh.scheme is None:
        return
    scheme = named(schemes, ssh.scheme)
    if scheme is None:
        yield "scheme", no_such_scheme(schemes, ssh.scheme)
        return
    if scheme.apps is not None:
        yield "scheme", f'"{scheme.name}" is for certain apps, and nobody comes from an app here'
    if Factor.PASSWORD not in scheme.factors[0]:
        yield "scheme", f'"{scheme.name}" does not begin with "password", and nothing else can be asked for first here'
    elif any(TYPED_BEYOND_APPS.isdisjoint(choice) for choice in scheme.factors[1:]):
        yield "scheme", f'"{scheme.name}" asks for what cannot be typed: add another factor as a choice'


def ssh_warnings(ssh: SSHSettings, schemes: Sequence[SchemeSettings]) -> Iterator[str]:
    """What works, but is seldom meant."""
    if not ssh.is_on:
        return
    scheme = None if ssh.scheme is None else named(schemes, ssh.scheme)
    if scheme is not None and len(scheme.factors) == 1:
        yield f'ssh: scheme: "{scheme.name}" lets everybody whom it is for through with a password alone'
    for target in ssh.targets:
        if target.groups is None and target.host.startswith("*"):
            yield f'ssh.targets ("{target.host}"): has no groups: everybody who can sign in reaches all of it'
