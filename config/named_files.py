"""Whether the files that the configuration names can be used, which their paths do not show.

Only those that are in use are looked at. All of it blocks.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

from config.certificates import authorities, load_pair
from config.frozen_table import FrozenTable
from config.password_lists import require_list
from config.problems import Finding, Place, UnusableFile, told
from config.settings import ActiveDirectorySettings, AppSettings, Settings
from config.tables.store import RedisURL


def certificate_problems(settings: Settings) -> Iterator[Finding]:
    """Every file with certificates, keys or passwords that cannot be used."""
    yield from told(
        _pair(settings.server, ("tls_certificate", "tls_key"), Place("server", None, "tls_certificate")),
        _further_pairs(settings),
        _store(settings),
        _directories(settings),
        delivery_file_problems(settings),
        bounces_file_problems(settings),
        audit_file_problems(settings),
        canary_file_problems(settings),
        _apps(settings),
        _refused_passwords(settings),
    )


def delivery_file_problems(settings: Settings) -> Iterator[Finding]:
    """Of the relays, and of SMS gateways by HTTPS."""
    yield from told(_relays(settings), _gateways(settings))


def bounces_file_problems(settings: Settings) -> Iterator[Finding]:
    """Of the mailbox, or of our own mail server."""
    bounces = settings.bounces
    if bounces.inbox == "smtp":
        yield from _pair(bounces, ("tls_certificate", "tls_key"), Place("bounces", None, "tls_certificate"))
    elif bounces.inbox == "imap" and bounces.security != "none":
        yield from _authorities(bounces, Place("bounces", None, "ca_file"))


def audit_file_problems(settings: Settings) -> Iterator[Finding]:
    """Of the audit: whom its syslog server is believed by."""
    if settings.audit.syslog is not None and settings.audit.syslog_ca_file is not None:
        yield from _authority(settings.audit.syslog_ca_file, Place("audit", None, "syslog_ca_file"))


def canary_file_problems(settings: Settings) -> Iterator[Finding]:
    """Of the mailboxes in which canaries arrive."""
    for position, canary in enumerate(settings.canaries):
        inbox = getattr(canary, "inbox", None)
        if inbox is not None and getattr(inbox, "security", None) != "none":
            yield from told(_authorities(inbox, Place("canaries", position, "inbox.ca_file")))


def app_file_problems(position: int, app: AppSettings) -> Iterator[Finding]:
    """Of an app's https:// servers."""
    if any(url.scheme == "https" for url in app.upstream_urls):
        yield from _of_client(app, "apps", position)


def _of_client(table: FrozenTable, name: str, position: int | None = None) -> Iterator[Finding]:
    """Whom it trusts, and what it shows."""
    yield from told(
        _authorities(table, Place(name, position, "ca_file")),
        _pair(table, ("client_certificate", "client_key"), Place(name, position, "client_certificate")),
    )


def _authorities(table: FrozenTable, place: Place) -> Iterator[Finding]:
    path: Path | None = getattr(table, "ca_file")  # noqa: B009  # several tables have one
    if path is not None:
        yield from _authority(path, place)


def _authority(path: Path, place: Place) -> Iterator[Finding]:
    try:
        authorities(path)
    except UnusableFile as error:
        yield place, str(error)


def _pair(table: FrozenTable, keys: tuple[str, str], place: Place) -> Iterator[Finding]:
    certificate, key = (getattr(table, each) for each in keys)
    if certificate is not None and key is not None:
        try:
            load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificate, key)
        except UnusableFile as error:
            yield place, str(error)


def _further_pairs(settings: Settings) -> Iterator[Finding]:
    for position, each in enumerate(settings.server.certificates):
        place = Place("server", None, f"certificates[{position}].certificate")
        yield from told(_pair(each, ("certificate", "key"), place))


def _store(settings: Settings) -> Iterator[Finding]:
    store = settings.store
    if isinstance(store.url, RedisURL) and store.url.is_tls:
        yield from _of_client(store, "store")


def _directories(settings: Settings) -> Iterator[Finding]:
    for position, each in enumerate(settings.directories):
        if isinstance(each, ActiveDirectorySettings):
            yield from told(_authorities(each, Place("directories", position, "ca_file")))


def _relays(settings: Settings) -> Iterator[Finding]:
    for position, relay in enumerate(settings.smtp):
        if getattr(relay, "security", None) != "none":
            yield from told(_authorities(relay, Place("smtp", position, "ca_file")))


def _gateways(settings: Settings) -> Iterator[Finding]:
    for name, gateway in settings.sms.http.items():
        if name in settings.all_channels:
            yield from told(_authorities(gateway, Place("sms", None, f"http.{name}.ca_file")))


def _apps(settings: Settings) -> Iterator[Finding]:
    for position, app in enumerate(settings.apps):
        yield from told(app_file_problems(position, app))


def _refused_passwords(settings: Settings) -> Iterator[Finding]:
    if settings.password.refused_file is not None:
        try:
            require_list(settings.password.refused_file)
        except UnusableFile as error:
            yield Place("password", None, "refused_file"), str(error)
