"""Domain controllers of a real domain that are cut off or hang, behind TCP relays: sign-ins go on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from directory.active_directory.active_directory import ActiveDirectory
from directory.directory import PasswordRefused, RefusalReason
from directory.errors import DirectoryUnavailable
from directory.principal import Principal
from tests.directory.contract import found, parsed
from tests.support.samba import PASSWORD, settings_for
from tests.support.samba_dc import SambaDC
from tests.support.tcp_relay import TCPRelay
from tests.support.waiting import until_it_answers


@pytest.fixture
def relays(corp: SambaDC) -> Iterator[tuple[TCPRelay, TCPRelay]]:
    """Two ways to the domain, each an own server to Gatepost; the certificate is for the address."""
    with (
        TCPRelay((corp.address, 636), host=corp.address).running() as first,
        TCPRelay((corp.address, 636), host=corp.address).running() as second,
    ):
        yield first, second


@pytest.fixture
async def directory(corp: SambaDC, relays: tuple[TCPRelay, TCPRelay]) -> AsyncIterator[ActiveDirectory]:
    servers = [f"ldaps://{each.host}:{each.port}" for each in relays]
    directory = ActiveDirectory(settings_for(corp, servers=servers, timeout="3s"))
    assert isinstance(await signed_in(directory), Principal)
    yield directory
    await directory.close()


async def signed_in(directory: ActiveDirectory) -> Principal | PasswordRefused:
    return await directory.authenticate(await found(directory, "bob"), PASSWORD)


async def usual_seconds(directory: ActiveDirectory) -> float:
    started_at = time.monotonic()
    await signed_in(directory)
    return time.monotonic() - started_at


@pytest.mark.parametrize("lost", ["cut", "hang"])
async def test_a_lost_server_costs_a_sign_in_less_than_a_second(
    directory: ActiveDirectory, relays: tuple[TCPRelay, TCPRelay], lost: str
) -> None:
    usual = await usual_seconds(directory)
    for relay in relays[:1]:
        getattr(relay, lost)()
    started_at = time.monotonic()
    assert isinstance(await signed_in(directory), Principal)
    assert time.monotonic() - started_at < usual + 1.0
    # From now on it is known to be gone.
    started_at = time.monotonic()
    assert isinstance(await signed_in(directory), Principal)
    assert time.monotonic() - started_at < usual + 0.4


@pytest.mark.parametrize("lost", ["cut", "hang"])
async def test_a_server_lost_between_the_search_and_the_bind_costs_less_than_a_second(
    directory: ActiveDirectory, relays: tuple[TCPRelay, TCPRelay], lost: str
) -> None:
    account = await found(directory, "bob")
    getattr(relays[0], lost)()
    started_at = time.monotonic()
    assert isinstance(await directory.authenticate(account, PASSWORD), Principal)
    assert time.monotonic() - started_at < 1.5


async def test_a_wrong_password_is_final_with_a_lost_server_too(
    directory: ActiveDirectory, relays: tuple[TCPRelay, TCPRelay]
) -> None:
    relays[0].hang()
    outcome = await directory.authenticate(await found(directory, "bob"), "not that one")
    assert outcome == PasswordRefused(RefusalReason.WRONG_PASSWORD)


@pytest.mark.parametrize("lost", ["cut", "hang"])
async def test_with_all_lost_the_answer_comes_at_once_and_the_directory_comes_back_by_itself(
    directory: ActiveDirectory, relays: tuple[TCPRelay, TCPRelay], lost: str
) -> None:
    account = await found(directory, "bob")
    for relay in relays:
        getattr(relay, lost)()
    with pytest.raises(DirectoryUnavailable):
        await directory.find(parsed("bob"))
    started_at = time.monotonic()
    for attempt in (directory.find(parsed("bob")), directory.authenticate(account, PASSWORD), directory.read("x")):
        with contextlib.suppress(DirectoryUnavailable):
            assert await attempt is None
    assert time.monotonic() - started_at < 0.3
    for relay in relays:
        relay.restore()
    assert await until_it_answers(directory) == account
    assert isinstance(await signed_in(directory), Principal)


async def test_a_server_that_is_back_is_used_again(
    directory: ActiveDirectory, relays: tuple[TCPRelay, TCPRelay]
) -> None:
    relays[0].cut()
    assert isinstance(await signed_in(directory), Principal)
    relays[0].restore()
    relays[1].cut()
    assert await until_it_answers(directory) is not None
    assert isinstance(await signed_in(directory), Principal)


async def test_connections_that_a_firewall_forgot_are_replaced(corp: SambaDC) -> None:
    with TCPRelay((corp.address, 636), host=corp.address).running() as relay:
        directory = ActiveDirectory(settings_for(corp, servers=[f"ldaps://{relay.host}:{relay.port}"]))
        assert isinstance(await signed_in(directory), Principal)
        relay.forget()
        started_at = time.monotonic()
        assert isinstance(await signed_in(directory), Principal)
        assert time.monotonic() - started_at < 1.5
        await directory.close()


async def test_preparing_makes_every_server_known(corp: SambaDC, relays: tuple[TCPRelay, TCPRelay]) -> None:
    directory = ActiveDirectory(settings_for(corp, servers=[f"ldaps://{each.host}:{each.port}" for each in relays]))
    await directory.prepare()
    for relay in relays:
        assert await asyncio.to_thread(relay.was_used.wait, 10)
    await directory.close()
