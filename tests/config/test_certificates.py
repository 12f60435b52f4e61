"""`ca_file` in every form in which authorities' certificates are handed out."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509 import load_pem_x509_certificate

from config.certificates import client_context
from config.problems import UnusableFile

AUTHORITY, OTHER = trustme.CA(), trustme.CA()
PEM = AUTHORITY.cert_pem.bytes()
CERTIFICATE = load_pem_x509_certificate(PEM)
DER = CERTIFICATE.public_bytes(Encoding.DER)
BOTH = [CERTIFICATE, load_pem_x509_certificate(OTHER.cert_pem.bytes())]

FORMS = {
    "PEM": PEM,
    "PEM with Windows' line ends and words around": b"Aussteller: B\xfccher\r\n"
    + PEM.replace(b"\n", b"\r\n")
    + b"\r\nx",
    "PEM as Notepad saves it": b"\xef\xbb\xbf" + PEM,
    "PEM in UTF-16": PEM.decode().encode("utf-16"),
    "several": OTHER.cert_pem.bytes() + PEM,
    "DER, as AD CS exports": DER,
    "PKCS #7 in DER (.p7b)": serialize_certificates(BOTH, Encoding.DER),
    "PKCS #7 in PEM": serialize_certificates(BOTH, Encoding.PEM),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_authority_is_trusted_in_every_form(form: str, tmp_path: Path) -> None:
    file = tmp_path / "ca.cer"
    file.write_bytes(FORMS[form])

    context = client_context(file)

    assert DER in context.get_ca_certs(binary_form=True)
    assert len(context.get_ca_certs()) == (1 if form.startswith(("PEM", "DER")) else 2)  # and not the system's
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"no certificate", "export the authority's, in PEM"),
        (AUTHORITY.private_key_pem.bytes(), "holds a private key and no certificate"),
        (serialize_key_and_certificates(b"x", None, CERTIFICATE, None, NoEncryption()), "openssl pkcs12 -in"),
        (PEM[:200] + PEM[300:], "damaged"),
        (DER[:-30], "holds no certificate"),
    ],
    ids=["empty", "text", "key", "pfx", "damaged", "cut off"],
)
def test_what_is_none_is_told_with_file_and_remedy(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "ca.cer"
    file.write_bytes(content)

    with pytest.raises(UnusableFile) as found:
        client_context(file)

    assert str(found.value).startswith(f"{file}: ")
    assert said in str(found.value)
    assert "_ssl" not in str(found.value)
