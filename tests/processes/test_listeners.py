"""Listening sockets over one configuration after the other: kept where they stay, opened and closed as a whole."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from proxy.supervisor.listening_sockets import CannotOpen, ListeningSockets
from proxy.supervisor.orders import Address, Outline

ANY = ("127.0.0.1", 0)


def outline(*listen: Address, redirect: tuple[Address, ...] = (), admin: tuple[Address, ...] = ()) -> Outline:
    return Outline(listen=listen, redirect=redirect, admin=admin, workers=1, drain_seconds=1.0)


@pytest.fixture
def listeners() -> Iterator[ListeningSockets]:
    made = ListeningSockets()
    yield made
    made.close()


def test_what_stays_is_the_same_socket(listeners: ListeningSockets) -> None:
    first = listeners.open(outline(ANY, ANY, admin=(ANY,)))
    assert len({each.getsockname() for each in (*first.listen, *first.admin)}) == 3
    second = listeners.open(outline(ANY, redirect=(ANY,)))
    assert second.listen == first.listen[:1]
    listeners.keep(outline(ANY, redirect=(ANY,)))
    assert first.listen[0].fileno() >= 0
    assert [each.fileno() for each in (first.listen[1], *first.admin)] == [-1, -1]


def test_one_address_that_is_taken_opens_none_and_all_are_named(listeners: ListeningSockets) -> None:
    with socket.create_server(ANY) as taken, socket.create_server(ANY) as also:
        before = listeners.open(outline(ANY))
        with pytest.raises(CannotOpen) as caught:
            listeners.open(outline(ANY, taken.getsockname(), redirect=(ANY,), admin=(also.getsockname(),)))
        assert [problem.partition(":")[0] for problem in caught.value.problems] == [
            "server.listen",
            "server.admin_listen",
        ]
        assert listeners.open(outline(ANY)) == before


def test_sockets_of_systemd_take_the_place_of_addresses() -> None:
    with socket.create_server(ANY) as public, socket.create_server(ANY) as admin:
        listeners = ListeningSockets({"gatepost.socket": [public], "admin": [admin]})
        listening = listeners.open(outline(("192.0.2.1", 80), redirect=(ANY,), admin=(("192.0.2.1", 81),)))
        assert (listening.listen, listening.admin) == ((public,), (admin,))
        assert len(listening.redirect) == 1
        listeners.close()
        assert public.fileno() >= 0


def test_a_jump_host_that_is_added_listens_besides_what_is_there(listeners: ListeningSockets) -> None:
    first = listeners.open(outline(ANY))
    second = listeners.open(replace(outline(ANY), ssh=(ANY,)))
    assert second.listen == first.listen
    assert len(second.ssh) == 1
    assert second.ports == {each.getsockname()[1] for each in (*second.listen, *second.ssh)}
    with socket.create_server(ANY) as taken, pytest.raises(CannotOpen, match=r"^ssh\.listen: cannot listen"):
        listeners.open(replace(outline(ANY), ssh=(ANY, taken.getsockname())))
    listeners.keep(outline(ANY))
    assert second.ssh[0].fileno() == -1
