"""The jump host's key: made once, for its owner only, and refused when in doubt."""

from __future__ import annotations

import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.settings import ServerSettings, SSHSettings, StoreSettings
from proxy.secrets.key_text import KeyFileError
from proxy.ssh.host_key import check_host_key, fingerprint, host_key_file, load_or_create_host_key
from tests.support.openssh import PROBLEM

PUBLIC = {"public_url": "https://signin.corp.example", "key_file": Path("/etc/gatepost/gatepost.key")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ssh_host_ed25519_key"


def test_it_is_made_once_for_its_owner_only(path: Path) -> None:
    check_host_key(path)
    assert not path.exists()
    made = load_or_create_host_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_create_host_key(path) == made
    check_host_key(path)


def test_workers_that_start_at_once_agree(path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        made = set(threads.map(lambda _: load_or_create_host_key(path), range(32)))
    assert len(made) == 1
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_one_that_others_may_read_is_refused(path: Path, mode: int) -> None:
    load_or_create_host_key(path)
    path.chmod(mode)
    for use in (load_or_create_host_key, check_host_key):
        with pytest.raises(KeyFileError, match=r"read by others.*chmod 600"):
            use(path)


@pytest.mark.parametrize("content", ["", "a secret\n", "-----BEGIN OPENSSH PRIVATE KEY-----\n"])
def test_what_is_no_key_is_refused_without_a_word_of_it(path: Path, content: str) -> None:
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="is no OpenSSH private key") as refused:
        load_or_create_host_key(path)
    assert "secret" not in str(refused.value)


@pytest.mark.skipif(PROBLEM is not None, reason=str(PROBLEM))
@pytest.mark.parametrize(
    "arguments", [("-t", "rsa", "-b", "2048", "-N", ""), ("-t", "ecdsa", "-N", ""), ("-t", "ed25519", "-N", "a phrase")]
)
def test_other_kinds_and_passphrases_are_refused(path: Path, arguments: tuple[str, ...]) -> None:
    subprocess.run(["ssh-keygen", "-q", *arguments, "-f", path], check=True)
    with pytest.raises(KeyFileError, match="ed25519 without a passphrase"):
        load_or_create_host_key(path)


@pytest.mark.skipif(PROBLEM is not None, reason=str(PROBLEM))
def test_its_fingerprint_is_what_openssh_shows(path: Path) -> None:
    made = load_or_create_host_key(path)
    shown = subprocess.run(["ssh-keygen", "-l", "-f", path], capture_output=True, text=True, check=True).stdout
    assert fingerprint(made) in shown.split()


def test_it_is_beside_the_store_unless_named() -> None:
    server = ServerSettings.model_validate(PUBLIC)
    sqlite = StoreSettings.model_validate({"url": "sqlite:/var/lib/gatepost/state.db"})
    redis = StoreSettings.model_validate({"url": "redis://127.0.0.1"})
    assert host_key_file(SSHSettings(), server, sqlite) == Path("/var/lib/gatepost/ssh_host_ed25519_key")
    assert host_key_file(SSHSettings(), server, redis) == Path("/etc/gatepost/ssh_host_ed25519_key")
    named = SSHSettings(host_key_file=Path("/etc/ssh/key"))
    assert host_key_file(named, server, sqlite) == Path("/etc/ssh/key")
