"""Whether what the configuration names can be used: certificates, keys, texts, people. Every problem at once.

What is checked here needs no network, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from config.load import load_with_files
from config.named_files import certificate_problems
from config.problems import ConfigurationError, ConfigurationProblem, Finding, Place, late, missing_package, told
from config.settings import LocalDirectorySettings, Settings
from directory.kerberos.open_acceptor import kerberos_problems
from directory.users_file import read_users
from proxy.delivery.bounces.inbox_package import library_problems
from proxy.delivery.settings_checks import delivery_warnings, sms_text_problems
from proxy.languages.configured import languages_of
from proxy.secrets.key_file import KeyFileError, check_keys
from proxy.ssh.start_checks import host_key_problems, ssh_library_problems


def load_checked(config: Path, environ: Mapping[str, str]) -> tuple[Settings, tuple[Path, ...]]:
    """As `load_with_files`, with everything looked at that the settings name. Raises `ConfigurationError`."""
    try:
        return load_with_files(config, environ, file_problems)
    except ConfigurationError:
        # A store that is away stops nobody, alone. Beside what does, it is told: it has to be put right as well.
        return load_with_files(config, environ, file_problems, _store_folder)


def file_problems(settings: Settings) -> Iterator[Finding | ConfigurationProblem]:
    """Everything about files, texts and packages that keeps Gatepost from starting."""
    yield from told(
        certificate_problems(settings),
        _keys(settings),
        sms_text_problems(settings),
        library_problems(settings.bounces),
        _canaries(settings),
        kerberos_problems(settings),
        _radius_library(settings),
        ssh_library_problems(settings),
        _tracing_library(settings),
        late(lambda: host_key_problems(settings)),
    )
    yield from told(_users(settings), _catalogues(settings))


def message_warnings(settings: Settings) -> list[str]:
    """Of messages to persons, in settings that were checked: what works but is seldom intended, a line each."""
    languages = languages_of(settings.pages)
    if all(each.tag == "en" for each in languages.in_order):
        return delivery_warnings(settings, languages)
    from proxy.portal.every_notice import every_sms  # much comes with it, and English notices fit

    return delivery_warnings(settings, languages, partial(every_sms, settings))


def _keys(settings: Settings) -> Iterator[Finding]:
    server = settings.server
    try:
        check_keys(server)
    except KeyFileError as error:
        key, message = ("key_file", str(error)) if server.key is None else ("key", error.reason)
        yield Place("server", None, key), message


def _canaries(settings: Settings) -> Iterator[Finding]:
    if settings.canaries:
        from proxy.canary.recipients import recipient_problems  # much comes with it, and most have none

        yield from recipient_problems(settings)


def _radius_library(settings: Settings) -> Iterator[Finding]:
    if settings.radius.is_on:
        yield from missing_package("proxy.radius.packets", Place("radius", None, "listen"), "needs pyrad")


def _tracing_library(settings: Settings) -> Iterator[Finding]:
    if settings.tracing.is_on:
        yield from missing_package("proxy.tracing.collector", Place("tracing", None, "endpoint"), "needs OpenTelemetry")


def _catalogues(settings: Settings) -> Iterator[ConfigurationProblem]:
    if settings.pages.catalogues.files:
        from proxy.languages.judging import catalogue_problems  # Babel, which most do without

        yield from catalogue_problems(settings.pages)


def _users(settings: Settings) -> Iterator[ConfigurationProblem]:
    for position, directory in enumerate(settings.directories):
        if isinstance(directory, LocalDirectorySettings):
            yield from told(_users_of(directory, position))


def _users_of(directory: LocalDirectorySettings, position: int) -> Iterator[ConfigurationProblem]:
    try:
        # The realm is part of what tells people of two files apart, and nothing here.
        read_users(directory.file, getattr(directory, "name", str(position)))
    except ConfigurationError as error:
        yield from error.problems


def _store_folder(settings: Settings) -> Iterator[Finding]:
    file = settings.store.file
    if file is not None and not file.parent.is_dir():
        yield Place("store", None, "url"), f"there is no folder {file.parent}"
