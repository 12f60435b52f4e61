"""`[smtp]`, `[[smtp]]`: the relays that mail is handed to, in order, and what has to agree in each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from config.addresses import Machine, is_loopback
from config.frozen_table import FrozenTable
from config.values import Flag, Integer, PlainAddress, Seconds, Secret, Text


class SMTPSettings(FrozenTable):
    """The relays that mail is handed to. Several `[[smtp]]` tables are tried in order."""

    host: Machine
    """The relay's host name or IP address."""
    port: Annotated[Integer, Field(ge=1, le=65535)] = 587
    """The relay's TCP port."""
    security: Literal["tls", "starttls", "none"] = "starttls"
    """`starttls`, `tls` from the first byte, or `none`, which is for this machine only."""
    allow_insecure: Flag = False
    """Permits `security = "none"` to another machine. Passcodes then cross the network in the clear."""
    username: Text | None = None
    """The login, if the relay wants one. Needs `password`."""
    password: Secret | None = None
    """The password of the login."""
    sender: Annotated[PlainAddress, Field(alias="from")]
    """The sender of every mail: the address that is registered at the SMS gateway as trusted."""
    ca_file: Path | None = None
    """The certificate authority that signed the relay's certificate, a PEM file. Not set: those that the operating
    system trusts."""
    connections: Annotated[Integer, Field(ge=1, le=32)] = 4
    """How many connections to it are kept, in each worker."""
    timeout: Seconds = 8.0
    """How long one delivery may take."""


def transport_problems(relay: SMTPSettings) -> Iterator[tuple[str, str]]:
    """Key and sentence of what would cross the network in the clear."""
    if relay.security != "none" or is_loopback(relay.host):
        return
    if not relay.allow_insecure:
        yield (
            "security",
            'passcodes would cross the network in the clear: use "starttls" or "tls" (or set allow_insecure = true)',
        )
    if relay.username is not None:
        yield "username", "a password is never sent without TLS: leave it out, or change security"


def login_problems(relay: SMTPSettings) -> Iterator[tuple[str, str]]:
    """Half a login."""
    if relay.username is not None and relay.password is None:
        yield "password", "is missing: username needs it (or password_file)"
    if relay.password is not None and relay.username is None:
        yield "username", "is missing: the password needs it"
