"""`gatepost check` on what browsers meet: certificates' names, TLS at all, addresses, files that hold secrets."""

from __future__ import annotations

import datetime
import http.server
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from proxy.commands.public_side import check_secret_files
from tests.support.configuration import written
from tests.support.gatepost import GatepostProcess, free_port, gatepost_here

DAY = datetime.timedelta(days=1)


def check(file: Path) -> list[str]:
    """Its lines that fail, but for the relay and the app, which nobody runs here."""
    lines = gatepost_here("check", "--config", str(file)).stdout.splitlines()
    assert lines
    return [line for line in lines if line.startswith("FAIL") and "relay" not in line and "app Wiki" not in line]


def with_certificate(folder: Path, *names: str, not_after: datetime.datetime | None = None) -> Path:
    pair = trustme.CA().issue_cert(*names, not_after=not_after)
    pair.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    pair.private_key_pem.write_to_path(str(folder / "key.pem"))
    file = written(folder)
    text = file.read_text().replace("http://signin.localhost", "https://signin.localhost")
    file.write_text(text.replace("[server]", '[server]\ntls_certificate = "cert.pem"\ntls_key = "key.pem"', 1))
    return file


def test_each_host_needs_a_certificate(tmp_path: Path) -> None:
    [line] = check(with_certificate(tmp_path, "signin.localhost", "*.other.localhost"))
    assert line.startswith("FAIL  certificate for wiki.localhost: there is none")
    assert "*.other.localhost, signin.localhost" in line
    assert check(with_certificate(tmp_path, "signin.localhost", "wiki.localhost")) == []


def test_a_certificate_that_is_over_is_told_with_the_remedy(tmp_path: Path) -> None:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=2)
    file = with_certificate(tmp_path, "signin.localhost", "wiki.localhost", not_after=past)
    [line] = check(file)
    assert line.startswith(f"FAIL  certificate cert.pem: not valid since {past:%Y-%m-%d}")
    assert "get a new one" in line


def test_a_certificate_without_a_subject_alternative_name_is_told(tmp_path: Path) -> None:
    file = with_certificate(tmp_path, "signin.localhost")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signin.localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + DAY)
    (tmp_path / "cert.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    nameless, *hosts = check(file)
    assert nameless.startswith("FAIL  certificate cert.pem: has no subjectAltName")
    assert "DNS:" in nameless
    assert [line.split(":")[0] for line in hosts] == [
        "FAIL  certificate for signin.localhost",
        "FAIL  certificate for wiki.localhost",
    ]


def test_a_certificate_and_a_key_in_each_others_place_are_told(tmp_path: Path) -> None:
    file = with_certificate(tmp_path, "signin.localhost", "wiki.localhost")
    file.write_text(file.read_text().replace("cert.pem", "?").replace("key.pem", "cert.pem").replace("?", "key.pem"))
    told = gatepost_here("check", "--config", str(file)).stderr
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    assert f"server: tls_certificate: {key}: is no PEM certificate but a private key" in told
    assert f"{certificate} holds the certificate, exchange the two" in told


def test_https_needs_somebody_who_speaks_tls(tmp_path: Path) -> None:
    file = written(tmp_path)
    file.write_text(file.read_text().replace("http://signin", "https://signin"))
    [line] = check(file)
    assert "server.public_url" in line
    assert "trusted_proxies" in line
    file.write_text(file.read_text().replace("[server]", '[server]\ntrusted_proxies = ["127.0.0.1"]', 1))
    assert check(file) == []


def test_an_address_that_another_program_holds_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        file = written(tmp_path, port=port)
        assert check(file) == []  # nobody accepts: systemd's socket, before the first start
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        [line] = check(written(tmp_path, port=other.server_port))
        other.shutdown()
    assert line == (
        f"FAIL  server.listen: 127.0.0.1:{other.server_port} cannot be listened on: the address is in use by another"
        " program (ss -ltnp shows which)"
    )


def test_an_address_that_a_running_gatepost_holds_is_fine(tmp_path: Path) -> None:
    file = written(tmp_path)
    admin = f'admin_listen = "127.0.0.1:{free_port()}"'
    file.write_text(file.read_text().replace("[server]", f"[server]\n{admin}", 1))
    with GatepostProcess(file):
        assert check(file) == []


def test_addresses_that_a_running_gatepost_behind_a_load_balancer_holds_are_fine(tmp_path: Path) -> None:
    file = with_certificate(tmp_path, "signin.localhost", "wiki.localhost")
    keys = f"""
        admin_listen = "127.0.0.1:{free_port()}"
        redirect_listen = ["127.0.0.1:{free_port()}"]
        proxy_protocol = true
        trusted_proxies = ["192.0.2.1"]
    """
    file.write_text(file.read_text().replace("[server]", f"[server]{keys}", 1))
    with GatepostProcess(file):
        assert check(file) == []


def test_an_address_for_radius_that_is_not_this_machines_is_told(tmp_path: Path) -> None:
    client = '[[radius.clients]]\nname = "VPN"\naddress = "192.0.2.9"\nsecret = "sixteen letters or more"\n'
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        more = f'[radius]\nlisten = ["192.0.2.1:1812", "127.0.0.1:{port}"]\n{client}'
        [line] = [each for each in check(written(tmp_path, more=more)) if "radius" in each]
    assert line == "FAIL  radius.listen: 192.0.2.1:1812 cannot be listened on: this machine has no such address"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Where everybody may go: pytest's own folder is for its user alone."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_secrets_that_everybody_may_read_are_told(open_folder: Path) -> None:
    file = written(open_folder)
    (open_folder / "users.toml").chmod(0o600)
    secret = open_folder / "password"
    secret.write_text("s3cret")
    secret.chmod(0o644)
    file.write_text(
        file.read_text()
        .replace("[smtp]\n", '[smtp]\nusername = "x"\npassword_file = "password"\n')
        .replace('"none"', '"starttls"')
    )
    [line] = check(file)
    assert line == (f"FAIL  secret {secret}: everybody on this machine may read it (mode 0644): chmod o-rwx {secret}")
    assert check_secret_files([Path("/dev/null")]) == []  # no file of the operator's to change
    secret.chmod(0o640)  # shared by a group, as certificates are
    assert check(file) == []
