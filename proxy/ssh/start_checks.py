"""What keeps the jump host from starting, found without importing the jump host.

asyncssh is an extra: without `[ssh] listen` nobody needs it.
"""

from __future__ import annotations

from collections.abc import Iterator

from config.problems import Finding, Place, missing_package
from config.settings import Settings
from directory.directory import CheckResult
from proxy.secrets.key_text import KeyFileError
from proxy.ssh.host_key import check_host_key, fingerprint, host_key_file, load_or_create_host_key


def ssh_library_problems(settings: Settings) -> Iterator[Finding]:
    """A package that is not there."""
    if settings.ssh.is_on:
        yield from missing_package("proxy.ssh.jump_host", Place("ssh", None, "listen"), "needs asyncssh")


def host_key_problems(settings: Settings) -> Iterator[Finding]:
    """A host key that cannot be read or made."""
    if settings.ssh.is_on:
        try:
            check_host_key(host_key_file(settings.ssh, settings.server, settings.store))
        except KeyFileError as error:
            yield Place("ssh", None, "host_key_file"), str(error)


def check_host_key_of(settings: Settings) -> list[CheckResult]:
    """For `gatepost check`: the fingerprint that people compare. Makes nothing."""
    if not settings.ssh.is_on:
        return []
    path = host_key_file(settings.ssh, settings.server, settings.store)
    try:
        check_host_key(path)
        detail = fingerprint(load_or_create_host_key(path)) if path.exists() else "is made at the first start"
    except KeyFileError as error:
        return [CheckResult(subject="ssh host key", ok=False, detail=str(error))]
    return [CheckResult(subject="ssh host key", ok=True, detail=detail)]


def load_or_create_host_key_of(settings: Settings) -> bytes:
    """Raises `KeyFileError`."""
    return load_or_create_host_key(host_key_file(settings.ssh, settings.server, settings.store))
