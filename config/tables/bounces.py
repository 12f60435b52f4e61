"""`[bounces]`: where reports of failed deliveries are read, and what has to agree there."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from config.addresses import ListenAddress, Machine, Network, is_loopback
from config.frozen_table import FrozenTable, half_pairs
from config.problems import told
from config.values import Flag, Integer, NotEmpty, Seconds, Secret, Text

_DEFAULT_PORTS = {"tls": 993, "starttls": 143, "none": 143}
_NEEDED = {"none": (), "imap": ("host", "username", "password"), "smtp": ("listen",)}


class BouncesSettings(FrozenTable):
    inbox: Literal["none", "imap", "smtp"] = "none"
    """A mailbox that is read, a mail server of Gatepost's own, or nothing: then relays are asked for no reports."""
    host: Machine | None = None
    port: Annotated[Integer, Field(ge=1, le=65535)] | None = None
    """None: 993 with "tls", else 143."""
    security: Literal["tls", "starttls", "none"] = "tls"
    allow_insecure: Flag = False
    """Permits ``security = "none"``, or `listen` without a certificate, beyond this machine."""
    username: Text | None = None
    password: Secret | None = None
    ca_file: Path | None = None
    mailbox: Text = "INBOX"
    poll: Annotated[Seconds, Field(ge=5, le=3600)] = 10.0
    then: Literal["delete", "keep"] = "delete"
    """What is done with a report that was read; it may quote the passcode."""
    timeout: Annotated[Seconds, Field(ge=1, le=60)] = 10.0
    """How long one answer of the mailbox's server may take."""

    listen: ListenAddress | None = None
    networks: Annotated[tuple[Network, ...], NotEmpty] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    """The machines that may bring mail."""
    tls_certificate: Path | None = None
    tls_key: Path | None = None

    @property
    def imap_port(self) -> int:
        return self.port if self.port is not None else _DEFAULT_PORTS[self.security]

    @property
    def is_on(self) -> bool:
        return self.inbox != "none"


def bounces_problems(bounces: BouncesSettings) -> Iterator[tuple[str, str]]:
    """Key and sentence of everything that keeps the inbox from working as it is written."""
    yield from told(
        *(_needed(bounces, key) for key in ("host", "username", "password", "listen")),
        _security(bounces),
        _mailbox(bounces),
        half_pairs(bounces, "tls_certificate", "tls_key"),
        _listen(bounces),
    )


def _needed(bounces: BouncesSettings, key: str) -> Iterator[tuple[str, str]]:
    if key in _NEEDED[bounces.inbox] and getattr(bounces, key) is None:
        also = " (or give password_file)" if key == "password" else ""
        yield key, f'is missing: inbox = "{bounces.inbox}" needs it{also}'


def _security(bounces: BouncesSettings) -> Iterator[tuple[str, str]]:
    if bounces.inbox != "imap" or bounces.security != "none" or bounces.allow_insecure:
        return
    if bounces.host is None or not is_loopback(bounces.host):
        yield (
            "security",
            'the password and reports would cross the network in the clear: use "tls" or "starttls"'
            " (or set allow_insecure = true)",
        )


def _mailbox(bounces: BouncesSettings) -> Iterator[tuple[str, str]]:
    if bounces.inbox == "imap" and not (bounces.mailbox.isascii() and bounces.mailbox.isprintable()):
        yield "mailbox", "must be ASCII: name it in the modified UTF-7 of RFC 3501, as the server lists it"


def _listen(bounces: BouncesSettings) -> Iterator[tuple[str, str]]:
    if bounces.inbox != "smtp" or bounces.listen is None or is_loopback(bounces.listen.host):
        return
    if bounces.tls_certificate is None and not bounces.allow_insecure:
        yield (
            "listen",
            "reports, which may quote passcodes, would cross the network in the clear: give tls_certificate and"
            " tls_key (or set allow_insecure = true)",
        )
