"""What accepts tickets, made from the service's keys; gssapi, which it takes, is optional."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from config.problems import Finding, Place, told
from config.settings import Settings
from directory.directory import CheckResult
from directory.kerberos.service_key import (
    KerberosUnusable,
    ServiceKey,
    check_service_key,
    first_kerberos,
    service_key,
    service_keys,
)
from directory.kerberos.ticket import TicketAcceptor

NOT_INSTALLED = "the package gssapi is missing: pip install 'gatepost[kerberos]' (it needs MIT Kerberos' library)"


def open_acceptor(keys: Sequence[ServiceKey]) -> TicketAcceptor | None:
    """None without keys. Raises `KerberosUnusable`."""
    if not keys:
        return None
    for key in keys:
        if wrong := _wrong_with(key):
            raise KerberosUnusable(key, wrong)
    try:
        from directory.kerberos.acceptor import GSSAcceptor
    except ImportError as error:  # optional: it is built from source against the system's Kerberos library
        raise KerberosUnusable(None, NOT_INSTALLED) from error
    return GSSAcceptor(keys)


def kerberos_problems(settings: Settings) -> Iterator[Finding]:
    """Every keytab that opens nothing, and the package that reads tickets."""
    scheme = first_kerberos(settings)
    if scheme is not None:
        keytabs = (_keytab(settings, position) for position in range(len(settings.directories)))
        yield from told(*keytabs, _package(scheme))


def _keytab(settings: Settings, position: int) -> Iterator[Finding]:
    key = service_key(settings, position)
    if key is not None and (wrong := _wrong_with(key)):
        yield Place("directories", position, "kerberos_keytab"), f"{key.keytab}: {wrong}"


def _package(scheme: int) -> Iterator[Finding]:
    try:
        import directory.kerberos.acceptor  # noqa: F401
    except ImportError:
        yield Place("schemes", scheme, "factors"), f'"kerberos": {NOT_INSTALLED}'


def _wrong_with(key: ServiceKey) -> str:
    """Nothing if its keytab can be used."""
    return next((result.detail for result in check_service_key(key) if not result.ok), "")


def check_kerberos(settings: Settings) -> list[CheckResult]:
    """The lines of `gatepost check`; none where no scheme begins with a ticket."""
    keys = service_keys(settings)
    results = [result for key in keys for result in check_service_key(key)]
    if keys and all(result.ok for result in results):
        try:
            open_acceptor(keys)
        except KerberosUnusable as error:
            results.append(CheckResult(subject="kerberos", ok=False, detail=str(error)))
    return results
