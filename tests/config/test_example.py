"""The example that documents the configuration: it loads, and it is complete."""

import re
import tomllib
from pathlib import Path

import pytest

import config
from config.load import load_settings
from config.schema import inner_keys, tables
from config.settings import (
    AppSettings,
    CanarySettings,
    PagesSettings,
    RADIUSSettings,
    ServerSettings,
    Settings,
    SMSSettings,
    SSHSettings,
)
from config.tables.admin import AdminSettings
from config.tables.store import SQLiteFile, parse_store_url
from config.tables.texts import Template, parse_template
from config.values import parse_duration

EXAMPLE = Path(config.__file__).with_name("example.toml")
OPTION = re.compile(r"^# ([a-z0-9_]+) = (.*)$", re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "texts").mkdir()
    (tmp_path / "logo.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (tmp_path / "ad-password").write_text("a service password\n")
    (tmp_path / "smtp-password").write_text("a relay password\n")
    (tmp_path / "sms-password").write_text("a gateway password\n")
    (tmp_path / "redis-password").write_text("a store password\n")
    (tmp_path / "radius-secret").write_text("a secret of the VPN gateway\n")
    (tmp_path / "sms-token").write_text("a gateway token\n")
    for name in ("corp-ca.pem", "users.toml", "http.keytab", "refused-passwords.txt"):
        (tmp_path / name).write_text("")
    for name in ("signin", "wiki", "gatepost-client"):
        (tmp_path / f"{name}.pem").write_text("")
        (tmp_path / f"{name}.key").write_text("")
    return tmp_path


def test_the_example_loads(folder: Path) -> None:
    path = folder / "gatepost.toml"
    path.write_text(EXAMPLE.read_text())
    settings = load_settings(path, {})
    assert isinstance(settings, Settings)
    assert settings.apps[0].name == "Wiki"
    assert settings.directories[0].bind_password.get_secret_value() == "a service password"


def with_every_option(example: str) -> str:
    """No line of it is a comment any more."""
    text = re.sub(r"^# (\[|[a-z0-9_]+ = )", r"\1", example, flags=re.MULTILINE)
    for key in ("key", "bind_password", "password", "sentinel_password", "token"):  # there are files
        text = re.sub(rf'^{key} = "\.\.\."\n', "", text, flags=re.MULTILINE)
    text = text.replace('upstream = "http://10.0.0.5:8080"\n', "")  # there are upstreams
    text = text.replace('path = "/admin/"\n', "")  # there is a pattern
    text = re.sub(r"^text = .* ist Ihr .*\n", "", text, flags=re.MULTILINE)  # a mail has subject and body
    return text


def test_the_example_loads_with_every_option_written_out(folder: Path) -> None:
    path = folder / "gatepost.toml"
    path.write_text(with_every_option(EXAMPLE.read_text()))
    assert len(load_settings(path, {}).directories) == 2


def test_every_option_is_mentioned_in_its_table() -> None:
    mentioned: dict[str, set[str]] = {}
    table = ""
    for line in EXAMPLE.read_text().splitlines():
        if header := re.fullmatch(r"(?:# )?\[\[?([a-z_.]+)\]\]?", line):
            table = header[1]
            outer, *inner = table.split(".")
            if inner:
                mentioned.setdefault(outer, set()).add(inner[0])
        elif option := re.match(r"(?:# )?([a-z0-9_]+) = ", line):
            mentioned.setdefault(table, set()).add(option[1])
    for table_key, schema in tables().items():
        assert mentioned.get(table_key, set()) == set(schema.known_keys()), table_key
    own = mentioned["sms.gateways.modem"], mentioned["sms.http.provider"]
    assert own[0] == {*inner_keys(SMSSettings, "gateways"), "password_file"}
    assert own[1] == {*inner_keys(SMSSettings, "http"), "password_file", "token_file"}
    assert mentioned["apps.rules"] == set(inner_keys(AppSettings, "rules"))
    assert mentioned["pages.help"] == set(inner_keys(PagesSettings, "help"))
    assert mentioned["canaries.inbox"] == {*inner_keys(CanarySettings, "inbox"), "password_file"}
    assert mentioned["ssh.targets"] == set(inner_keys(SSHSettings, "targets"))
    assert mentioned["server.certificates"] == set(inner_keys(ServerSettings, "certificates"))
    clients = {f"{key}_file" if key == "secret" else key for key in inner_keys(RADIUSSettings, "clients")}
    assert mentioned["radius.clients"] == clients
    assert mentioned["admin.roles"] == set(inner_keys(AdminSettings, "roles"))
    assert mentioned["radius.attributes"] == set(inner_keys(RADIUSSettings, "attributes"))


def test_the_defaults_shown_are_the_defaults() -> None:
    """Every commented-out option of a table without required keys has the value that the program would use."""
    text = EXAMPLE.read_text()
    for table in ("mobile", "sms", "second_factor", "passcode", "throttle", "sessions", "store"):
        section = re.split(r"\n(?:# )?\[", text.split(f"\n[{table}]\n")[1])[0]
        defaults = getattr(Settings.model_construct(), table)
        for key, shown in OPTION.findall(section):
            value = tomllib.loads(f"value = {shown}")["value"]
            default = getattr(defaults, key, None)
            if default is None:
                continue  # not set: an example is shown
            if isinstance(default, float):
                value = parse_duration(value)
            elif isinstance(default, tuple):
                value = tuple(value)
            elif isinstance(default, Template):
                value = parse_template(value)
            elif isinstance(default, SQLiteFile):
                value = parse_store_url(value)
            assert value == default or key in ("extra_ranges", "channels"), f"{table}.{key}"
