"""What accepts tickets, made from the service's keys; gssapi, which it takes, is optional."""

from __future__ import annotations

from collections.abc import Sequence

from config.settings import Settings
from directory.directory import CheckResult
from directory.kerberos.service_key import KerberosUnusable, ServiceKey, check_service_key, service_keys
from directory.kerberos.ticket import TicketAcceptor

NOT_INSTALLED = "the package gssapi is missing: pip install 'gatepost[kerberos]' (it needs MIT Kerberos' library)"


def open_acceptor(keys: Sequence[ServiceKey]) -> TicketAcceptor | None:
    """None without keys. Raises `KerberosUnusable`."""
    if not keys:
        return None
    for key in keys:
        wrong = [result.detail for result in check_service_key(key) if not result.ok]
        if wrong:
            raise KerberosUnusable(key, wrong[0])
    try:
        from directory.kerberos.acceptor import GSSAcceptor
    except ImportError as error:  # optional: it is built from source against the system's Kerberos library
        raise KerberosUnusable(None, NOT_INSTALLED) from error
    return GSSAcceptor(keys)


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
