"""What the supervisor and its children tell each other: values, and how they are written as one line of JSON.

A child finds its order as its only argument. It holds numbers of inherited descriptors, and never a secret.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

READY, BEAT, PROBLEM = "ready", "beat", "problem"
"""What a worker says: that it accepts connections, once; that its event loop turns; why it cannot start."""
STOP, RETIRE = "stop", "retire"
"""What a worker is told: to drain because Gatepost ends, or because another worker has taken its place."""
NOTE = "note"
"""What one worker is told for the audit, which the supervisor cannot write: an event and its facts, as JSON."""
BEAT_SECONDS = 1.0
SSH = "ssh"
OPENS = (SSH,)
"""See `PlanOrder.opens`."""
WRONG_CONFIGURATION = 2
"""The exit code of a process that a wrong configuration stopped: starting again would not help."""

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOrder:
    """To read and check the configuration."""

    config: str
    control: int
    """Where the plan is written to."""
    settings: int
    """Where the settings are written to: only workers read them."""
    opens: tuple[str, ...] = ()
    """Which sockets the supervisor can open besides those that it always could.

    Empty: it was started before an upgrade in place, and knows of none.
    """
    rehearsal: str | None = None
    """`Outline.rehearsal` of the configuration in force; empty where there is none yet.

    None: the supervisor was started before an upgrade in place, and does not know the field.
    """
    tables: str | None = None
    """`Outline.tables`, likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOrder:
    """To serve."""

    number: int
    control: int
    settings: int
    folder: str
    """Where workers have their health sockets."""
    listen: tuple[int, ...]
    redirect: tuple[int, ...]
    admin: tuple[int, ...]
    clock: tuple[float, float, float] | None = None
    """What is known of the system's clock: the fields of a `steady_clock.Anchor`.

    None: the supervisor was started before an upgrade in place, and knows only the system's clock.
    """
    clock_apart: tuple[float, float] | None = None
    """During a jump of the system's clock: `SteadyClock.apart`."""
    ssh: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What the supervisor needs to know of a configuration."""

    listen: tuple[Address, ...]
    redirect: tuple[Address, ...]
    admin: tuple[Address, ...]
    workers: int
    drain_seconds: float
    ssh: tuple[Address, ...] = ()
    rehearsal: str = ""
    """A digest of this configuration, where the next one comes into force only if it was rehearsed; empty: it need not
    be."""
    tables: str = ""
    """A digest of each table of this configuration (`proxy.audit.lifetime`)."""
    changed: tuple[str, ...] = ()
    """The names of the tables that differ from the configuration in force, other than in secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What became of reading a configuration: an outline, or every problem as a line that names file, table and key."""

    outline: Outline | None = None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """`ValueError` if it is not whole."""
        fields = json.loads(text)
        outline = fields["outline"]
        if outline is not None:
            for key in ("listen", "redirect", "admin", "ssh"):
                outline[key] = tuple((host, port) for host, port in outline.get(key, ()))
            outline = Outline(**outline | {"changed": tuple(outline.get("changed", ()))})
        return cls(outline=outline, problems=tuple(fields["problems"]), warnings=tuple(fields["warnings"]))


def to_json(told: PlanOrder | WorkerOrder | Plan) -> str:
    fields = asdict(told)
    if isinstance(told, Plan) and told.outline is not None:
        for key in ("ssh", "rehearsal", "tables", "changed"):
            if not fields["outline"][key]:
                del fields["outline"][key]  # a supervisor from before an upgrade in place does not know it
    return json.dumps(fields)
