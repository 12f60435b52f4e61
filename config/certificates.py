"""Files with certificates, read for TLS, with words for what is wrong with them.

Those of authorities (`ca_file`) come in every common form: Windows exports "DER encoded" and "Base-64 encoded" X.509
(.cer), and PKCS #7 (.p7b); its editor saves UTF-16. Our own, with its chain, and its private key are two PEM files.
"""

from __future__ import annotations

import codecs
import re
import shlex
import ssl
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import (
    load_der_pkcs7_certificates,
    load_pem_pkcs7_certificates,
)
from cryptography.x509 import Certificate, load_der_x509_certificate, load_pem_x509_certificates

from config.problems import UnusableFile
from config.system_errors import file_reason

_PEM = re.compile(r"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[^-]+-----END \1-----")
_PKCS7 = re.compile(r"-----BEGIN PKCS7-----[^-]+-----END PKCS7-----")


def client_context(ca_file: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or later for clients: the server's certificate has to be for its name and signed by an authority in the
    file (none: by one that the system knows).

    Blocks. Raises `UnusableFile`.
    """
    context = ssl.create_default_context(cadata=None if ca_file is None else authorities(ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def authorities(path: Path) -> str:
    """The certificates in the file as PEM. Blocks. Raises `UnusableFile`."""
    content = _content(path)
    found = _certificates(content)
    if found is None:
        raise UnusableFile(path, _wrong_with(path, content))
    try:
        ssl.create_default_context(cadata=found)
    except (ssl.SSLError, ValueError) as error:
        raise UnusableFile(path, "holds a certificate that is damaged: copy it again") from error
    return found


def load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> Certificate:
    """Let `context` show the certificate, which is returned without its chain. Blocks. Raises `UnusableFile`."""
    chain = _content(certificate)
    _content(key)  # if it cannot be read, that is what is wrong
    try:
        leaf = load_pem_x509_certificates(chain)[0]
    except ValueError as exc:
        raise UnusableFile(certificate, f"is no PEM certificate{_instead(certificate, chain, key)}") from exc
    try:
        # Without a password given here, OpenSSL would ask for one on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except ssl.SSLError as exc:
        if exc.reason == "KEY_VALUES_MISMATCH":
            raise UnusableFile(key, f"does not belong to {certificate}") from exc
        if b"ENCRYPTED" in _content(key):
            reason = "is encrypted: Gatepost has no password for it, so give the key without a password"
            raise UnusableFile(key, reason) from exc
        raise UnusableFile(key, "is no PEM key that can be used with its certificate") from exc
    return leaf


def _instead(certificate: Path, chain: bytes, key: Path) -> str:
    """What it is, and what to do: two files exchanged, or one of the forms that Windows exports."""
    if b"PRIVATE KEY-----" in chain:
        is_swapped = b"CERTIFICATE-----" in _content(key)
        return f" but a private key: {key} holds the certificate, exchange the two" if is_swapped else " but a key"
    if chain[:1] != b"\x30":
        return ""
    return (
        f": if it is DER, convert it with openssl x509 -inform der -in {certificate} -out FILE.pem; if it is a .pfx,"
        f" with openssl pkcs12 -in {certificate} -nodes -out FILE.pem"
    )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusableFile(path, f"cannot be read: {file_reason(path, error)}") from error


def _certificates(content: bytes) -> str | None:
    text = _text(content)
    blocks = [match[0].replace("TRUSTED ", "").replace("X509 ", "") for match in _PEM.finditer(text)]
    if blocks:
        return "\n".join(blocks) + "\n"
    bundle = _PKCS7.search(text)
    try:
        if bundle is not None:
            certificates = load_pem_pkcs7_certificates(bundle[0].encode("ascii"))
        elif content[:1] == b"\x30":  # a SEQUENCE, which certificates and PKCS #7 are in DER
            try:
                certificates = [load_der_x509_certificate(content)]
            except ValueError:
                certificates = load_der_pkcs7_certificates(content)
        else:
            return None
    except ValueError:
        return None
    return "".join(each.public_bytes(Encoding.PEM).decode() for each in certificates) or None


def _text(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    return content.decode("latin-1")


def _wrong_with(path: Path, content: bytes) -> str:
    if not content.strip():
        return "is empty"
    if "PRIVATE KEY-----" in _text(content):
        return "holds a private key and no certificate: name the authority's certificate, and keep the key secret"
    if content[:1] == b"\x30":
        return (
            "holds no certificate that can be read; a .pfx holds a key too, so take the certificate alone out of it:"
            f" openssl pkcs12 -in {shlex.quote(str(path))} -nokeys -out ca.pem"
        )
    return "holds no certificate: export the authority's, in PEM (Base-64) or DER"
