"""The configuration for people to read: every table and key, and no secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.load import load_settings
from config.schema import options, tables
from config.settings import Settings
from config.shown import Hidden, ShownTable, shown_tables
from config.tables.store import parse_store_url
from tests.config.test_example import EXAMPLE, folder, with_every_option  # noqa: F401  # a fixture

MARKER = "sesame-7c1f"


def marked(place: Path) -> Settings:
    """The example with every option written out, and a marker in every secret: in its file, or in its key."""
    for file in place.iterdir():
        if re.search("password|secret|token", file.name) and file.name != "refused-passwords.txt":
            file.write_text(f"{MARKER}\n")
    path = place / "gatepost.toml"
    path.write_text(with_every_option(EXAMPLE.read_text()))
    return load_settings(path, {})


def all_of(shown: tuple[ShownTable, ...]) -> str:
    return repr(shown)


def secrets_in(value: object) -> int:
    """How many secrets with the marker a settings object holds."""
    if isinstance(value, SecretStr):
        return int(value.get_secret_value() == MARKER)
    if hasattr(value, "model_fields_set"):
        return sum(secrets_in(each) for each in vars(value).values())
    if isinstance(value, dict):
        return sum(map(secrets_in, value.values()))
    return sum(map(secrets_in, value)) if isinstance(value, tuple) else 0


def test_no_secret_of_the_example_is_shown(folder: Path) -> None:  # noqa: F811
    settings = marked(folder)
    assert secrets_in(settings) >= 10
    shown = shown_tables(settings)
    assert MARKER not in all_of(shown)
    hidden = {(table.header, key.key) for table in shown for key in table.keys if key.value is Hidden.HIDDEN}
    assert {("[[directories]]", "bind_password"), ("[[smtp]]", "password"), ("[[radius.clients]]", "secret")} <= hidden


def test_a_secret_written_into_the_file_is_hidden_like_one_from_a_file(folder: Path) -> None:  # noqa: F811
    path = folder / "gatepost.toml"
    text = EXAMPLE.read_text().replace('bind_password_file = "ad-password"', f'bind_password = "{MARKER}"')
    assert MARKER in text
    path.write_text(text)
    assert MARKER not in all_of(shown_tables(load_settings(path, {})))


def test_what_a_gateway_is_sent_is_hidden_whatever_an_operator_has_written_there(folder: Path) -> None:  # noqa: F811
    path = folder / "gatepost.toml"
    gateway = f"""
[sms.http.provider]
url = "https://sms.example/?key={MARKER}"
headers = {{ "X-Key" = "{MARKER}" }}
body = '{{"text": "{{text}}", "to": "{{number}}", "key": "{MARKER}"}}'
"""
    path.write_text(EXAMPLE.read_text() + gateway)
    assert MARKER not in all_of(shown_tables(load_settings(path, {})))


def test_every_table_and_key_is_shown_and_nothing_is_hidden_for_being_unknown(folder: Path) -> None:  # noqa: F811
    settings = marked(folder)
    shown = shown_tables(settings)
    headers = {each.header.strip("[]").partition(".")[0] for each in shown}
    assert headers == {key for key in tables() if getattr(settings, key) != ()}
    (server,) = (each for each in shown if each.header == "[server]")
    written = {each.key: each.value for each in server.keys}
    keys = {option.key for option in options(type(settings.server)) if option.key != "certificates"}
    assert written.keys() == keys
    assert written["listen"] == '["127.0.0.1:8080"]'
    assert written["hsts"] == '"365d"'
    assert written["key"] is None
    declared_secret = {"address", "to", "url", "headers", "body", "subject", "account", "secret", "token", "send"}
    for table in shown:
        for each in table.keys:
            if each.value is Hidden.HIDDEN:
                key = each.key.removesuffix("_with_login")
                assert "password" in key or key in declared_secret, (table.header, key)


@pytest.mark.parametrize(
    "url",
    [
        "redis://10.0.0.9:6380/2",
        "valkeys://[2001:db8::9]:6379",
        "redis+sentinel://one:26379,two:26379/mymaster/3",
        "unix:/run/redis.sock",
    ],
)
def test_the_url_of_a_store_is_shown_as_one_writes_it(folder: Path, url: str) -> None:  # noqa: F811
    settings = marked(folder)
    store = settings.store.model_copy(update={"url": parse_store_url(url)})
    shown = shown_tables(settings.model_copy(update={"store": store}))
    (told,) = [key.value for table in shown if table.header == "[store]" for key in table.keys if key.key == "url"]
    assert told == f'"{url}"'
