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
from config.tables.mailboxes import mailbox_problems
from config.values import Flag, Integer, NotEmpty, Seconds, Secret, Text

_NEEDED = {"none": (), "imap": ("host", "username", "password"), "smtp": ("listen",)}


class BouncesSettings(FrozenTable):
    """Where reports of failed deliveries are read."""

    inbox: Literal["none", "imap", "smtp"] = "none"
    """`imap`: a mailbox that receives the sender's mail. `smtp`: Gatepost takes such mail itself. `none`: relays are
    asked for no reports."""
    host: Machine | None = None
    """With `imap`: the mailbox's server."""
    port: Annotated[Integer, Field(ge=1, le=65535)] | None = None
    """With `imap`: its TCP port. Not set: 993 with `tls`, else 143."""
    security: Literal["tls", "starttls", "none"] = "tls"
    """With `imap`: `tls`, `starttls`, or `none`, which is for this machine only."""
    allow_insecure: Flag = False
    """Permits `security = "none"`, or `listen` without a certificate, beyond this machine. Reports may quote
    passcodes."""
    username: Text | None = None
    """With `imap`: the login."""
    password: Secret | None = None
    """With `imap`: its password."""
    ca_file: Path | None = None
    """The certificate authority that signed the server's certificate, a PEM file. Not set: those that the operating
    system trusts."""
    mailbox: Text = "INBOX"
    """With `imap`: the name of the mailbox, in ASCII (modified UTF-7, RFC 3501)."""
    poll: Annotated[Seconds, Field(ge=5, le=3600)] = 10.0
    """With `imap`: how often Gatepost looks into it."""
    then: Literal["delete", "keep"] = "delete"
    """What is done with a report that was read, which may quote the passcode. `keep` marks it as read. Other mail is
    only marked as read."""
    timeout: Annotated[Seconds, Field(ge=1, le=60)] = 10.0
    """How long one answer of the mailbox's server may take."""

    listen: ListenAddress | None = None
    """With `smtp`: the address to take mail on."""
    networks: Annotated[tuple[Network, ...], NotEmpty] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    """With `smtp`: the machines that may bring mail. It is taken only for the senders of `[smtp]`."""
    tls_certificate: Path | None = None
    """With `smtp`: a certificate, PEM. With one, mail is taken over TLS only (STARTTLS). Needs `tls_key`."""
    tls_key: Path | None = None
    """With `smtp`: the private key of the certificate, PEM."""

    @property
    def is_on(self) -> bool:
        return self.inbox != "none"


def bounces_problems(bounces: BouncesSettings) -> Iterator[tuple[str, str]]:
    """Key and sentence of everything that keeps the inbox from working as it is written."""
    yield from told(
        *(_needed(bounces, key) for key in ("host", "username", "password", "listen")),
        _imap(bounces),
        half_pairs(bounces, "tls_certificate", "tls_key"),
        _listen(bounces),
    )


def _needed(bounces: BouncesSettings, key: str) -> Iterator[tuple[str, str]]:
    if key in _NEEDED[bounces.inbox] and getattr(bounces, key) is None:
        also = " (or give password_file)" if key == "password" else ""
        yield key, f'is missing: inbox = "{bounces.inbox}" needs it{also}'


def _imap(bounces: BouncesSettings) -> Iterator[tuple[str, str]]:
    if bounces.inbox == "imap":
        yield from mailbox_problems(bounces, "reports")


def _listen(bounces: BouncesSettings) -> Iterator[tuple[str, str]]:
    if bounces.inbox != "smtp" or bounces.listen is None or is_loopback(bounces.listen.host):
        return
    if bounces.tls_certificate is None and not bounces.allow_insecure:
        yield (
            "listen",
            "reports, which may quote passcodes, would cross the network in the clear: give tls_certificate and"
            " tls_key (or set allow_insecure = true)",
        )
