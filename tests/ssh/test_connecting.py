"""Names are resolved as the system does it, and what is this machine's own is told from what is not."""

from __future__ import annotations

import asyncio
import socket
import threading
from ipaddress import ip_address

import pytest

from config.tables.ssh import SSHTargetSettings
from proxy.ssh.connecting import Connector, Unreachable, look_up_host
from proxy.ssh.targets import Destination, create_targets


def own_address() -> str:
    """The one that this machine would speak to others from, or a loopback one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def test_what_is_this_machines_own_is_known() -> None:
    own = ip_address(own_address())
    assert look_up_host(str(own), 22) == ([own], {own})
    elsewhere = ip_address("192.0.2.1")
    assert look_up_host(str(elsewhere), 22) == ([elsewhere], set())


def test_a_name_stands_for_each_address_once() -> None:
    addresses, _ = look_up_host("localhost", 22)
    assert len(addresses) == len(set(addresses)) > 0
    assert all(address.is_loopback for address in addresses)


@pytest.mark.parametrize("error", [socket.gaierror("no such name"), UnicodeError("label too long")])
async def test_a_name_that_cannot_be_resolved_is_told(error: Exception) -> None:
    def look_up(host: str, port: int) -> tuple[list[object], set[object]]:
        raise error

    connector = Connector((), look_up=look_up)  # type: ignore[arg-type]
    targets = create_targets([SSHTargetSettings.model_validate({"host": "*.corp.example"})])
    with pytest.raises(Unreachable) as refused:
        await connector.connect(targets, Destination(host="a.corp.example", port=22), asyncio.Protocol)
    assert refused.value.told == "There is no such host"
    connector.close()


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    targets = create_targets([SSHTargetSettings.model_validate({"host": "localhost", "ports": (port,)})])
    both = [ip_address("127.0.0.9"), ip_address("127.0.0.1")]
    connector = Connector((), look_up=lambda host, port: (both, set()))
    connected = await connector.connect(targets, Destination(host="localhost", port=port), asyncio.Protocol)
    assert connected == "127.0.0.1"
    connector.close()
    server.close()


async def test_no_further_address_is_tried_once_nobody_wants_it() -> None:
    tried: list[str] = []
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    targets = create_targets([SSHTargetSettings.model_validate({"host": "localhost", "ports": (port,)})])
    many = [ip_address("127.0.0.9"), ip_address("127.0.0.1")]
    connector = Connector((), look_up=lambda host, port: (many, set()))

    def is_wanted() -> bool:
        tried.append("one more")
        return len(tried) == 1

    with pytest.raises(Unreachable, match="ended while"):
        await connector.connect(
            targets, Destination(host="localhost", port=port), asyncio.Protocol, is_wanted=is_wanted
        )
    connector.close()
    server.close()


async def test_look_ups_that_hang_are_few() -> None:
    """They take threads of their own, however many channels ask."""
    let_go, at_once = threading.Event(), []

    def look_up(host: str, port: int) -> tuple[list[object], set[object]]:
        at_once.append(host)
        let_go.wait(10)
        return [], set()

    connector = Connector((), look_up=look_up)  # type: ignore[arg-type]
    targets = create_targets([SSHTargetSettings.model_validate({"host": "*.corp.example"})])
    asking = [
        asyncio.create_task(
            connector.connect(targets, Destination(host=f"{each}.corp.example", port=22), asyncio.Protocol)
        )
        for each in range(50)
    ]
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(at_once) <= 4
    let_go.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(each, Unreachable) for each in found)
    connector.close()
