"""What every store must keep of canaries: `proxy.canary.canary_message`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from proxy.canary.canary_message import CanaryMessage, CanaryRecord, CanaryState, Flaw, change
from proxy.delivery.channel import Outcome
from proxy.store.contract import Store
from tests.support.people import NOW

MESSAGE = CanaryMessage(
    message_id="canary-1",
    code="493817",
    text="493817 ist dein Code für „Wiki“.\n\n@signin.corp.example #493817",
    sent_at=NOW,
    outcome=Outcome.ACCEPTED,
    reason="späte Antwort",
    arrived_at=NOW + 2.5,
    flaws=(Flaw.CHARACTERS, Flaw.NO_LAST_LINE),
    lost_characters="ü„",
)
RECORD = CanaryRecord(
    name="kapow",
    version=1,
    messages=(replace(MESSAGE, message_id="canary-0", outcome=None, arrived_at=None, flaws=()), MESSAGE),
    state=CanaryState.MANGLED,
    changed_at=NOW + 3,
    last_arrival_at=NOW + 2.5,
    arrival_seconds=2.5,
)


class CanariesContract:
    async def test_a_canary_is_kept_as_it_is(self, store: Store) -> None:
        assert await store.canaries.canary("kapow") == CanaryRecord(name="kapow")
        assert await store.canaries.put_canary(RECORD)
        assert await store.canaries.canary("kapow") == RECORD
        assert await store.canaries.canary("email") == CanaryRecord(name="email")

    async def test_of_two_that_change_a_canary_at_once_one_begins_again(self, store: Store) -> None:
        assert await store.canaries.put_canary(RECORD)
        later = replace(RECORD, version=2, state=CanaryState.LATE)
        took = await asyncio.gather(*(store.canaries.put_canary(later) for _ in range(5)))
        assert took.count(True) == 1
        assert not await store.canaries.put_canary(RECORD)
        assert await store.canaries.canary("kapow") == later

        def one_more(known: CanaryRecord) -> CanaryRecord:
            return replace(known, arrival_seconds=(known.arrival_seconds or 0.0) + 1)

        await asyncio.gather(*(change(store.canaries, "kapow", one_more) for _ in range(5)))
        assert (await store.canaries.canary("kapow")).arrival_seconds == 7.5
