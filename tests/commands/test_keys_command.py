"""`gatepost keys`: ages and names of the keys, a new one, the end of an old one; never a key itself."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from proxy.cli import main
from proxy.secrets.key_file import load_or_create_keys, read_keys, rotate
from proxy.secrets.keys import KeyRing
from tests.support.configuration import written

DAY = 86_400.0


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return written(tmp_path)


def keys_of(config: Path) -> KeyRing:
    ring = read_keys(config.with_name("gatepost.key"))
    assert ring is not None
    return ring


def old_keys(config: Path, *, days: float) -> KeyRing:
    """A file that was made so long ago, and rotated an hour later."""
    path = config.with_name("gatepost.key")
    load_or_create_keys(path, now=time.time() - days * DAY)
    return rotate(path, now=time.time() - days * DAY + 3600, lead_seconds=3600)


def secrets_in(config: Path) -> list[str]:
    return [word for word in config.with_name("gatepost.key").read_text().split() if len(word) == 43]


def test_the_list_shows_ages_and_ids_and_no_key(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ring = old_keys(config, days=10)
    assert main(["keys", "list", "--config", str(config)]) == 0
    shown = capsys.readouterr().out
    assert [line.split()[:4] for line in shown.splitlines()[1:]] == [
        [ring.keys[0].key_id, "accepted", "10", "days"],
        [ring.keys[1].key_id, "in", "use", "10"],
    ]
    assert main(["keys", "list", "--json", "--config", str(config)]) == 0
    as_json = capsys.readouterr().out
    assert [row["key"] for row in json.loads(as_json)] == [key.key_id for key in ring.keys]
    assert len(secrets_in(config)) == 2
    assert not any(secret in shown + as_json for secret in secrets_in(config))


def test_a_rotation_says_what_to_do_until_when(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load_or_create_keys(config.with_name("gatepost.key"), now=time.time() - DAY)
    assert main(["keys", "rotate", "--after", "20m", "--config", str(config)]) == 0
    new = keys_of(config).keys[-1]
    assert new.use_after == pytest.approx(time.time() + 1200, abs=30)
    out = capsys.readouterr().out
    assert new.key_id in out
    assert "reload" in out
    assert main(["keys", "rotate", "--config", str(config)]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert "waits already" in error


def test_a_rotation_that_is_too_soon_is_wrong_usage(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["keys", "rotate", "--after", "5m", "--config", str(config)])
    assert ended.value.code == 2
    assert "15m at least" in capsys.readouterr().err


def test_a_key_that_is_needed_is_not_dropped(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ring = old_keys(config, days=10)
    for key in ring.keys:
        assert main(["keys", "drop", key.key_id, "--config", str(config)]) == 1
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert main(["keys", "drop", "--config", str(config)]) == 0
    assert "still needed" in capsys.readouterr().out
    assert keys_of(config) == ring


def test_a_key_that_nothing_rests_on_is_dropped(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ring = old_keys(config, days=500)
    assert main(["keys", "drop", "--config", str(config)]) == 0
    assert ring.keys[0].key_id in capsys.readouterr().out
    assert keys_of(config).keys == ring.keys[1:]


def test_without_a_key_file_the_list_says_so_and_makes_none(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "list", "--config", str(config)]) == 2
    assert "first start" in capsys.readouterr().err
    assert not config.with_name("gatepost.key").exists()


def test_a_key_of_the_environment_is_listed_and_changed_where_it_is(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEPOST_SERVER__KEY", "A" * 43)
    assert main(["keys", "list", "--config", str(config)]) == 0
    assert "in use" in capsys.readouterr().out
    assert main(["keys", "rotate", "--config", str(config)]) == 2
    error = capsys.readouterr().err
    assert "server.key" in error
    assert "A" * 43 not in error


def test_a_key_of_the_environment_counts_before_the_files_key_file(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text(config.read_text().replace("[server]", '[server]\nkey_file = "other.key"'))
    monkeypatch.setenv("GATEPOST_SERVER__KEY", "A" * 43)
    assert main(["keys", "list", "--config", str(config)]) == 0
    assert "in use" in capsys.readouterr().out


def test_a_wrong_key_of_the_environment_is_not_shown(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEPOST_SERVER__KEY", "secret-text")
    assert main(["keys", "list", "--config", str(config)]) == 2
    assert capsys.readouterr().err == "server.key: holds no complete key\n"


def test_a_key_and_a_key_file_are_one_too_many(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = config.read_text().replace("[server]", f'[server]\nkey = "{"A" * 43}"\nkey_file = "gatepost.key"')
    config.write_text(text)
    assert main(["keys", "list", "--config", str(config)]) == 2
    error = capsys.readouterr().err
    assert "key_file: key is given too: keep one of them" in error
    assert "A" * 43 not in error
