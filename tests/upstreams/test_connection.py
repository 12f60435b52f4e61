"""What may follow what in the life of a connection to a server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
import structlog

from config.addresses import UpstreamURL
from config.settings import AppSettings
from proxy.upstreams.connection import UpstreamConnection, UpstreamState
from proxy.upstreams.pool import UpstreamPool
from proxy.upstreams.upstream import app_upstream


class Wire(asyncio.Transport):
    """A transport that only notes that it was ended."""

    has_ended = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_closing(self) -> bool:
        return self.has_ended

    def close(self) -> None:
        self.has_ended = True

    abort = close


def pool_of_one() -> UpstreamPool:
    app = AppSettings(name="Wiki", host="wiki.corp.example", upstream=UpstreamURL("http", "127.0.0.1", 1, ""))
    return UpstreamPool(app_upstream(app), log=structlog.get_logger())


def made(pool: UpstreamPool) -> UpstreamConnection:
    connection = UpstreamConnection(pool.servers[0], pool.on_closed)
    pool.servers[0].in_flight += 1
    connection.connection_made(Wire())
    return connection


def test_a_connection_cannot_be_given_back_twice() -> None:
    pool = pool_of_one()
    connection = made(pool)
    pool.give_back(connection, 1.0)
    with pytest.raises(KeyError):
        pool.give_back(connection, 2.0)


@pytest.mark.parametrize("ends", [("close",), ("abort", "connection_lost"), ("connection_lost", "abort", "retire")])
@pytest.mark.parametrize("is_idle", [False, True])
def test_however_often_it_ends_it_is_counted_off_once(ends: Sequence[str], is_idle: bool) -> None:
    pool = pool_of_one()
    connection, other = made(pool), made(pool)
    if is_idle:
        pool.give_back(connection, 1.0)
    for end in ends:
        if end == "connection_lost":
            connection.connection_lost(None)
        else:
            getattr(connection, end)()
    assert (pool.servers[0].in_flight, pool.idle, connection.state) == (1, [], UpstreamState.CLOSED)
    assert other.state is UpstreamState.BUSY


def test_an_idle_connection_that_is_closing_is_passed_over() -> None:
    pool = pool_of_one()
    older, newer = made(pool), made(pool)
    pool.give_back(older, 1.0)
    pool.give_back(newer, 1.0)
    newer.transport.close()
    assert pool.take(is_repeatable=True, now=1.0) is older
    assert newer.state is UpstreamState.CLOSED


def test_a_connection_that_is_ready_after_it_was_given_up_is_ended() -> None:
    pool = pool_of_one()
    connection, wire = UpstreamConnection(pool.servers[0], pool.on_closed), Wire()
    pool.servers[0].in_flight += 1
    connection.retire()
    connection.connection_made(wire)
    assert (wire.has_ended, connection.state, pool.servers[0].in_flight) == (True, UpstreamState.CLOSED, 0)
