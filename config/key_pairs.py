"""A certificate with its chain and its private key, two PEM files: read for TLS, with words for what is wrong."""

from __future__ import annotations

import ssl
from pathlib import Path

from cryptography import x509

from config.problems import UnusableFile
from config.system_errors import file_reason


def load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> x509.Certificate:
    """Let `context` show the certificate, which is returned without its chain. Blocks. Raises `UnusableFile`."""
    for path in (certificate, key):
        try:
            path.open("rb").close()
        except OSError as exc:
            raise UnusableFile(path, f"cannot be read: {file_reason(path, exc)}") from exc
    try:
        leaf = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    except ValueError as exc:
        raise UnusableFile(certificate, f"is no PEM certificate{_instead(certificate, key)}") from exc
    try:
        # Without a password given here, OpenSSL would ask for one on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except ssl.SSLError as exc:
        if exc.reason == "KEY_VALUES_MISMATCH":
            raise UnusableFile(key, f"does not belong to {certificate}") from exc
        if b"ENCRYPTED" in key.read_bytes():
            reason = "is encrypted: Gatepost has no password for it, so give the key without a password"
            raise UnusableFile(key, reason) from exc
        raise UnusableFile(key, "is no PEM key that can be used with its certificate") from exc
    return leaf


def _instead(certificate: Path, key: Path) -> str:
    """What it is, and what to do: two files exchanged, or one of the forms that Windows exports."""
    content = certificate.read_bytes()
    if b"PRIVATE KEY-----" in content:
        is_swapped = b"CERTIFICATE-----" in key.read_bytes()
        return f" but a private key: {key} holds the certificate, exchange the two" if is_swapped else " but a key"
    if content[:1] != b"\x30":
        return ""
    return (
        f": if it is DER, convert it with openssl x509 -inform der -in {certificate} -out FILE.pem; if it is a .pfx,"
        f" with openssl pkcs12 -in {certificate} -nodes -out FILE.pem"
    )
