"""What systemd is told and what it gives: over a real datagram socket and with real descriptors."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxy.supervisor.systemd import SystemdNotifier, activated_sockets, watchdog_seconds
from tests.processes.house import workers_house
from tests.processes.test_reload import NO_UPSTREAM, status


@contextmanager
def service_manager(name: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(30)
        listener.bind(name)
        yield listener


def told(listener: socket.socket, *, until: str) -> list[dict[str, str]]:
    """All messages up to the first that holds this assignment."""
    messages = []
    while True:
        lines = listener.recv(4096).decode().splitlines()
        messages.append(dict(line.split("=", 1) for line in lines))
        if until in lines:
            return messages


def test_systemd_hears_how_it_stands(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    environ = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "300000"}
    with service_manager(path) as listener, workers_house(tmp_path, workers=1, environ=environ) as house:
        first = told(listener, until="READY=1")
        assert first[-1]["STATUS"] == "1 worker serves"
        told(listener, until="WATCHDOG=1")
        house.config.write_text("wrong")
        house.hang_up()
        reload = told(listener, until="RELOADING=1")[-1]
        assert int(reload["MONOTONIC_USEC"]) > 0
        again = told(listener, until="READY=1")[-1]
        assert "the configuration before the last reload is in force" in again["STATUS"]
        assert house.process.stop() == 0
        told(listener, until="STOPPING=1")


def test_sockets_of_systemd_are_used_and_survive(tmp_path: Path) -> None:
    """They come as descriptors 3 and 4, named; the process that they are for is named by its id."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as admin:
        sockets = {"gatepost.socket": listener.fileno(), "admin": admin.fileno()}
        with workers_house(tmp_path, workers=1, sockets=sockets) as house:
            assert house.address == listener.getsockname()
            assert house.admin == admin.getsockname()
            assert status(house.address, "wiki.localhost") == NO_UPSTREAM
        socket.create_connection(listener.getsockname(), 5).close()  # waits for who is started next


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_this_process_own(environ: dict[str, str], seconds: float | None) -> None:
    assert watchdog_seconds(environ, 7) == seconds


@pytest.mark.parametrize("environ", [{}, {"LISTEN_FDS": "1"}, {"LISTEN_FDS": "1", "LISTEN_PID": "8"}])
def test_descriptors_for_another_process_are_left_alone(environ: dict[str, str]) -> None:
    assert activated_sockets(environ, 7) == {}


def test_abstract_names_and_silence_are_both_fine() -> None:
    name = f"gatepost-test-{os.getpid()}"
    with service_manager("\0" + name) as listener:
        SystemdNotifier("@" + name).is_alive()
        assert listener.recv(100) == b"WATCHDOG=1"
    SystemdNotifier("@" + name).is_alive()
    SystemdNotifier(None).is_alive()


def test_the_supervisor_stays_small() -> None:
    """It holds no settings, so it needs nothing that reads them; every import would be there for as long as it runs."""
    heavy = ("pydantic", "aiohttp", "ldap3", "cryptography", "jinja2", "config.settings", "directory", "phonenumbers")
    assert loaded_of(heavy, "proxy.commands.run") == "[]"


def test_a_worker_loads_ldap_only_where_it_serves_a_domain() -> None:
    assert loaded_of(("ldap3", "dns", "segno"), "proxy.server") == "[]"


def test_a_configuration_is_read_without_what_only_workers_need() -> None:
    """Every start and every reload waits for it."""
    heavy = ("aiohttp", "aiosmtplib", "jinja2", "ldap3", "proxy.sessions", "proxy.sign_in", "proxy.store", "structlog")
    assert loaded_of(heavy, "proxy.commands.plan") == "[]"


def loaded_of(modules: tuple[str, ...], imported: str) -> str:
    """Which of these come with one that is imported."""
    code = f"import sys, {imported}; print([each for each in {modules} if each in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return found.stdout.strip()
