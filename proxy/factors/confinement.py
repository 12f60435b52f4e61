"""What a session is limited to that is not all of a person's: begun with a pass or a credential, or for one app alone.

Instants are epoch seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    apps: tuple[str, ...]
    """The names of those that it may open. None of them: it opens nothing."""
    ends_at: float = math.inf
    """It is over then, however it is used."""
    pass_id: str = ""
    """Of the pass that was proven: with it ends the session. Empty: there was none."""
    credential_id: str = ""
    """The same, of the app password or service token."""
    methods: tuple[str, ...] | None = None
    """Which requests it is good for; None: all."""
    networks: tuple[str, ...] | None = None
    """From where, as addresses or in CIDR notation; None: from everywhere."""


def narrowed(older: Confinement | None, further: Confinement | None) -> Confinement | None:
    """What is open under both. Methods and networks come with a credential alone, and its session proves no more."""
    if older is None or further is None:
        return older or further
    return replace(
        older,
        apps=tuple(app for app in older.apps if app in further.apps),
        ends_at=min(older.ends_at, further.ends_at),
        pass_id=further.pass_id or older.pass_id,
    )
