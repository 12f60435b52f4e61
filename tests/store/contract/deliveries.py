"""What every store must keep of messages and failed deliveries: `proxy.delivery.delivery_store`."""

from __future__ import annotations

from dataclasses import replace

from config.factors import ChannelKind
from proxy.delivery.channel import DeliveryStatus
from proxy.delivery.delivery_store import MOST_LISTED, FailureReason
from proxy.delivery.delivery_store import MOST_REMEMBERED as MOST_FAILURES
from proxy.delivery.delivery_store import REMEMBERED_SECONDS as FAILURES_KEPT
from proxy.store.contract import Store
from tests.store.contract.values import HOST, LIMITS, cookie, failure
from tests.support.people import NOW, sending, session


class DeliveriesContract:
    async def test_a_message_is_found_by_its_id_and_by_its_challenge(self, store: Store) -> None:
        first = sending("challenge", sent_at=NOW, report_id="kapow_http:7", has_tag=True)
        second = sending("challenge", sent_at=NOW + 30.5, channel="email", kind=ChannelKind.EMAIL)
        await store.deliveries.put_sending(second)
        await store.deliveries.put_sending(first)
        await store.deliveries.put_sending(sending("another"))
        assert await store.deliveries.sendings_of("challenge", now=NOW) == (first, second)
        assert await store.deliveries.sending(second.message_id, now=NOW) == second
        assert await store.deliveries.sending("unheard-of", now=NOW) is None
        assert await store.deliveries.sendings_of("unheard-of", now=NOW) == ()

    async def test_what_becomes_known_of_a_message_replaces_what_was_known(self, store: Store) -> None:
        sent = sending("challenge")
        await store.deliveries.put_sending(sent)
        bounced = replace(sent, status=DeliveryStatus.FAILED, reason="550 5.1.1")
        await store.deliveries.put_sending(bounced)
        assert await store.deliveries.sendings_of("challenge", now=NOW) == (bounced,)
        assert await store.deliveries.sending(sent.message_id, now=NOW) == bounced

    async def test_a_message_outlives_its_session_and_is_forgotten_at_its_instant(self, store: Store) -> None:
        mine = session(is_half=True)
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        sent = sending("challenge")
        await store.deliveries.put_sending(sent)
        await store.sessions.end_session(mine.session_id)
        assert await store.deliveries.sending(sent.message_id, now=sent.expires_at - 0.001) == sent
        assert await store.deliveries.sending(sent.message_id, now=sent.expires_at) is None
        assert await store.deliveries.sendings_of("challenge", now=sent.expires_at) == ()
        assert await store.sessions.remove_expired(now=sent.expires_at, limits=LIMITS) >= 1

    async def test_the_latest_messages_of_everybody_are_listed_and_no_more(self, store: Store) -> None:
        assert await store.deliveries.latest_sendings(now=NOW) == ()
        sent = [sending(f"challenge-{n % 7}", sent_at=NOW + n) for n in range(MOST_LISTED + 2)]
        for each in sent:
            await store.deliveries.put_sending(each)
        entered = replace(sent[-1], entered_at=NOW + 900)
        await store.deliveries.put_sending(entered)
        latest = (entered, *reversed(sent[2:-1]))
        assert await store.deliveries.latest_sendings(now=NOW) == latest
        assert await store.deliveries.latest_sendings(now=sent[-2].expires_at) == (entered,)

    async def test_failures_are_told_from_an_instant_on_the_latest_first(self, store: Store) -> None:
        assert await store.deliveries.failures(since=0.0) == ()
        told = [failure(message_id=str(n), failed_at=NOW + n, reason=reason) for n, reason in enumerate(FailureReason)]
        for each in told:
            await store.deliveries.put_failure(each)
        assert await store.deliveries.failures(since=0.0) == tuple(reversed(told))
        assert await store.deliveries.failures(since=NOW + 2) == tuple(reversed(told[3:]))

    async def test_the_latest_failures_are_kept_for_some_days_and_no_more(self, store: Store) -> None:
        await store.deliveries.put_failure(failure(message_id="old", failed_at=NOW - FAILURES_KEPT))
        for n in range(3):
            await store.deliveries.put_failure(failure(message_id=str(n), failed_at=NOW + n))
        assert [each.message_id for each in await store.deliveries.failures(since=0.0)] == ["2", "1", "0"]
        for n in range(3, MOST_FAILURES + 2):
            await store.deliveries.put_failure(failure(message_id=str(n), failed_at=NOW + n))
        assert len(await store.deliveries.failures(since=0.0)) == MOST_FAILURES
