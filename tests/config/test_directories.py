"""Several directories in one configuration: one default, and servers that DNS finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.addresses import ResolverAddress
from config.load import load_settings
from config.problems import ConfigurationError
from config.settings import ActiveDirectorySettings, Settings

CORP = """
[server]
public_url = "https://signin.corp.example"
[smtp]
host = "smtp.corp.example"
from = "otp@corp.example"
[[apps]]
name = "Wiki"
host = "wiki.corp.example"
upstream = "http://10.0.0.5:8080"
[[directories]]
type = "active_directory"
name = "corp"
domain = "corp.example"
bind_user = "svc"
bind_password = "x"
"""
OTHER = CORP[CORP.index("[[directories]]") :].replace("corp", "other")


def load(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "gatepost.toml").write_text(text)
    return load_settings(tmp_path / "gatepost.toml", {})


def test_the_default_realm_is_the_one_that_says_so_or_the_first(tmp_path: Path) -> None:
    assert load(tmp_path, CORP + OTHER).default_realm == "corp"
    assert load(tmp_path, CORP + OTHER + "default = true").default_realm == "other"


def test_two_defaults_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(tmp_path, CORP + "default = true\n" + OTHER + "default = true\n")
    assert 'directories[1] ("other"): default: "corp" is the default already' in str(raised.value)


def test_servers_may_be_left_to_dns(tmp_path: Path) -> None:
    loaded = load(
        tmp_path, CORP + 'site = "London"\ndns_servers = ["10.0.0.53"]\ncontroller_suffixes = ["dc.example"]\n'
    )
    directory = loaded.directories[0]
    assert isinstance(directory, ActiveDirectorySettings)
    assert (directory.servers, directory.site, directory.upn_suffixes) == ((), "London", None)


@pytest.mark.parametrize(
    "line", ['site = "Lon.don"', 'site = ""', 'dns_servers = ["dns.example"]', 'dns_servers = ["10.0.0.1:0"]']
)
def test_odd_values_are_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigurationError):
        load(tmp_path, CORP + line)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.53", ("10.0.0.53", 53)),
        ("10.0.0.53:5353", ("10.0.0.53", 5353)),
        ("2001:db8::53", ("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
    ],
)
def test_a_dns_server_is_an_address_and_a_port(text: str, expected: tuple[str, int]) -> None:
    assert ResolverAddress.parse(text) == expected
