"""Whether the files that the configuration names can be used, which their paths do not show.

Only those that are in use are looked at. All of it blocks.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from config.authorities import authorities
from config.key_pairs import load_pair
from config.password_lists import require_list
from config.problems import Finding, Place, UnusableFile, told
from config.settings import ActiveDirectorySettings, AppSettings, Settings
from config.tables.store import RedisURL


class _WithAuthorities(Protocol):
    @property
    def ca_file(self) -> Path | None: ...


class _WithServerPair(Protocol):
    @property
    def tls_certificate(self) -> Path | None: ...
    @property
    def tls_key(self) -> Path | None: ...


class _WithClientPair(Protocol):
    @property
    def client_certificate(self) -> Path | None: ...
    @property
    def client_key(self) -> Path | None: ...


def certificate_problems(settings: Settings) -> Iterator[Finding]:
    """Every file with certificates, keys or passwords that cannot be used."""
    yield from told(
        _server_pair(settings.server, "server"),
        _further_pairs(settings),
        _store(settings),
        _directories(settings),
        delivery_file_problems(settings),
        bounces_file_problems(settings),
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
        yield from _server_pair(bounces, "bounces")
    elif bounces.inbox == "imap" and bounces.security != "none":
        yield from _authorities(bounces, Place("bounces", None, "ca_file"))


def app_file_problems(position: int, app: AppSettings) -> Iterator[Finding]:
    """Of an app's https:// servers."""
    if any(url.scheme == "https" for url in app.upstream_urls):
        yield from told(_authorities(app, Place("apps", position, "ca_file")), _client_pair(app, "apps", position))


def _authorities(table: _WithAuthorities, place: Place) -> Iterator[Finding]:
    if table.ca_file is not None:
        try:
            authorities(table.ca_file)
        except UnusableFile as error:
            yield place, str(error)


def _server_pair(table: _WithServerPair, name: str) -> Iterator[Finding]:
    yield from _pair(table.tls_certificate, table.tls_key, Place(name, None, "tls_certificate"))


def _client_pair(table: _WithClientPair, name: str, position: int | None = None) -> Iterator[Finding]:
    yield from _pair(table.client_certificate, table.client_key, Place(name, position, "client_certificate"))


def _pair(certificate: Path | None, key: Path | None, place: Place) -> Iterator[Finding]:
    if certificate is not None and key is not None:
        try:
            load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificate, key)
        except UnusableFile as error:
            yield place, str(error)


def _further_pairs(settings: Settings) -> Iterator[Finding]:
    for position, each in enumerate(settings.server.certificates):
        certificate, key = getattr(each, "certificate", None), getattr(each, "key", None)
        yield from _pair(certificate, key, Place("server", None, f"certificates[{position}].certificate"))


def _store(settings: Settings) -> Iterator[Finding]:
    store = settings.store
    if isinstance(store.url, RedisURL) and store.url.is_tls:
        yield from told(_authorities(store, Place("store", None, "ca_file")), _client_pair(store, "store"))


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
        if name in settings.channels:
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
