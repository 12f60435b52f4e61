"""`[[networks]]`: places where other rules hold, such as the shared computers of a ward."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from config.addresses import Network
from config.frozen_table import FrozenTable, repeated
from config.tables.sessions import SessionSettings
from config.values import Flag, NotEmpty, Seconds, Text


class NetworkSettings(FrozenTable):
    """A place with rules of its own, such as the shared computers of a ward."""

    name: Text
    """A name of your choice; each network has another."""
    addresses: Annotated[tuple[Network, ...], NotEmpty]
    """The addresses of the place."""
    shared: Flag = False
    """Says that several people use the same computers there, one after the other: sessions end soon, no browser is
    remembered, no second factor is added, nothing is filled in. A network must say so."""
    idle: Annotated[Seconds, Field(ge=60)] = 300.0
    """A session that began there ends when it has not been used for this long. Not longer than `sessions.idle`."""


def network_problems(networks: Sequence[NetworkSettings], sessions: SessionSettings) -> Iterator[tuple[int, str, str]]:
    """Position, key and sentence."""
    for position in repeated(getattr(each, "name", None) for each in networks):
        yield position, "name", "another network has this name"
    for position, network in enumerate(networks):
        if not network.shared:
            yield position, "shared", "is missing: without shared = true nothing is different in this network"
        elif network.idle > sessions.idle:
            yield position, "idle", "must not be longer than that of [sessions]"
