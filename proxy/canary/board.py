"""What each worker knows of the canaries: for `/readyz`, the metrics and the pages, none of which asks the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from config.factors import ChannelKind
from proxy.canary.canary_message import CanaryRecord, CanaryState, CanaryStore
from proxy.canary.judging import CanaryJudgement, judge
from proxy.canary.recipients import Canary
from proxy.operations.health import Check, Need
from proxy.operations.store_errors import StoreError

LOOK_SECONDS = 2.0


class CanaryBoard(Collector):
    """Without the store it stands by what it knew. It is `proxy.portal.delays.Delays` too."""

    def __init__(
        self,
        canaries: Sequence[Canary],
        *,
        store: CanaryStore,
        orders: Callable[[], Sequence[Mapping[str, ChannelKind]]],
        clock: Callable[[], float],
    ) -> None:
        """`orders`: for each factor that people are asked for, the channels that it goes by now, and what they send."""
        self._canaries = {each.name: each for each in canaries}
        self._store = store
        self._orders = orders
        self._clock = clock
        self._since = clock()
        self._known: dict[str, CanaryRecord] = {}

    async def keep_up(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        try:
            self._known = {name: await self._store.canary(name) for name in self._canaries}
        except StoreError:
            return  # others tell of that

    def judgement(self, name: str, now: float) -> CanaryJudgement:
        record = self._known.get(name) or CanaryRecord(name=name)
        return judge(record, self._canaries[name].timing, watched_since=self._since, now=now)

    @property
    def checks(self) -> dict[str, Check]:
        """One for each canary, for `/readyz`."""
        return {f"canary {name}": Check(need=Need.HELPFUL, ask=partial(self._trouble, name)) for name in self._canaries}

    async def _trouble(self, name: str) -> str | None:
        await self.look()  # so that a check is never older than it says
        found = self.judgement(name, self._clock())
        return None if found.state.is_well else f"{self._canaries[name].channel}: {found.sentence}"

    def is_delayed(self, channel: str, now: float) -> bool:
        """Whether none of the channel's canaries arrives as it should."""
        states = self._states(channel, now)
        return bool(states) and all(state.delays_people for state in states)

    def delayed_kinds(self, now: float) -> Collection[ChannelKind]:
        """What people would wait for who are sent a code now."""
        return {kind for order in self._orders() if (kind := self._delayed_in(order, now)) is not None}

    def _delayed_in(self, order: Mapping[str, ChannelKind], now: float) -> ChannelKind | None:
        """What a channel that takes none is to send, the next one does. One that takes them keeps them."""
        for channel, kind in order.items():
            if not self.is_delayed(channel, now):
                return None
            if any(state is not CanaryState.NOT_TAKEN for state in self._states(channel, now)):
                return kind
        return next(iter(order.values()), None)

    def _states(self, channel: str, now: float) -> list[CanaryState]:
        return [self.judgement(name, now).state for name, each in self._canaries.items() if each.channel == channel]

    def collect(self) -> Iterator[Metric]:
        """As metrics. What is not known has no sample."""
        up = GaugeMetricFamily("gatepost_canary_up", "1 where a canary arrives as it should", labels=("canary",))
        seconds = GaugeMetricFamily(
            "gatepost_canary_arrival_seconds", "How long the latest canary that arrived took", labels=("canary",)
        )
        at = GaugeMetricFamily(
            "gatepost_canary_last_arrival_timestamp_seconds", "When a canary arrived last", labels=("canary",)
        )
        now = self._clock()
        for name in self._canaries:
            state, record = self.judgement(name, now).state, self._known.get(name)
            if state is not CanaryState.UNKNOWN:
                up.add_metric((name,), state.is_well)
            if record is not None and record.arrival_seconds is not None and record.last_arrival_at is not None:
                seconds.add_metric((name,), record.arrival_seconds)
                at.add_metric((name,), record.last_arrival_at)
        yield from (up, seconds, at)
