"""What the audit keeps of one thing that happened. Values; nothing is written here.

Names of events are those of the log (`docs/events.md`), and mean the same there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedPerson:
    """Somebody whom a directory knows."""

    realm: str
    guid: str
    """The account's objectGUID: the key under which their personal fields are sealed goes by it."""
    name: str = field(default="", repr=False)
    """Their login name, where it is at hand; empty: it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One thing that happened. No passcode, password, session id, token or full number, in any field."""

    event: str
    """Such as ``sign_in.succeeded``."""
    actor: AuditedPerson | None = None
    """Who did it, with what they sent it from. None: nobody whom a directory knows, a command, or Gatepost itself."""
    person: AuditedPerson | None = None
    """To whom it was done, where that is somebody else than the actor."""
    address: str = field(default="", repr=False)
    """Of the actor's client. Sealed, under the actor's key, or that of nobody."""
    incident: str = ""
    way: str = ""
    """The way in, as in `proxy.sessions.way.Way`; empty: by none, or by a browser."""
    facts: Mapping[str, str | int] = field(default_factory=dict)
    """What is in the clear: outcomes, reasons, names that the configuration holds, counts. Nothing personal."""
    personal: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What else is personal, such as a masked destination. Sealed with the one it is about: the person, if there is
    one, else the actor, else nobody."""
