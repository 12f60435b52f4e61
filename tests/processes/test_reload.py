"""SIGHUP: the next configuration as a whole, or the one before as it was."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes.house import ALICE, AUDIT, WorkersHouse, children_of, workers_house
from tests.support.eventually import eventually_told
from tests.support.gatepost import free_port, gatepost_here

UNKNOWN_HOST, NO_UPSTREAM = 421, 502


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkersHouse]:
    with workers_house(tmp_path_factory.mktemp("reload"), workers=1, more=AUDIT) as running:
        yield running


def status(address: tuple[str, int], host: str) -> int:
    connection = http.client.HTTPConnection(*address, timeout=10)
    try:
        connection.request("GET", "/", headers={"Host": host})
        return connection.getresponse().status
    finally:
        connection.close()


def page(address: tuple[str, int], path: str) -> str:
    connection = http.client.HTTPConnection(*address, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": "signin.localhost"})
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def sign_in_page(house: WorkersHouse) -> str:
    return page(house.address, "/.gatepost/sign-in")


def until_all(house: WorkersHouse, is_so: Callable[[str], bool]) -> None:
    """Sixteen times in a row, whichever worker is asked."""

    async def all_are() -> bool:
        return all(is_so(sign_in_page(house)) for _ in range(16))

    asyncio.run(eventually_told(all_are))


def refused_problems(house: WorkersHouse) -> list[str]:
    house.hang_up()
    problems: list[str] = house.wait_for("server.reload_refused")["problems"]
    assert all(str(house.config.parent) in problem for problem in problems)
    return problems


def test_a_wrong_file_changes_nothing_and_every_problem_is_told(house: WorkersHouse) -> None:
    house.write(server="max_head_bytes = 1", more='[[apps]]\nname = "Wiki"', host="docs.localhost")
    problems = refused_problems(house)
    for words in ("max_head_bytes", 'apps[1] ("Wiki"): host: is missing'):
        assert any(words in problem for problem in problems), problems
    assert status(house.address, "wiki.localhost") == NO_UPSTREAM
    assert status(house.address, "docs.localhost") == UNKNOWN_HOST


def until_recorded(house: WorkersHouse, event: str) -> list[dict[str, Any]]:
    """All that is in the audit, once that is."""

    def recorded() -> list[dict[str, Any]]:
        return [line for lines in house.audited() for line in lines]

    async def is_there() -> bool:
        return event in [each["event"] for each in await asyncio.to_thread(recorded)]

    asyncio.run(eventually_told(is_there))
    return recorded()


def test_starts_and_what_was_refused_are_in_the_audit(house: WorkersHouse) -> None:
    house.write(server="max_head_bytes = 1")
    refused_problems(house)
    recorded = [each["event"] for each in until_recorded(house, "server.reload_refused")]
    told = [each for each in recorded if each != "audit.anchor"]
    assert told[:4] == ["configuration.loaded", "worker.ready", "server.started", "server.reload_refused"]


def test_what_the_file_names_must_be_usable_too(house: WorkersHouse) -> None:
    users = house.config.parent / "users.toml"
    users.write_text("[[users]]\n")
    house.write(host="docs.localhost", more=f'[sms]\ntext = "{{passcode}} {"x" * 200}"')
    problems = refused_problems(house)
    users.write_text(ALICE)
    assert any("users.toml" in problem for problem in problems), problems
    assert any("sms: text" in problem for problem in problems), problems
    assert status(house.address, "docs.localhost") == UNKNOWN_HOST


def test_addresses_that_are_taken_change_nothing(house: WorkersHouse) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        house.write(listen=f', "{address}"', host="docs.localhost")
        (problem,) = refused_problems(house)
    assert f"server.listen: cannot listen on {address}" in problem
    assert status(house.address, "docs.localhost") == UNKNOWN_HOST


def test_a_worker_that_starts_again_has_the_configuration_in_force(house: WorkersHouse) -> None:
    house.config.write_text("not TOML at all")
    os.kill(house.workers[-1], signal.SIGKILL)
    house.workers.append(house.wait_for("worker.ready")["process"])
    assert status(house.address, "wiki.localhost") == NO_UPSTREAM


def test_a_right_file_is_in_force_once_its_workers_serve(house: WorkersHouse) -> None:
    house.config.with_name("logo.png").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    house.write(workers=2, host="docs.localhost", more=f'{AUDIT}[pages]\nname = "Corp"\nlogo_file = "logo.png"')
    house.hang_up()
    assert house.wait_for("server.reloaded")["changed"] == ["apps", "pages", "server"]
    assert house.wait_for("worker.left")["process"] == house.workers[-1]
    assert status(house.address, "docs.localhost") == NO_UPSTREAM
    assert status(house.address, "wiki.localhost") == UNKNOWN_HOST
    assert len(os.listdir(_folder(house))) == 4, "two sockets for each of two workers, none of those that left"
    told = [each for each in until_recorded(house, "server.reloaded") if each["event"] == "server.reloaded"]
    assert [each["facts"] for each in told] == [{"changed": "apps, pages, server"}]


def test_the_pages_look_as_the_new_file_says(house: WorkersHouse) -> None:
    found = re.search(r'<img src="([^"]+/logo\.svg)"', sign_in_page(house))
    assert found is not None
    assert page(house.address, found[1]) == house.config.with_name("logo.png").read_text()


def test_a_notice_is_on_the_pages_of_all_workers_without_a_reload(house: WorkersHouse) -> None:
    assert gatepost_here("notice", "SMS are slow", "--config", str(house.config)).returncode == 0
    until_all(house, lambda text: "SMS are slow" in text)
    assert gatepost_here("notice", "--clear", "--config", str(house.config)).returncode == 0
    until_all(house, lambda text: "SMS are slow" not in text)


def test_addresses_workers_and_store_may_all_be_others(house: WorkersHouse) -> None:
    before, port = children_of(house.process.pid), free_port()
    house.write(
        port=port, workers=1 if len(before) == 2 else 2, host="store.localhost", more='[store]\nurl = "sqlite:other.db"'
    )
    house.hang_up()
    house.wait_for("server.reloaded")
    assert status(("127.0.0.1", port), "store.localhost") == NO_UPSTREAM
    assert house.config.with_name("other.db").exists()
    assert {house.wait_for("worker.left")["process"] for _ in before} == before
    with pytest.raises(ConnectionRefusedError):
        status(house.address, "store.localhost")


def _folder(house: WorkersHouse) -> Path:
    """Where the workers have their sockets: what the supervisor told them."""
    worker = Path(f"/proc/{house.process.pid}/task/{house.process.pid}/children").read_text().split()[0]
    order = Path(f"/proc/{worker}/cmdline").read_bytes().split(b"\0")[-2].decode()
    return Path(order.partition('"folder": "')[2].partition('"')[0])
