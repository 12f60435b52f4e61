"""`[audit]`: when it is on, and what has to agree there."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.load import load_settings
from config.named_files import certificate_problems
from config.problems import ConfigurationError
from config.settings import AuditSettings
from tests.support.configuration import written


def load(folder: Path, lines: str) -> AuditSettings | str:
    """The table, or what is wrong."""
    try:
        return load_settings(written(folder, more=f"[audit]\n{lines}"), {}, certificate_problems).audit
    except ConfigurationError as error:
        return str(error)


def audit(folder: Path, lines: str) -> AuditSettings:
    loaded = load(folder, lines)
    assert isinstance(loaded, AuditSettings), loaded
    return loaded


def test_it_is_off_until_there_is_somewhere_to_write_to(tmp_path: Path) -> None:
    assert not audit(tmp_path, 'keep = "2d"').is_on
    for where in ('file = "audit.jsonl"', "stdout = true", 'syslog = "tls://log.corp.example"'):
        assert audit(tmp_path, where).is_on


def test_the_file_begins_at_the_folder_of_the_configuration(tmp_path: Path) -> None:
    assert audit(tmp_path, 'file = "audit/gatepost.jsonl"').file == tmp_path / "audit/gatepost.jsonl"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("tls://log.corp.example", ("log.corp.example", 6514)),
        ("tls://log.corp.example:7000", ("log.corp.example", 7000)),
        ("tls://[2001:db8::1]:6514", ("2001:db8::1", 6514)),
    ],
)
def test_a_syslog_server_is_named_by_a_url(tmp_path: Path, written: str, read: tuple[str, int]) -> None:
    assert audit(tmp_path, f'syslog = "{written}"').syslog == read


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("required = true", "audit: file: is missing: required = true needs it"),
        ('file = "a.jsonl"\nsyslog_ca_file = "ca.pem"', "audit: syslog_ca_file: ca.pem cannot be read"),
        ('file = "audit"', "audit: file: must name a file with an ending"),
        ('syslog = "udp://log.corp.example"', "audit: syslog: not a syslog server over TLS"),
        ('syslog = "tls://log.corp.example/x"', "audit: syslog: must hold only a host"),
        ('syslog = "tls://log.corp.example:0"', "audit: syslog: must hold only a host"),
        ('keep = "1h"', "audit: keep: "),
        ('keep = "9999d"', "audit: keep: "),
        ('files = "x"', "audit: files: "),
    ],
)
def test_what_cannot_work_is_told(tmp_path: Path, lines: str, told: str) -> None:
    assert told in str(load(tmp_path, lines))


def test_an_authority_without_a_server_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    assert "audit: syslog: is missing" in str(load(tmp_path, 'syslog_ca_file = "ca.pem"'))
    assert "audit: syslog_ca_file: " in str(load(tmp_path, 'syslog = "tls://x"\nsyslog_ca_file = "ca.pem"'))
