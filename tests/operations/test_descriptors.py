"""How many clients a limit of open files carries, and how `gatepost check` tells it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.load import load_settings
from config.settings import AppSettings, ServerSettings, Settings
from proxy.commands.check import open_files_result
from proxy.operations.descriptors import MOST_CONNECTIONS, MOST_PER_ADDRESS, Capacity, capacity, reserve_for
from tests.support.configuration import written


@dataclass(frozen=True)
class Pieces:
    server: ServerSettings
    apps: tuple[AppSettings, ...]


def takes(open_files: int, *, reserve: int = 150, apps: int = 1, **server: Any) -> Capacity:
    pieces = Pieces(
        ServerSettings(public_url="http://signin.corp.example", **server),
        tuple(
            AppSettings(name=f"App {number}", host=f"a{number}.example", upstream="http://127.0.0.1:1")
            for number in range(apps)
        ),
    )
    return capacity(pieces, reserve=reserve, open_files=open_files)


def test_the_documented_limit_carries_the_defaults() -> None:
    found = takes(65_536)
    assert (found.connections, found.per_address, found.is_enough) == (MOST_CONNECTIONS, MOST_PER_ADDRESS, True)


@given(
    open_files=st.integers(200, 2**31),
    apps=st.integers(1, 60),
    workers=st.integers(1, 64),
    most=st.none() | st.integers(1, 100_000),
)
def test_everybody_together_stays_below_the_limit(open_files: int, apps: int, workers: int, most: int | None) -> None:
    found = takes(open_files, apps=apps, workers=workers, max_connections=most)
    waiting = 3 * found.idle * (apps + 2)
    room = open_files - 150
    if room > 3 + 3 * (apps + 2):  # else not even the least fits
        assert 3 * found.connections + waiting <= room
    assert 1 <= found.per_address <= found.connections <= found.asked
    assert found.is_enough == (found.connections == found.asked)


@given(open_files=st.integers(400, 2**31), most=st.none() | st.integers(40, 100_000))
def test_one_address_gets_a_part_of_it(open_files: int, most: int | None) -> None:
    found = takes(open_files, max_connections=most)
    assert found.per_address <= max(8, found.connections // 4) < found.connections


def test_what_would_carry_it_is_told_rightly() -> None:
    told = takes(1024, max_connections=5000).open_files_for_asked
    assert takes(told, max_connections=5000).is_enough


def test_an_explicit_limit_per_address_counts() -> None:
    assert takes(65_536, max_connections_per_address=15_000).per_address == 15_000
    assert takes(1024, max_connections_per_address=15_000).per_address == takes(1024).connections


def settings_with(folder: Path, more: str = "", server: str = "") -> Settings:
    file = written(folder, more=more)
    file.write_text(file.read_text().replace("[server]", f"[server]\n{server}", 1))
    return load_settings(file, {})


def test_more_dependencies_set_more_aside(tmp_path: Path) -> None:
    ldap = """
[[directories]]
name = "corp"
type = "active_directory"
domain = "corp.example"
netbios_name = "CORP"
servers = ["ldaps://dc1.corp.example"]
bind_user = "svc@corp.example"
bind_password = "x"
connections = 40
"""
    plain = settings_with(tmp_path)
    redis = settings_with(tmp_path, '[store]\nurl = "redis://127.0.0.1"\n')
    assert reserve_for(redis) > reserve_for(plain)
    assert reserve_for(settings_with(tmp_path, ldap)) >= reserve_for(plain) + 40


CHECKED = [
    # limit, [server], whether it is enough, what is said
    (65_536, "", True, ["carries 20000 connections of clients, 1024 of one address"]),
    (20_000, "", True, ["For 20000 connections (the default) raise it to ", "LimitNOFILE=", "ulimit -Hn"]),
    (256, "", False, ["the hard limit of 256 carries ", "raise it to "]),
    (4096, "max_connections = 5000", False, ["For server.max_connections = 5000 raise it", "or set server.max_connec"]),
    (4096, "max_connections = 300", True, ["carries 300 connections of clients, 75 of one address"]),
    (65_536, "workers = 4", True, ["carries 5000 connections of clients in each of 4 workers"]),
    (4096, "max_connections_per_address = 9000", True, ["one address can take them all, and shut everybody else out"]),
]


@pytest.mark.parametrize(("limit", "server", "ok", "said"), CHECKED)
def test_check_tells_what_the_limit_carries(tmp_path: Path, limit: int, server: str, ok: bool, said: list[str]) -> None:
    result = open_files_result(settings_with(tmp_path, server=server), hard=limit)
    assert result.ok is ok, result.detail
    assert all(each in result.detail for each in said), result.detail
