"""`[radius]`: its clients, attributes and scheme, and what of them cannot be or is seldom meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.checks import warnings
from config.load import load_settings
from config.problems import ConfigurationError
from config.settings import Settings
from config.tables.radius_attributes import ReplyAttribute
from tests.config.test_admin_checks import SCHEMES, START

RADIUS = '[radius]\nlisten = ["127.0.0.1:1812"]\n'
CLIENT = '[[radius.clients]]\nname = "VPN"\naddress = "10.0.0.0/24"\nsecret = "sixteen letters or more"\n'
ATTRIBUTES = "[[radius.attributes]]\n"


def load(folder: Path, text: str) -> Settings:
    (folder / "users.toml").write_text("")
    (folder / "gatepost.toml").write_text(START + text)
    return load_settings(folder / "gatepost.toml", {})


def problems(folder: Path, text: str) -> list[tuple[str, str]]:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text)
    return [(problem.key, problem.message) for problem in caught.value.problems]


def test_without_the_table_there_is_no_radius(tmp_path: Path) -> None:
    assert not load(tmp_path, "").radius.is_on


def test_it_is_read_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "vpn-secret").write_text("a secret in a file\n")
    client = CLIENT.replace('secret = "sixteen letters or more"', 'secret_file = "vpn-secret"')
    send = 'groups = ["VPN"]\nsend = ["Filter-Id = staff", "Attr-26.9.1 = ip:x=1"]\n'
    radius = load(tmp_path, RADIUS + client + ATTRIBUTES + send).radius
    (found,) = radius.clients
    assert found.secret.get_secret_value() == "a secret in a file"
    assert (found.require_message_authenticator, found.disconnect_port, found.trusts_calling_station) == (
        *(True, None, False),
    )
    assert [(each.kind, each.value) for each in radius.attributes[0].send] == [
        ((0, 11), b"staff"),
        ((9, 1), b"ip:x=1"),
    ]


def test_groups_of_attributes_are_asked_of_the_directory(tmp_path: Path) -> None:
    settings = load(tmp_path, RADIUS + CLIENT + ATTRIBUTES + 'groups = ["VPN"]\nsend = ["Filter-Id = staff"]\n')
    assert "VPN" in settings.group_names


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        (RADIUS, "clients", "nobody may ask"),
        (CLIENT, "listen", "is missing"),
        ('[radius]\nlisten = ["127.0.0.1:1812", "127.0.0.1:1812"]\n' + CLIENT, "listen", "twice"),
        (RADIUS + CLIENT + CLIENT.replace("10.0", "10.1"), "clients[1].name", "another client has this name"),
        (RADIUS + CLIENT + CLIENT.replace("VPN", "Other"), "clients[1].address", "which secret counts"),
        (RADIUS + CLIENT.replace("VPN", "Wiki"), "clients[0].name", "an app has this name"),
        (RADIUS + CLIENT.replace("10.0.0.0/24", "10.0.0.1/24"), "clients[0].address", "host part"),
        (RADIUS + CLIENT + "disconnect_port = 0\n", "clients[0].disconnect_port", "at least 1"),
        (RADIUS + CLIENT + "port = 1\n", "clients[0].port", "unknown key"),
        (RADIUS + '[[radius.clients]]\nname = "VPN"\naddress = "10.0.0.1"\n', "clients[0].secret", "is missing"),
        (RADIUS + 'scheme = "browzer"\n' + CLIENT + SCHEMES, "scheme", 'did you mean "browser"'),
        (
            RADIUS + 'scheme = "keys"\n' + CLIENT + SCHEMES + '[[schemes]]\nname = "keys"\nfactors = ["passkey"]\n',
            "scheme",
            "does not begin with a password",
        ),
        (
            RADIUS
            + 'scheme = "keys"\n'
            + CLIENT
            + SCHEMES
            + '[[schemes]]\nname = "keys"\nfactors = ["password", "passkey"]\n',
            "scheme",
            "nobody can answer in a VPN client",
        ),
        (
            RADIUS
            + 'scheme = "wiki"\n'
            + CLIENT
            + SCHEMES
            + '[[schemes]]\nname = "wiki"\nfactors = ["password", "sms"]\napps = ["Wiki"]\n',
            "scheme",
            "nobody comes from an app",
        ),
        (RADIUS + CLIENT + ATTRIBUTES + "send = []\n", "attributes[0].send", "empty list"),
        (
            RADIUS + CLIENT + ATTRIBUTES + 'send = ["Filter-ID = staff"]\n',
            "attributes[0].send[0]",
            'did you mean "Filter-Id"',
        ),
        (RADIUS + CLIENT + ATTRIBUTES + 'send = ["Session-Timeout = 5"]\n', "attributes[0].send[0]", "may hold"),
        (RADIUS + CLIENT + ATTRIBUTES + 'send = ["Attr-26.0.1 = x"]\n', "attributes[0].send[0]", "may hold"),
        (RADIUS + CLIENT + ATTRIBUTES + 'send = ["Filter-Id"]\n', "attributes[0].send[0]", "with its value"),
        (RADIUS + CLIENT + ATTRIBUTES + 'send = ["Framed-MTU = big"]\n', "attributes[0].send[0]", "whole number"),
        (RADIUS + CLIENT + ATTRIBUTES + 'send = ["Tunnel-Type = LAN"]\n', "attributes[0].send[0]", "VLAN"),
        (RADIUS + CLIENT + ATTRIBUTES + 'send = ["Class = 0xz"]\n', "attributes[0].send[0]", "hexadecimal"),
        (RADIUS + CLIENT + ATTRIBUTES + 'send = ["Framed-IP-Address = ::1"]\n', "attributes[0].send[0]", "IPv4"),
        (
            RADIUS + CLIENT + ATTRIBUTES + f'send = ["Filter-Id = {"x" * 254}"]\n',
            "attributes[0].send[0]",
            "longer than 253",
        ),
        (
            RADIUS + CLIENT + ATTRIBUTES + "send = [" + ", ".join(f'"Class = {n:0200}"' for n in range(11)) + "]\n",
            "attributes",
            "could not hold them",
        ),
    ],
)
def test_what_cannot_be_stops_the_start(tmp_path: Path, text: str, key: str, message: str) -> None:
    found = problems(tmp_path, text)
    assert any(found_key == key and message in found_message for found_key, found_message in found), found


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    assert "sixteen" not in repr(load(tmp_path, RADIUS + CLIENT))
    assert "sixteen" not in str(problems(tmp_path, RADIUS + CLIENT + "x = 1\n"))


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("Filter-Id = staff = x", b"staff = x"),
        ("Framed-IP-Address = 10.8.0.7", bytes((10, 8, 0, 7))),
        ("Framed-MTU = 1400", b"\0\0\x05\x78"),
        ("Tunnel-Type = VLAN", b"\0\0\0\x0d"),
        ("Tunnel-Medium-Type=IEEE-802", b"\0\0\0\x06"),
        ("Tunnel-Private-Group-Id = 42", b"42"),
        ("Service-Type = Framed-User", b"\0\0\0\x02"),
        ("Class = 0x00FF", b"\0\xff"),
        ("Attr-26.9.1 = 0x0102", b"\1\2"),
    ],
)
def test_values_as_they_are_sent(written: str, value: bytes) -> None:
    assert ReplyAttribute.parse(written).value == value


def test_what_is_dangerous_is_told_at_the_start(tmp_path: Path) -> None:
    told = warnings(load(tmp_path, RADIUS + CLIENT.replace("sixteen letters or more", "short") + OPEN))
    about = [line for line in told if "radius" in line]
    assert len(about) == 3
    assert all("short" not in line for line in about)
    assert any("require_message_authenticator = false" in line and "CVE-2024-3596" in line for line in about)
    assert any("secret: has fewer than 16" in line for line in about)
    assert any("disconnect_port" in line for line in about)
    quiet = warnings(load(tmp_path, RADIUS + CLIENT + "disconnect_port = 3799\n"))
    assert not [line for line in quiet if "radius" in line]


OPEN = "require_message_authenticator = false\n"
