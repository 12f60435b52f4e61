"""`[sessions]`: how long they last, and what has to agree there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from config.frozen_table import FrozenTable
from config.values import Flag, Integer, Seconds


class SessionSettings(FrozenTable):
    """How long sessions last."""

    idle: Annotated[Seconds, Field(ge=60)] = 1800.0
    """A session ends when it has not been used for this long. Not longer than `absolute`."""
    absolute: Annotated[Seconds, Field(ge=60)] = 43_200.0
    """A session ends this long after the sign-in, in any case."""
    most_per_person: Annotated[Integer, Field(ge=1)] | None = None
    """How many sessions one person may have. With one more the oldest ends, and its WebSockets too. Not set: any
    number. A sign-in that is under way does not count."""
    tell_new_browsers: Flag = True
    """Whether people are told by mail of a sign-in with a browser that they have not used before."""
    kept_request_bytes: Annotated[Integer, Field(ge=0, le=16 * 1024 * 1024)] = 1024 * 1024
    """The largest form, in bytes, that is kept while its sender signs in again. 0: none is kept."""
    store_grace: Annotated[Seconds, Field(ge=1, le=3600)] = 60.0
    """How long sessions that a worker has seen continue while the store is down. Nobody can sign in in that time. At
    least as long as the end of a session waits to be heard of, because a worker is always a little behind."""


def session_problems(sessions: SessionSettings) -> Iterator[tuple[str, str]]:
    """Key and sentence."""
    if sessions.idle > sessions.absolute:
        yield "idle", "must not be longer than absolute"
