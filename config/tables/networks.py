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
    name: Text
    addresses: Annotated[tuple[Network, ...], NotEmpty]
    shared: Flag = False
    """Whether several people use the same computers there, one after the other."""
    idle: Annotated[Seconds, Field(ge=60)] = 300.0
    """After how long without a use a session ends that began there, where it is shared."""


def network_problems(networks: Sequence[NetworkSettings], sessions: SessionSettings) -> Iterator[tuple[int, str, str]]:
    """Position, key and sentence."""
    for position in repeated(getattr(each, "name", None) for each in networks):
        yield position, "name", "another network has this name"
    for position, network in enumerate(networks):
        if not network.shared:
            yield position, "shared", "is missing: without shared = true nothing is different in this network"
        elif network.idle > sessions.idle:
            yield position, "idle", "must not be longer than that of [sessions]"
