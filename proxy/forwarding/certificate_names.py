"""Which hosts a certificate is for, and which of several certificates a client that names a host gets. Pure.

Names are compared in lower case and without trailing dot; a wildcard stands for exactly one whole left-most label
(RFC 6125 section 6.4.3, RFC 9525 section 6.3). The subject's common name does not count (RFC 9525 section 2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography import x509


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateNames:
    """The subjectAltNames of one certificate."""

    exact: frozenset[str] = frozenset()
    """Host names, and IP addresses in their canonical text form."""
    wildcards: frozenset[str] = frozenset()
    """What stands behind ``*.``."""

    def cover(self, host: str) -> bool:
        """Whether the certificate is for `host`, given in lower case without trailing dot."""
        label, _, rest = host.partition(".")
        return host in self.exact or (label not in ("", "*") and rest in self.wildcards)


def certificate_names(certificate: x509.Certificate) -> CertificateNames:
    """The names in `certificate`; none if it has no subjectAltName, or an unreadable one."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return CertificateNames()
    hosts = [name.lower().removesuffix(".") for name in names.get_values_for_type(x509.DNSName)]
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return names_of(hosts, addresses)


def names_of(hosts: Iterable[str], addresses: Iterable[str] = ()) -> CertificateNames:
    """`hosts` may begin with ``*.``; a star anywhere else, or before a single label, means nothing."""
    exact, wildcards = set(addresses), set()
    for host in hosts:
        rest = host.removeprefix("*.")
        if not rest or "*" in rest:
            continue
        if rest == host:
            exact.add(host)
        elif "." in rest:
            wildcards.add(rest)
    return CertificateNames(exact=frozenset(exact), wildcards=frozenset(wildcards))


def choose_certificate(server_name: str, certificates: Sequence[CertificateNames]) -> int | None:
    """The position of the certificate for `server_name` as the client wrote it; None if there is none.

    A certificate that names the host itself comes before one with a wildcard; among equals the earlier one.
    """
    host = server_name.lower().removesuffix(".")
    for position, names in enumerate(certificates):
        if host in names.exact:
            return position
    for position, names in enumerate(certificates):
        if names.cover(host):
            return position
    return None
