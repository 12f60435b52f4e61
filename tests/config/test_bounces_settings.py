"""`[bounces]`: what the inbox needs, and what would cross the network in the clear."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.load import load_settings
from config.problems import ConfigurationError
from tests.support.configuration import written

IMAP = 'inbox = "imap"\nhost = "imap.corp.example"\nusername = "otp"\npassword = "x"\n'
SMTP = 'inbox = "smtp"\n'


def load(folder: Path, lines: str) -> str:
    """The problems, or nothing."""
    try:
        load_settings(written(folder, more=f"[bounces]\n{lines}"), {})
    except ConfigurationError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "lines",
    [
        "",
        IMAP,
        IMAP + 'security = "starttls"\n',
        IMAP.replace("imap.corp.example", "127.0.0.1") + 'security = "none"\n',
        IMAP + 'security = "none"\nallow_insecure = true\n',
        SMTP + 'listen = "127.0.0.1:2525"\n',
        SMTP + 'listen = "10.0.0.1:2525"\nallow_insecure = true\n',
    ],
)
def test_an_inbox_that_can_work_is_taken(tmp_path: Path, lines: str) -> None:
    assert load(tmp_path, lines) == ""


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ('inbox = "imap"\n', "host"),
        (IMAP.replace('password = "x"\n', ""), "password"),
        (IMAP.replace('username = "otp"\n', ""), "username"),
        (IMAP + 'security = "none"\n', "security"),
        (IMAP + 'mailbox = "Entwürfe"\n', "mailbox"),
        (IMAP + 'poll = "1s"\n', "poll"),
        (SMTP, "listen"),
        (SMTP + 'listen = "10.0.0.1:2525"\n', "listen"),
        (SMTP + 'listen = "0.0.0.0:2525"\n', "listen"),
        (SMTP + 'listen = "127.0.0.1:2525"\nnetworks = []\n', "networks"),
        ('inbox = "pop3"\n', "inbox"),
    ],
)
def test_an_inbox_that_cannot_work_is_refused_by_its_key(tmp_path: Path, lines: str, key: str) -> None:
    assert f"bounces: {key}" in load(tmp_path, lines) or f"bounces.{key}" in load(tmp_path, lines)


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("")
    assert "tls_key" in load(tmp_path, SMTP + 'listen = "127.0.0.1:2525"\ntls_certificate = "a.pem"\n')
