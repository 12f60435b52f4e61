"""Texts in the configuration: what would never be sent, or is said twice, is told at the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.load import load_settings
from config.problems import ConfigurationError
from config.settings import Settings
from tests.config.test_channel_checks import GOOD

MAIL = 'subject = "Code"\nbody = "{passcode}"'
CHANNELS = '[second_factor]\nchannels = ["kapow", "email"]\nemail_for_sms = true\n'


def load(folder: Path, *tables: str, before: str = "") -> Settings:
    (folder / "users.toml").write_text("")
    file = folder / "gatepost.toml"
    file.write_text(GOOD + before + "".join(f"[[texts]]\n{each}\n" for each in tables))
    return load_settings(file, {})


def test_texts_by_channel_and_language_load(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        'language = "de"\ntext = "{passcode} {name}"',
        'language = "de"\nchannel = "kapow"\ntext = "{passcode} {tag}"',
        'channel = "kapow"\ntext = "{passcode}"',
        f'language = "pt-br"\nchannel = "email"\n{MAIL}',
        before=CHANNELS,
    )
    assert [each.language for each in settings.texts] == ["de", "de", None, "pt-br"]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('language = "de"\ntext = "kein Code"', "must contain {passcode}"),
        ('language = "de"\ntext = "{passcode} {passcode}"', "must contain {passcode}, once"),
        ('language = "de"\ntext = "{passcode} {password}"', "unknown placeholder"),
        ('language = "de"\ntext = "{passcode} {name.__class__}"', "unknown placeholder"),
        ('language = "de"\ntext = "{passcode}\\u0000"', "control characters"),
        ('language = "German"\ntext = "{passcode}"', "not a language"),
        ('language = "de"', "texts[0].text: is missing"),
        ('text = "{passcode}"', "is what sms.text says"),
        ('channel = "kapwo"\ntext = "{passcode}"', 'did you mean "kapow"?'),
        ('channel = "email"\ntext = "{passcode}"', "is for an SMS"),
        ('channel = "email"\nsubject = "Code"', "texts[0].body: is missing"),
        ('channel = "email"\nsubject = "{passcode}"\nbody = "{passcode}"', "must not contain {passcode}"),
        ('channel = "email"\nsubject = "a\\nb"\nbody = "{passcode}"', "single line"),
        (f'channel = "kapow"\ntext = "{{passcode}}"\n{MAIL}', 'is for channel = "email"'),
    ],
)
def test_what_could_not_be_sent_is_refused_with_its_key(tmp_path: Path, table: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(tmp_path, table, before=CHANNELS)
    assert told in str(raised.value).replace("]: texts", "]").replace("texts[0]: ", "texts[0].")


def test_two_texts_for_the_same_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="already"):
        load(tmp_path, *['language = "de"\ntext = "{passcode}"'] * 2)
