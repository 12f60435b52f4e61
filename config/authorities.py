"""Certificates of authorities (`ca_file`), in every common form, and TLS that trusts only them.

Windows exports "DER encoded" and "Base-64 encoded" X.509 (.cer), and PKCS #7 (.p7b); its editor saves UTF-16.
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
from cryptography.x509 import load_der_x509_certificate

from config.problems import UnusableFile
from config.system_errors import file_reason

_PEM = re.compile(r"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[^-]+-----END \1-----")
_PKCS7 = re.compile(r"-----BEGIN PKCS7-----[^-]+-----END PKCS7-----")


def client_context(ca_file: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or later for clients: the server's certificate has to be for its name and signed by an authority in the

    file (none: by one that the system knows). Blocks. Raises `UnusableFile`.
    """
    if ca_file is None:
        context = ssl.create_default_context()
    else:
        context = ssl.create_default_context(cadata=authorities(ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def authorities(path: Path) -> str:
    """The certificates in the file as PEM. Blocks. Raises `UnusableFile`."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnusableFile(path, f"cannot be read: {file_reason(path, error)}") from error
    found = _certificates(content)
    if found is None:
        raise UnusableFile(path, _wrong_with(path, content))
    try:
        ssl.create_default_context(cadata=found)
    except (ssl.SSLError, ValueError) as error:
        raise UnusableFile(path, "holds a certificate that is damaged: copy it again") from error
    return found


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
