"""What became of messages, in Redis: each by its id, and failed deliveries as one sorted set by instant."""

from __future__ import annotations

from proxy.delivery.failures import MOST_REMEMBERED, REMEMBERED_SECONDS, DeliveryFailure
from proxy.delivery.sending import Sending
from proxy.store.records import failure_to_json, readable_failure, readable_sending, sending_to_json
from proxy.store.redis.connections import NET_SECONDS, RedisConnections
from proxy.store.redis.record_texts import instant
from proxy.store.redis.scripts import CHALLENGES, KEEPING

_NET_MILLISECONDS = int((REMEMBERED_SECONDS + NET_SECONDS) * 1000)


class RedisDeliveries:
    """`DeliveryStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def put_sending(self, sending: Sending) -> None:
        arguments = (
            sending.message_id,
            sending.challenge_id,
            instant(sending.expires_at),
            sending_to_json(sending),
            self._connections.ttl(sending.expires_at),
        )
        await self._connections.run(CHALLENGES, "put_sending", *arguments, is_repeatable=True)

    async def sending(self, message_id: str, *, now: float) -> Sending | None:
        record = await self._connections.run(CHALLENGES, "sending", message_id, instant(now), is_repeatable=True)
        return None if record is None else readable_sending(record.decode())

    async def sendings_of(self, challenge_id: str, *, now: float) -> tuple[Sending, ...]:
        arguments = (challenge_id, instant(now))
        records = await self._connections.run(CHALLENGES, "sendings_of", *arguments, is_repeatable=True)
        found = (readable_sending(record.decode()) for record in records)
        return tuple(sorted((each for each in found if each is not None), key=lambda each: each.sent_at))

    async def put_failure(self, failure: DeliveryFailure) -> None:
        over = instant(failure.failed_at - REMEMBERED_SECONDS)
        arguments = (instant(failure.failed_at), over, failure_to_json(failure), MOST_REMEMBERED, _NET_MILLISECONDS)
        await self._connections.run(KEEPING, "put_failure", *arguments, durable=True, is_repeatable=True)

    async def failures(self, *, since: float) -> tuple[DeliveryFailure, ...]:
        command = ("ZREVRANGEBYSCORE", self._connections.prefix + b"failures", "+inf", f"({instant(since)}")
        records = await self._connections.command(*command, is_repeatable=True)
        found = (readable_failure(record.decode()) for record in records)
        return tuple(each for each in found if each is not None)
