"""What a session is limited to that is not all of a person's: begun with a pass or a credential, or for one app alone.

Instants are epoch seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from config.settings import HelpDeskSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    apps: tuple[str, ...]
    """The names of those that it may open. None of them: it opens nothing."""
    ends_at: float = math.inf
    """It is over then, however it is used."""
    pass_id: str = ""
    """Of the pass that was proven: with it ends the session. Empty: there was none."""
    is_vouched: bool = False
    """Whether a manager vouched for that pass; otherwise the help desk gave it."""
    credential_id: str = ""
    """Of the app password or service token that began it: with it ends the session."""
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
        is_vouched=further.is_vouched if further.pass_id else older.is_vouched,
    )


def still_counts(confined: Confinement | None, help_desk: HelpDeskSettings) -> bool:
    """Whether a session that is limited like this may go on: not once its kind of pass is switched off. Pure."""
    if confined is None or not confined.pass_id:
        return True
    return help_desk.vouching if confined.is_vouched else help_desk.passes
