"""`[sessions]`: how long they last, and what has to agree there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from config.frozen_table import FrozenTable
from config.values import Flag, Integer, Seconds


class SessionSettings(FrozenTable):
    idle: Annotated[Seconds, Field(ge=60)] = 1800.0
    absolute: Annotated[Seconds, Field(ge=60)] = 43_200.0
    most_per_person: Annotated[Integer, Field(ge=1)] | None = None
    """With one more the oldest ends; None: as many as they like. A sign-in that is under way does not count."""
    tell_new_browsers: Flag = True
    """Whether people with a mail address are told of a sign-in with a browser that they have not used before."""
    kept_request_bytes: Annotated[Integer, Field(ge=0, le=16 * 1024 * 1024)] = 1024 * 1024
    """How large a form may be that is kept while its sender signs in again; 0: none is."""
    store_grace: Annotated[Seconds, Field(ge=1, le=3600)] = 60.0
    """How long sessions that a worker has seen continue while the store is down.

    At least as long as the end of a session waits to be heard of, because a worker is always a little behind.
    """


def session_problems(sessions: SessionSettings) -> Iterator[tuple[str, str]]:
    """Key and sentence."""
    if sessions.idle > sessions.absolute:
        yield "idle", "must not be longer than absolute"
