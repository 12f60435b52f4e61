"""`[[canaries]]`: what keeps a canary from telling anything is refused by its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.load import load_settings
from config.problems import ConfigurationError
from proxy.canary.recipients import recipient_problems
from tests.support.configuration import written

SMS = '[[canaries]]\nname = "kapow"\nchannel = "kapow"\nto = "+44 7400 123456"\n'
MAIL = (
    '[second_factor]\nchannels = ["kapow", "email"]\n'
    '[[canaries]]\nname = "m"\nchannel = "email"\nto = "a@corp.example"\n'
)
INBOX = '[canaries.inbox]\nhost = "imap.corp.example"\nusername = "canary"\npassword = "x"\n'
BOUNCES = '[bounces]\ninbox = "imap"\nhost = "imap.corp.example"\nusername = "canary"\npassword = "x"\n'


def load(folder: Path, lines: str) -> str:
    """The problems, or nothing."""
    try:
        load_settings(written(folder, more=lines), {}, recipient_problems)
    except ConfigurationError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "lines",
    [
        SMS,
        MAIL,
        SMS + INBOX,
        SMS + INBOX + SMS.replace("kapow", "second", 1) + INBOX,
        SMS + INBOX + BOUNCES.replace('"canary"', '"otp"'),
        SMS + INBOX.replace("imap.corp.example", "127.0.0.1") + 'security = "none"\n',
        SMS + 'every = "60s"\nwithin = "59s"\n',
    ],
)
def test_a_canary_that_can_tell_something_is_taken(tmp_path: Path, lines: str) -> None:
    assert load(tmp_path, lines) == ""


@pytest.mark.parametrize(
    ("lines", "key", "why"),
    [
        (SMS.replace('channel = "kapow"', 'channel = "kapwo"'), "channel", 'did you mean "kapow"?'),
        (SMS + SMS, "name", "another canary"),
        (SMS.replace('name = "kapow"', 'name = "Über"'), "name", "small letters"),
        (SMS.replace("+44 7400 123456", "+33 6 12 34 56 78"), "to", "mobile.allowed_countries"),
        (SMS.replace("+44 7400 123456", "020 7946 0018"), "to", "not a mobile number"),
        (SMS.replace("+44 7400 123456", "a@corp.example"), "to", "write it with +"),
        (MAIL.replace("a@corp.example", "+44 7400 123456"), "to", "not a plain mail address"),
        (SMS + 'every = "1m"\nwithin = "2m"\n', "within", 'less than "1m"'),
        (SMS + 'every = "1s"\n', "every", 'at least "1m"'),
        (SMS + INBOX.replace('password = "x"\n', ""), "inbox.password", "is missing"),
        (SMS + INBOX + 'security = "none"\n', "inbox.security", "in the clear"),
        (SMS + INBOX + 'mailbox = "Entwürfe"\n', "inbox.mailbox", "ASCII"),
        (SMS + INBOX + 'poll = "2m"\n', "inbox.poll", 'less than "2m"'),
        (SMS + INBOX + BOUNCES, "inbox.mailbox", "the one of [bounces]"),
        (SMS + INBOX + 'ca_file = "gone.pem"\n', "inbox.ca_file", "cannot be read"),
        (SMS.replace("[[canaries]]", "[canaries]"), "canaries", "[[canaries]]"),
    ],
)
def test_one_that_cannot_is_refused_by_its_key(tmp_path: Path, lines: str, key: str, why: str) -> None:
    told = load(tmp_path, lines)
    assert key in told
    assert why in told
    for secret in ("7400", "612345678", "a@corp"):
        assert secret not in told
