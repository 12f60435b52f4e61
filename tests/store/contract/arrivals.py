"""What every store must keep of how long passcodes take: `proxy.factors.passcode.arrival_times`."""

from __future__ import annotations

from proxy.factors.passcode.arrival_times import KEPT_SECONDS as ARRIVALS_KEPT
from proxy.factors.passcode.arrival_times import MOST_KEPT as MOST_ARRIVALS
from proxy.factors.passcode.arrival_times import PasscodeArrival
from proxy.store.contract import Store
from tests.store.contract.values import LIMITS
from tests.support.people import NOW


class ArrivalsContract:
    async def test_how_long_messages_took_is_remembered_of_each_channel_the_latest(self, store: Store) -> None:
        took = [PasscodeArrival(NOW + n, n + 0.1) for n in range(MOST_ARRIVALS + 2)]
        for each in took:
            await store.arrivals.put_arrival("kapow", each)
        await store.arrivals.put_arrival("email", took[0])
        await store.arrivals.put_arrival("email", took[0])
        assert set(await store.arrivals.arrivals("kapow")) == set(took[2:])
        assert await store.arrivals.arrivals("email") == (took[0], took[0])
        assert await store.arrivals.arrivals("unheard-of") == ()

    async def test_how_long_messages_took_is_forgotten_of_a_channel_that_is_not_used_any_more(
        self, store: Store
    ) -> None:
        for channel, at in (("kapow", NOW), ("email", NOW), ("email", NOW + 1)):
            await store.arrivals.put_arrival(channel, PasscodeArrival(at, 7.0))
        await store.sessions.remove_expired(now=NOW + ARRIVALS_KEPT, limits=LIMITS)
        assert await store.arrivals.arrivals("kapow") == ()
        assert len(await store.arrivals.arrivals("email")) == 2
        await store.sessions.remove_expired(now=NOW + 1 + ARRIVALS_KEPT, limits=LIMITS)
        assert await store.arrivals.arrivals("email") == ()
