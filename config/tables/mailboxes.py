"""A mailbox that is read over IMAP, whichever table describes it: its port, and what has to agree there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

from pydantic import SecretStr

from config.addresses import is_loopback
from config.problems import told

_DEFAULT_PORTS = {"tls": 993, "starttls": 143, "none": 143}


class MailboxSettings(Protocol):
    """What a table says of one."""

    @property
    def host(self) -> str | None: ...
    @property
    def port(self) -> int | None: ...
    @property
    def security(self) -> Literal["tls", "starttls", "none"]: ...
    @property
    def allow_insecure(self) -> bool: ...
    @property
    def username(self) -> str | None: ...
    @property
    def password(self) -> SecretStr | None: ...
    @property
    def ca_file(self) -> Path | None: ...
    @property
    def mailbox(self) -> str: ...
    @property
    def poll(self) -> float:
        """Seconds between two looks into it."""
        ...

    @property
    def then(self) -> Literal["delete", "keep"]:
        """What is done with a mail that was meant for us."""
        ...

    @property
    def timeout(self) -> float: ...


def imap_port(settings: MailboxSettings) -> int:
    return settings.port if settings.port is not None else _DEFAULT_PORTS[settings.security]


def mailbox_problems(settings: MailboxSettings, content: str) -> Iterator[tuple[str, str]]:
    """Key and sentence of what is wrong. `content`: what would cross the network beside the password."""
    yield from told(_security(settings, content), _name(settings))


def _security(settings: MailboxSettings, content: str) -> Iterator[tuple[str, str]]:
    if settings.security != "none" or settings.allow_insecure:
        return
    if settings.host is None or not is_loopback(settings.host):
        yield (
            "security",
            f'the password and {content} would cross the network in the clear: use "tls" or "starttls"'
            " (or set allow_insecure = true)",
        )


def _name(settings: MailboxSettings) -> Iterator[tuple[str, str]]:
    if not (settings.mailbox.isascii() and settings.mailbox.isprintable()):
        yield "mailbox", "must be ASCII: name it in the modified UTF-7 of RFC 3501, as the server lists it"
