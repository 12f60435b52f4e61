"""The key file: made once, for its owner only, refused when in doubt; and one key per purpose, the same everywhere."""

from __future__ import annotations

import os
import pickle
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from proxy.keys import KeyFileError, Keys, Purpose, load_or_create_keys

DERIVED = {
    "passcode": "b6c37481ebde1afb",
    "challenge": "752ff3c32799724c",
    "csrf": "62bd02d2946e6bcf",
    "throttle": "4376168dc9c72fc6",
    "numbers": "60fb9c8236fcfc49",
    "sealed numbers": "84e488ac7784490b",
    "tried passwords": "f4190951b09f8e2a",
}
ASSERTION = "57aa838d4253c931"


def numbers(keys: Keys) -> int:
    return keys.assertion_key.private_numbers().private_value


def test_a_key_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "gatepost.key"
    mask = os.umask(0)
    try:
        made = load_or_create_keys(path)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["gatepost.key"]
    content = path.read_bytes()
    read = load_or_create_keys(path)
    assert path.read_bytes() == content
    assert all(made.derive(purpose) == read.derive(purpose) for purpose in Purpose)
    assert numbers(made) == numbers(read)


def test_starts_at_once_agree(tmp_path: Path) -> None:
    path = tmp_path / "gatepost.key"
    with ThreadPoolExecutor(16) as threads:
        made = list(threads.map(lambda _: load_or_create_keys(path), range(32)))
    assert len({keys.derive(Purpose.CSRF) for keys in made}) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["gatepost.key"]


def test_another_installation_has_other_keys(tmp_path: Path) -> None:
    one, other = (load_or_create_keys(tmp_path / name) for name in ("one", "other"))
    assert numbers(one) != numbers(other)
    derived = [keys.derive(purpose) for keys in (one, other) for purpose in Purpose]
    assert len(set(derived)) == 2 * len(Purpose)
    assert {len(key) for key in derived} == {32}


def test_derived_keys_stay_the_same_in_later_versions() -> None:
    """Changing these would end all challenges, throttles and assertions at an update."""
    keys = Keys(bytes(range(32)))
    assert {purpose.value: keys.derive(purpose).hex()[:16] for purpose in Purpose} == DERIVED
    assert f"{numbers(keys):064x}"[:16] == ASSERTION


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "gatepost.key"
    load_or_create_keys(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=r"read by others.*chmod 600"):
        load_or_create_keys(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a key file"),
        (b"# only a comment\n", "not a key file"),
        (b"hello\nsecret-text\n", "not a key file"),
        (b"\xff\xfe" * 40, "not a key file"),
        (b"gatepost-keys 1\n", "no complete key"),
        (b"gatepost-keys 1\nsecret-text\n", "no complete key"),
        (b"gatepost-keys 1\n" + b"A" * 42 + b"\n", "no complete key"),
        (b"gatepost-keys 1\n" + b"A" * 42 + b"!\n", "no complete key"),
        (b"gatepost-keys 2\n" + b"A" * 43 + b"\n", "newer"),
        (b"gatepost-keys 1\n" + (b"A" * 43 + b"\n") * 2, "newer"),
        (b"gatepost-keys 1\n" + b"A" * 43 + b"\n" + b"#" * 5000, "too long"),
    ],
)
def test_garbage_is_refused_and_not_shown(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "gatepost.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match=reason) as refused:
        load_or_create_keys(path)
    assert "secret-text" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert path.read_bytes() == content


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError):
        load_or_create_keys(tmp_path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(KeyFileError, match="regular"):
        load_or_create_keys(tmp_path / "pipe")
    with pytest.raises(KeyFileError, match="No such file"):
        load_or_create_keys(tmp_path / "no folder" / "gatepost.key")


def test_keys_are_not_shown_and_not_pickled() -> None:
    keys = Keys(b"\x07" * 32)
    assert repr(keys) == str(keys) == "Keys(...)"
    with pytest.raises(TypeError):
        pickle.dumps(keys)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_master_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Keys(bytes(length))
