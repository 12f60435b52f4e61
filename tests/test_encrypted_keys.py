"""A private key that is encrypted is refused at once: nobody is asked for its password on the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from config.problems import UnusableFile
from config.settings import AppSettings
from config.tables.bounces import BouncesSettings
from proxy.delivery.bounces.smtp_inbox import server_tls
from proxy.upstreams.upstream import upstream_tls


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    issued = trustme.CA().issue_cert("gatepost.example")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "encrypted.key"
    issued.cert_chain_pems[0].write_to_path(certificate)
    plain = load_pem_private_key(issued.private_key_pem.bytes(), None)
    key.write_bytes(plain.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    return certificate, key


def test_of_a_client_certificate_for_an_app(pair: tuple[Path, Path], capfd: pytest.CaptureFixture[str]) -> None:
    certificate, key = pair
    app = AppSettings(name="A", host="a.example", upstream="https://a", client_certificate=certificate, client_key=key)
    with pytest.raises(UnusableFile, match="without a password"):
        upstream_tls(app)
    assert "pass phrase" not in "".join(capfd.readouterr())


def test_of_the_mail_server_for_reports(pair: tuple[Path, Path], capfd: pytest.CaptureFixture[str]) -> None:
    certificate, key = pair
    settings = BouncesSettings.model_construct(tls_certificate=certificate, tls_key=key)
    with pytest.raises(UnusableFile, match="is encrypted"):
        server_tls(settings)
    assert "pass phrase" not in "".join(capfd.readouterr())
