"""What a run measured: every sample, and the medians and ratios that the tables show."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.delivery import Passcodes
from benchmarks.machine import machine
from benchmarks.own_costs import Clients, Sessions, SignIns
from benchmarks.scenarios import Sample
from benchmarks.sign_in import Contest
from benchmarks.sizes import Costs
from benchmarks.stage import GATEPOST


@dataclass(slots=True, kw_only=True)
class Results:
    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    """By scenario and proxy, one per round."""
    tunnel_bytes: dict[str, float] = field(default_factory=dict)
    tunnels: int = 0
    sessions: Sessions | None = None
    clients: Clients | None = None
    sign_ins: dict[str, SignIns] = field(default_factory=dict)
    """By directory."""
    contest: Contest | None = None
    passcodes: Passcodes | None = None
    growth: Costs = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def median(self, scenario: str, proxy: str, value: str = "rate") -> float | None:
        values = [getattr(sample, value) for sample in self.samples.get(scenario, {}).get(proxy, [])]
        known = [each for each in values if each is not None]
        return statistics.median(known) if known else None

    def ratio(self, scenario: str, to: str, value: str = "rate") -> float | None:
        ours, theirs = self.median(scenario, GATEPOST, value), self.median(scenario, to, value)
        return ours / theirs if ours is not None and theirs else None

    def beyond(self, scenario: str, other: str, value: str) -> float | None:
        """What Gatepost takes more than this other."""
        ours, theirs = self.median(scenario, GATEPOST, value), self.median(scenario, other, value)
        return ours - theirs if ours is not None and theirs is not None else None

    def as_json(self) -> dict[str, Any]:
        return {
            "machine": machine(),
            "samples": {
                scenario: {proxy: [asdict(sample) for sample in each] for proxy, each in proxies.items()}
                for scenario, proxies in self.samples.items()
            },
            "tunnel_bytes": self.tunnel_bytes,
            "tunnels": self.tunnels,
            "sessions": asdict(self.sessions) if self.sessions is not None else None,
            "clients": asdict(self.clients) if self.clients is not None else None,
            "sign_ins": {name: asdict(each) for name, each in self.sign_ins.items()},
            "contest": asdict(self.contest) if self.contest is not None else None,
            "passcodes": asdict(self.passcodes) if self.passcodes is not None else None,
            "growth": [{**asdict(size), **asdict(cost)} for size, cost in self.growth.items()],
            "notes": self.notes,
        }
