"""What `deploy/` holds is right as far as a tool can tell without a cluster: schemas, haproxy, our own checks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from hashlib import sha256
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import trustme
import yaml
from pydantic import SecretStr

from config.checks import warnings
from config.load import load_settings
from config.settings import Settings, StoreSettings
from config.tables.store import parse_store_url
from proxy.operations.health import TRAFFIC
from proxy.store.open import open_store
from tests.support.people import session
from tests.support.redis_server import running_redis

DEPLOY = Path(__file__).parent.parent / "deploy"
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
SYSTEMD_ANALYZE = shutil.which("systemd-analyze")


def documents(file: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(file.read_text()) if each]


def named(kind: str, name: str) -> dict[str, Any]:
    [found] = [
        each
        for file in KUBERNETES
        for each in documents(file)
        if (each["kind"], each["metadata"]["name"]) == (kind, name)
    ]
    return found


def settings_of(text: str, folder: Path) -> Settings:
    """The configuration as it would be read where it is deployed, its files standing in `folder`."""
    authority = trustme.CA()
    for name in ("corp-ca.pem", "valkey-ca.pem"):
        authority.cert_pem.write_to_path(folder / name)
    certificate = authority.issue_cert("signin.corp.example")
    for name in ("signin.pem", "tls.crt"):
        certificate.cert_chain_pems[0].write_to_path(folder / name)
    for name in ("signin-key.pem", "tls.key"):
        certificate.private_key_pem.write_to_path(folder / name)
    for name in ("ad-password", "valkey-password"):
        (folder / name).write_text("a test password")
    for deployed in ("/run/gatepost/secrets/", "/run/gatepost/tls/", "/var/lib/gatepost/"):
        text = text.replace(deployed, "")
    (folder / "gatepost.toml").write_text(text)
    return load_settings(folder / "gatepost.toml", {})


def test_the_compose_file_is_one() -> None:
    check = Path(sys.executable).parent / "check-jsonschema"
    command = [check, "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose" / "compose.yaml"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("file", KUBERNETES, ids=lambda file: file.name)
def test_the_manifests_are_what_kubernetes_expects(file: Path) -> None:
    for document in documents(file):
        kubernetes_validate.validate(document, "1.33", strict=True)


def test_a_pod_has_time_to_drain_and_its_secrets_exist() -> None:
    pod = named("Deployment", "gatepost")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    settings = DEPLOY / "kubernetes" / "secrets.example.yaml"
    keys = {each["metadata"]["name"]: set(each["stringData"]) for each in documents(settings)}
    assert container["env"][0]["valueFrom"]["secretKeyRef"]["key"] in keys["gatepost"]
    [secrets] = [each["secret"] for each in pod["volumes"] if each["name"] == "secrets"]
    assert {item["key"] for item in secrets["items"]} <= keys["gatepost"]
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    drain = Settings.model_fields["server"].annotation.model_fields["drain_timeout"].default  # type: ignore[union-attr]
    assert pod["terminationGracePeriodSeconds"] > pause + drain


@pytest.mark.parametrize("place", ["compose", "kubernetes"])
def test_the_configurations_are_accepted(place: str, tmp_path: Path) -> None:
    if place == "compose":
        text = (DEPLOY / "compose" / "gatepost.toml").read_text()
    else:
        text = named("ConfigMap", "gatepost")["data"]["gatepost.toml"]
    settings = settings_of(text, tmp_path)
    assert settings.store.url in map(parse_store_url, ("valkey://valkey:6379", "valkeys://valkey:6379"))
    # Between containers the admin listener has to be reachable, and the store's network is its own.
    assert all("admin_listen" in each or "store" in each for each in warnings(settings)), list(warnings(settings))


def test_nobody_else_can_get_the_address_that_is_believed() -> None:
    """Containers that start first are given the lowest that is free."""
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    believed = ip_address(compose["services"]["haproxy"]["networks"]["front"]["ipv4_address"])
    [given] = compose["networks"]["front"]["ipam"]["config"]
    assert believed in ip_network(given["subnet"])
    assert believed not in ip_network(given["ip_range"])
    assert f'trusted_proxies = ["{believed}/32"]' in (DEPLOY / "compose" / "gatepost.toml").read_text()


def test_pods_stay_in_service_while_what_they_share_is_away() -> None:
    [container] = named("Deployment", "gatepost")["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == TRAFFIC


async def test_valkey_takes_its_configuration_and_lets_gatepost_work(tmp_path: Path) -> None:
    digest = sha256(b"a test password").hexdigest()
    users = (DEPLOY / "compose" / "valkey-users.acl.example").read_text().replace("0" * 64, digest)
    # The older Redis that some distributions have does not know this command.
    (tmp_path / "users.acl").write_text(users.replace(" +waitaof", ""))
    text = (DEPLOY / "compose" / "valkey.conf").read_text()
    text = text.replace("dir /data\n", "").replace("/etc/valkey/users.acl", str(tmp_path / "users.acl"))
    lines = (line.split(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    options = [word for name, value in lines for word in (f"--{name}", value.strip('"'))]
    with running_redis(*options) as server:
        settings = StoreSettings(url=server.url, username="gatepost", password=SecretStr("a test password"))
        store = open_store(settings)
        one = session()
        await store.sessions.create_session(one, cookie=b"c" * 32, host="wiki.corp.example")
        assert await store.sessions.session_by_cookie(b"c" * 32, "wiki.corp.example") == one
        assert await store.sessions.end_session(one.session_id)
        assert await store.remarks() == ()
        await store.close()


def test_haproxy_accepts_its_configuration(tmp_path: Path) -> None:
    if HAPROXY is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("haproxy is not installed: apt-get install haproxy")
    (tmp_path / "haproxy.cfg").write_text((DEPLOY / "compose" / "haproxy.cfg").read_text())
    result = subprocess.run(
        [HAPROXY, "-c", "-f", tmp_path / "haproxy.cfg"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    # Only the names of the containers are unknown here.
    problems = [line for line in result.stderr.splitlines() if "[WARNING]" in line or "[ALERT]" in line]
    assert all("could not resolve address 'gatepost-" in line for line in problems), problems
