"""The shared store: one Redis or Valkey server (6.2 or newer), or the one that sentinels name, for all nodes.

All keys of an installation carry one hash tag, so in a cluster they are all in one slot, and every step is atomic on
any server. "Durable" means as durable as the server writes (``appendonly``, ``appendfsync``). If the settings ask for
it, it also means on the server's disk, or on so many replicas, before it is acknowledged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from config.settings import StoreSettings
from proxy.sessions.session_store import WatchedSessions
from proxy.store.history import Report
from proxy.store.redis.canaries import RedisCanaries
from proxy.store.redis.challenges import RedisChallenges
from proxy.store.redis.connections import RedisConnections, RedisLimits
from proxy.store.redis.counters import RedisCounters
from proxy.store.redis.credentials import RedisCredentials
from proxy.store.redis.decisions import RedisDecisions
from proxy.store.redis.enrolments import RedisEnrolments
from proxy.store.redis.kept_records import RedisKeptRecords
from proxy.store.redis.listening import RedisListening
from proxy.store.redis.operator_notices import RedisOperatorNotices
from proxy.store.redis.passes import RedisPasses
from proxy.store.redis.person_keys import RedisPersonKeys
from proxy.store.redis.remarks import remarks
from proxy.store.redis.remembered import RedisRememberedBrowsers
from proxy.store.redis.reported import RedisReportedNumbers, RedisReportedSignIns
from proxy.store.redis.rungs import RedisRungs
from proxy.store.redis.sessions import RedisSessions


class RedisStore:
    """A `Store` on a Redis server. It connects at the first call, so that Gatepost starts even if the server is
    down."""

    def __init__(
        self,
        settings: StoreSettings,
        *,
        clock: Callable[[], float] = time.time,
        report: Report = lambda event, **_: None,
        limits: RedisLimits | None = None,
    ) -> None:
        """`clock` says when sessions end, for `former_owner`. Raises `ValueError` if the URL is none of Redis."""
        self._settings = settings
        self._clock = clock
        self.connections = connections = RedisConnections(settings, clock=clock, limits=limits)
        self.listening = RedisListening(connections, clock=clock, report=report)
        self.challenges = RedisChallenges(connections)
        self.enrolments = RedisEnrolments(connections)
        self.counters = RedisCounters(connections)
        self.reported = RedisReportedSignIns(connections)
        self.reported_numbers = self.sweeps = RedisReportedNumbers(connections)
        self.browsers = RedisRememberedBrowsers(connections)
        self.passes = RedisPasses(connections)
        self.credentials = RedisCredentials(connections)
        self.operator_notices = RedisOperatorNotices(connections)
        self.person_keys = RedisPersonKeys(connections)
        self.canaries = RedisCanaries(connections)
        self.decisions = RedisDecisions(connections)
        self.rungs = RedisRungs(connections)
        kept = RedisKeptRecords(connections, self.counters)
        self.tickets = self.kept_requests = self.numbers = self.arrivals = self.deliveries = self.leases = kept
        self.network_accesses = kept
        self.sessions: WatchedSessions = RedisSessions(connections, self.listening, clock=clock)

    async def ping(self) -> None:
        ping = ("SET", self.connections.prefix + b"ping", "", "PX", 1000)
        await self.connections.command(*ping, durable=True)
        await self.listening.catch_up()

    def waiting(self) -> Mapping[str, int]:
        """How many commands wait for a connection."""
        return {"connections": self.connections.waiting}

    async def remarks(self) -> tuple[str, ...]:
        return await remarks(self.connections, self._settings, now=self._clock())

    async def close(self) -> None:
        await self.listening.close()
        await self.connections.close()
