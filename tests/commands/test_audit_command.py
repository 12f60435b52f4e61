"""`gatepost audit verify|erase|key`: what is told of lines, and what is left of a person whose keys are destroyed."""

from __future__ import annotations

import asyncio
import io
import time
from pathlib import Path

import pytest
import structlog

from config.load import load_settings
from proxy.audit.anchors import public_keys, public_text
from proxy.audit.event import AuditEvent
from proxy.audit.open_audit import serving_audit
from proxy.audit.person_keys import PersonKeys
from proxy.audit.reading import files_of, read_audit
from proxy.cli import main
from proxy.secrets.key_file import load_keys
from proxy.secrets.keys import Keys
from proxy.store.open import open_store
from tests.audit.engine import ANNA, BEN, signed_in
from tests.support.configuration import written

AUDIT = '[audit]\nfile = "audit/gatepost.jsonl"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return written(tmp_path, more=AUDIT)


def record(config: Path, *events: AuditEvent) -> None:
    settings = load_settings(config, {})

    async def work() -> None:
        keys = Keys(load_keys(settings.server, now=time.time()))
        store = open_store(settings.store)
        person_keys = PersonKeys(store.person_keys, keys)
        log = structlog.wrap_logger(None, processors=[])
        async with serving_audit(settings.audit, person_keys, keys, log=log, clock=time.time) as audit:
            for event in events:
                audit.record(event)
        await store.close()

    asyncio.run(work())


def names(config: Path) -> set[str]:
    """Of those who can still be read."""
    settings = load_settings(config, {})

    async def read() -> set[str]:
        store = open_store(settings.store)
        person_keys = PersonKeys(store.person_keys, Keys(load_keys(settings.server, now=time.time())))
        assert settings.audit.file is not None
        found = [each async for each in read_audit(files_of(settings.audit.file), person_keys)]
        await store.close()
        return {person.name or person.guid for each in found for person in each.persons}

    return asyncio.run(read())


def run(config: Path, *arguments: str) -> int:
    return main(["audit", *arguments, "--config", str(config)])


def the_file(config: Path) -> Path:
    return sorted((config.parent / "audit").glob("gatepost-*"))[0]


def test_verify_says_that_all_is_as_it_was_written(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(config, signed_in(), signed_in(BEN))
    record(config, signed_in())
    assert run(config, "verify") == 0
    assert "7 lines of 1 chain in 1 file: all as they were written." in capsys.readouterr().out


def test_verify_names_the_file_and_the_line_that_is_wrong(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(config, signed_in(), signed_in(BEN), signed_in())
    lines = the_file(config).read_bytes().splitlines(keepends=True)
    the_file(config).write_bytes(b"".join(lines[:2] + lines[3:]))
    assert run(config, "verify") == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith(f"{the_file(config)}, line 3: number 3 of ")
    assert told[0].endswith("was removed before this line")


def test_somebody_else_verifies_with_the_public_key_alone(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record(config, signed_in())
    assert run(config, "key") == 0
    key = capsys.readouterr().out.strip()
    monkeypatch.delenv("GATEPOST_CONFIG", raising=False)
    assert main(["audit", "verify", str(the_file(config).parent), "--public-key", key]) == 0
    other = public_text(public_keys(Keys(b"\x07" * 32))[0])
    assert main(["audit", "verify", str(the_file(config)), "--public-key", other]) == 1
    assert "not of this installation" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["audit", "verify", "x", "--public-key", "ed25519:nonsense"])
    assert "not a public key of anchors" in capsys.readouterr().err


def test_a_tail_that_was_cut_off_is_found_by_what_a_syslog_server_wrote(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(config, signed_in(), signed_in())
    lines = the_file(config).read_bytes().splitlines(keepends=True)
    server = tmp_path / "messages"
    server.write_bytes(b"".join(b"Nov 30 20:00:00 node gatepost " + line for line in lines) + b"something else\n")
    assert run(config, "verify", "--anchors", str(server)) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].endswith("AT SYSLOG")
    assert told[1].endswith(f" {len(lines)}"), "how many of them the server holds"
    the_file(config).write_bytes(b"".join(lines[:2]))
    assert run(config, "verify") == 0
    assert run(config, "verify", "--anchors", str(server)) == 1
    assert "was cut off after this line: the syslog server holds number 4" in capsys.readouterr().out
    the_file(config).unlink()
    assert run(config, "verify", str(server), "--anchors", str(server)) == 1


def test_a_file_without_any_anchor_of_this_installation_proves_nothing(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(config, signed_in())
    other = tmp_path / "hosts"
    other.write_text("127.0.0.1 localhost\n")
    assert run(config, "verify", "--anchors", str(other)) == 1
    assert f"{other}: has no anchor of this installation" in capsys.readouterr().err


def test_a_person_is_erased_and_nobody_else_and_the_lines_still_verify(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(config, signed_in(ANNA), signed_in(BEN))
    assert names(config) == {ANNA.name, BEN.name}
    assert run(config, "erase", "--guid", ANNA.guid.upper(), "--reason", "asked for it", "--yes") == 0
    assert "1 key is destroyed. Backups of the store from before still open it." in capsys.readouterr().out
    assert names(config) == {BEN.name}
    assert run(config, "verify") == 0
    text = the_file(config).read_text()
    assert '"event":"audit.erased"' in text
    assert "asked for it" not in text, "people write names there"
    assert ANNA.guid not in text
    record(config, signed_in(ANNA))
    assert names(config) == {ANNA.name, BEN.name}, "what comes later has a new key"
    assert run(config, "erase", "--month", time.strftime("%Y-%m", time.gmtime()), "--reason", "x", "--yes") == 0
    assert names(config) == set()
    assert run(config, "verify") == 0


def test_a_person_is_erased_by_their_login_once_somebody_says_yes(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record(config, signed_in())
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    assert run(config, "erase", "alice", "--reason", "left") == 2
    assert "nothing was erased" in capsys.readouterr().err
    assert run(config, "erase", "alice", "--reason", "left", "--yes") == 0
    assert "everything of alice (local): there was no key, so nothing" in capsys.readouterr().out
    assert run(config, "erase", "nobody-of-that-name", "--reason", "left", "--yes") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["erase", "--reason", "x"],
        ["erase", "alice"],
        ["erase", "alice", "--reason", " "],
        ["erase", "--month", "2026-13", "--reason", "x"],
    ],
)
def test_an_erasure_without_whose_or_why_is_refused(config: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(config, *arguments)
    assert ended.value.code == 2
