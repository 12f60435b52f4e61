"""Which servers of apps, directories and relays answer, by what the workers of a node tell in `/metrics`. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

_SERVER, _FAILURES = "gatepost_upstream_server_up", "gatepost_upstream_failures_total"
_DIRECTORY, _RELAY = "gatepost_directory_server_up", "gatepost_relay_up"
_WANTED = (_SERVER, _FAILURES, _DIRECTORY, _RELAY)


@dataclass(frozen=True, slots=True)
class Up:
    """Of so many workers that tell of a server, how many give it work."""

    up: int
    told: int

    @property
    def is_up(self) -> bool:
        """For all of them."""
        return self.up == self.told


@dataclass(frozen=True, slots=True, kw_only=True)
class DependenciesSeen:
    servers: Mapping[tuple[str, str], Up]
    """By app and server, of the apps that have several: one alone is never left out."""
    failures: Mapping[str, int]
    """By app, of all workers since they began."""
    directories: Mapping[tuple[str, str], Up]
    """By realm and server."""
    relays: Mapping[str, Up]
    """By the ``host:port`` of a relay or the name of a channel."""
    silent: tuple[int, ...] = field(default=())
    """The numbers of workers that did not answer."""


def seen_in(told: Mapping[int, str | None]) -> DependenciesSeen:
    """`told`: what each worker answered to `/metrics`, by its number; None: nothing."""
    values: dict[str, dict[tuple[str, ...], list[float]]] = {name: defaultdict(list) for name in _WANTED}
    for text in told.values():
        for sample in _samples(text or ""):
            labels = sample.labels
            key = tuple(labels[each] for each in ("app", "realm", "relay", "server") if each in labels)
            values[sample.name][key].append(sample.value)
    ups = {name: {key: Up(int(sum(each)), len(each)) for key, each in values[name].items()} for name in _WANTED}
    return DependenciesSeen(
        servers={(app, server): up for (app, server), up in ups[_SERVER].items()},
        failures={app: int(sum(each)) for (app,), each in values[_FAILURES].items()},
        directories={(realm, server): up for (realm, server), up in ups[_DIRECTORY].items()},
        relays={relay: up for (relay,), up in ups[_RELAY].items()},
        silent=tuple(number for number, text in told.items() if text is None),
    )


def _samples(text: str) -> Iterator[Sample]:
    """Of what is asked for here, and nothing else is parsed."""
    lines: Iterable[str] = (line for line in text.splitlines() if line.startswith(_WANTED))
    for family in text_string_to_metric_families("\n".join([*lines, ""])):
        yield from family.samples
