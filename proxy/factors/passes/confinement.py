"""What a session is limited to that was begun with a pass."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    pass_id: str
    """Of the pass that was proven: with it ends the session."""
    apps: tuple[str, ...]
    """The names of those that it may open, at least one."""
    ends_at: float
    """Epoch seconds; it is over then, however it is used."""
