"""The key file: made once, for its owner only, refused when in doubt, replaced whole while nodes go on reading it."""

from __future__ import annotations

import fcntl
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.settings import ServerSettings
from proxy.secrets.key_file import (
    KeyFileError,
    StillNeeded,
    drop,
    load_keys,
    load_or_create_keys,
    read_keys,
    rotate,
)
from proxy.secrets.keys import CLOCK_SECONDS, KeyRing, names_of
from tests.support.people import NOW

HOUR, DAY = 3600.0, 86_400.0
BITS = "A" * 43
OTHER_BITS = "B" * 42 + "A"


def loaded(path: Path) -> KeyRing:
    return load_or_create_keys(path, now=NOW)


def test_a_key_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "gatepost.key"
    mask = os.umask(0)
    try:
        made = loaded(path)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["gatepost.key"]
    content = path.read_bytes()
    assert load_or_create_keys(path, now=NOW + DAY) == made
    assert path.read_bytes() == content
    (key,) = made.keys
    assert (key.made_at, key.use_after) == (NOW, 0.0)


def test_starts_at_once_agree(tmp_path: Path) -> None:
    path = tmp_path / "gatepost.key"
    with ThreadPoolExecutor(16) as threads:
        made = list(threads.map(lambda _: loaded(path), range(32)))
    assert len({ring.keys[0].bits for ring in made}) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["gatepost.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "gatepost.key"
    loaded(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=r"read by others.*chmod 600"):
        loaded(path)


def test_a_file_of_the_first_version_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, f"gatepost-keys 1\n{BITS}\n")
    (key,) = loaded(path).keys
    assert (key.bits, key.made_at, key.use_after) == (bytes(32), None, 0.0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a key file"),
        (b"secret-text in the wrong file\n", "not a key file"),
        (b"\xff\xfe\x00secret-text", "not a key file"),
        (b"gatepost-keys 1\n", "no complete key"),
        (b"gatepost-keys 2\n# a comment\n", "no complete key"),
        (b"gatepost-keys 2\nnames " + b"A" * 43 + b"\n", "no complete key"),
        (b"gatepost-keys 1\n" + b"A" * 42 + b"\n", "no complete key"),
        (b"gatepost-keys 2\nkey " + b"A" * 42 + b"!\n", "no complete key"),
        (b"gatepost-keys 2\nkey secret-text\n", "no complete key"),
        (b"gatepost-keys 2\nsecret-text here\n", "no complete key"),
        (b"gatepost-keys 2\nkey " + b"A" * 43 + b" secret-text=1\n", "note"),
        (b"gatepost-keys 2\nkey " + b"A" * 43 + b" made=secret-text\n", "a time that cannot be read"),
        (b"gatepost-keys 2\nkey " + b"A" * 43 + b" made=2026-13-41T00:00:00Z\n", "a time that cannot be read"),
        (b"gatepost-keys 2\n" + (b"key " + b"A" * 43 + b"\n") * 2, "order"),
        (b"gatepost-keys 3\n" + b"A" * 43 + b"\n", "newer"),
        (b"gatepost-keys 1\n" + (b"A" * 43 + b"\n") * 2, "newer"),
        (b"gatepost-keys 1\n" + b"A" * 43 + b"\n" + b"#" * 20_000, "too long"),
    ],
)
def test_garbage_is_refused_and_not_shown(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "gatepost.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match=reason) as refused:
        loaded(path)
    assert "secret-text" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert path.read_bytes() == content


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError):
        loaded(tmp_path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(KeyFileError, match="regular"):
        loaded(tmp_path / "pipe")
    with pytest.raises(KeyFileError, match="there is no folder"):
        loaded(tmp_path / "no folder" / "gatepost.key")


def test_a_rotation_adds_a_key_that_waits(tmp_path: Path) -> None:
    path = tmp_path / "gatepost.key"
    before = loaded(path)
    after = rotate(path, now=NOW + DAY, lead_seconds=HOUR)
    assert loaded(path) == after
    assert after.keys[0] == before.keys[0]
    assert (after.keys[1].made_at, after.keys[1].use_after) == (NOW + DAY, NOW + DAY + HOUR)
    assert after.keys[1].bits != before.keys[0].bits
    assert after.names == before.names == names_of(before.keys[0].bits)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["gatepost.key"]


def test_one_new_key_waits_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "gatepost.key"
    loaded(path)
    rotate(path, now=NOW, lead_seconds=HOUR)
    with pytest.raises(KeyFileError, match="waits already"):
        rotate(path, now=NOW + HOUR - 1, lead_seconds=HOUR)
    assert len(rotate(path, now=NOW + HOUR, lead_seconds=HOUR).keys) == 3


def test_no_key_signs_before_apps_and_slow_clocks_know_it(tmp_path: Path) -> None:
    loaded(tmp_path / "gatepost.key")
    with pytest.raises(ValueError, match="900 seconds"):
        rotate(tmp_path / "gatepost.key", now=NOW, lead_seconds=899)


def test_rotations_at_once_add_one_key(tmp_path: Path) -> None:
    path = tmp_path / "gatepost.key"
    loaded(path)

    def attempt(_: int) -> int:
        try:
            rotate(path, now=NOW, lead_seconds=HOUR)
        except KeyFileError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(16))) == 1
    assert len(loaded(path).keys) == 2


def test_a_file_that_is_being_changed_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "gatepost.key"
    loaded(path)
    with path.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(KeyFileError, match="another command"):
            rotate(path, now=NOW, lead_seconds=HOUR)


def test_a_rotation_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "gatepost.key"
    before = loaded(path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeyFileError, match="the disk is full"):
        rotate(path, now=NOW, lead_seconds=HOUR)
    assert loaded(path) == before
    assert [file.name for file in tmp_path.iterdir()] == ["gatepost.key"]


def test_a_link_to_the_key_file_stays_one(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    path = tmp_path / "gatepost.key"
    path.symlink_to("secrets/gatepost.key")
    loaded(tmp_path / "secrets" / "gatepost.key")
    rotate(path, now=NOW, lead_seconds=HOUR)
    assert path.is_symlink()
    assert len(loaded(path).keys) == 2


def test_a_file_that_root_replaces_keeps_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the service could not read it at its next start."""
    path = tmp_path / "gatepost.key"
    loaded(path)
    given: list[tuple[str, int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda file, *owner: given.append((os.readlink(f"/proc/self/fd/{file}"), *owner)))
    before = path.stat()
    rotate(path, now=NOW, lead_seconds=HOUR)
    ((unfinished, *owner),) = given
    assert Path(unfinished).name.startswith(".gatepost.key.")
    assert owner == [before.st_uid, before.st_gid]


def test_a_file_of_another_user_is_left_to_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "gatepost.key"
    before = loaded(path)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 4711)
    with pytest.raises(KeyFileError, match="another user"):
        rotate(path, now=NOW, lead_seconds=HOUR)
    assert loaded(path) == before
    assert [file.name for file in tmp_path.iterdir()] == ["gatepost.key"]


def test_a_missing_file_is_not_rotated(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="there is no such file"):
        rotate(tmp_path / "gatepost.key", now=NOW, lead_seconds=HOUR)
    assert list(tmp_path.iterdir()) == []


def rotated(folder: Path) -> tuple[Path, KeyRing]:
    """Three keys: in use until `NOW + HOUR`, until `NOW + 10 DAY`, and from then on."""
    path = folder / "gatepost.key"
    loaded(path)
    rotate(path, now=NOW, lead_seconds=HOUR)
    return path, rotate(path, now=NOW + 10 * DAY - HOUR, lead_seconds=HOUR)


def test_a_key_that_is_needed_is_not_dropped(tmp_path: Path) -> None:
    path, ring = rotated(tmp_path)
    first, second, third = (key.key_id for key in ring.keys)
    now = NOW + 5 * DAY
    with pytest.raises(StillNeeded, match="known numbers"):
        drop(path, now=now, key_id=first)
    with pytest.raises(StillNeeded, match="is in use"):
        drop(path, now=now, key_id=second)
    with pytest.raises(StillNeeded, match="comes into use"):
        drop(path, now=now, key_id=third)
    with pytest.raises(KeyFileError, match="no key 'ffffffff'"):
        drop(path, now=now, key_id="ffffffff")
    assert drop(path, now=now) == ()
    assert loaded(path) == ring


def test_keys_are_dropped_when_nothing_rests_on_them(tmp_path: Path) -> None:
    path, ring = rotated(tmp_path)
    end = NOW + HOUR + 400 * DAY + CLOCK_SECONDS
    with pytest.raises(StillNeeded):
        drop(path, now=end - 1, key_id=ring.keys[0].key_id)
    assert drop(path, now=end) == (ring.keys[0],)
    left = loaded(path)
    assert left.keys == ring.keys[1:]
    assert left.names == ring.names  # counters keep their names


def written(folder: Path, text: str) -> Path:
    path = folder / "gatepost.key"
    path.write_text(text)
    path.chmod(0o600)
    return path


def server(**values: object) -> ServerSettings:
    return ServerSettings.model_validate({"public_url": "https://signin.corp.example", **values})


def test_the_key_may_stand_in_the_configuration(tmp_path: Path) -> None:
    nowhere = tmp_path / "gatepost.key"
    ring = load_keys(server(key=SecretStr(BITS), key_file=nowhere), now=NOW)
    assert ring.keys[0].bits == bytes(32)
    assert not nowhere.exists()


def test_the_lines_of_a_key_file_may_stand_in_the_configuration(tmp_path: Path) -> None:
    path, ring = rotated(tmp_path)
    drop(path, now=NOW + 500 * DAY)
    left = read_keys(path)
    text = ", ".join(path.read_text().splitlines()[2:])
    assert load_keys(server(key=SecretStr(text)), now=NOW) == left != ring


@pytest.mark.parametrize("text", ["secret-text", f"{BITS},{OTHER_BITS}", f"key {BITS},secret-text", f"key {BITS},"])
def test_a_key_of_the_configuration_that_is_none_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(KeyFileError, match=r"^server.key: holds no complete key$") as refused:
        load_keys(server(key=SecretStr(text)), now=NOW)
    assert refused.value.__cause__ is None
