"""What every store must keep of tickets: `proxy.sessions.ticket_store`."""

from __future__ import annotations

import asyncio

from proxy.store.contract import Store
from tests.store.contract.values import HOST, cookie, ticket
from tests.support.people import NOW, session


class TicketsContract:
    async def test_a_ticket_is_taken_once(self, store: Store) -> None:
        mine = session()
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        digest, written = cookie(), ticket(mine.session_id)
        await store.tickets.put_ticket(digest, written)
        taken = await asyncio.gather(*(store.tickets.take_ticket(digest, now=NOW) for _ in range(20)))
        assert [found for found in taken if found is not None] == [written]

    async def test_a_ticket_expires_at_its_instant(self, store: Store) -> None:
        mine = session()
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        one, two = cookie(), cookie()
        for digest in (one, two):
            await store.tickets.put_ticket(digest, ticket(mine.session_id))
        assert await store.tickets.take_ticket(one, now=NOW + 30) is None
        assert await store.tickets.take_ticket(two, now=NOW + 29.999) is not None
        assert await store.tickets.take_ticket(cookie(), now=NOW) is None

    async def test_a_ticket_of_an_ended_session_is_not_kept(self, store: Store) -> None:
        digest = cookie()
        await store.tickets.put_ticket(digest, ticket("gone"))
        assert await store.tickets.take_ticket(digest, now=NOW) is None

    async def test_a_ticket_ends_with_its_session(self, store: Store) -> None:
        ended, replaced = session(), session(is_half=True)
        digests = {}
        for each in (ended, replaced):
            await store.sessions.create_session(each, cookie=cookie(), host=HOST)
            digests[each.session_id] = cookie()
            await store.tickets.put_ticket(digests[each.session_id], ticket(each.session_id))
        await store.sessions.end_session(ended.session_id)
        await store.sessions.replace_session(replaced.session_id, session(), cookie=cookie(), host=HOST)
        assert [await store.tickets.take_ticket(digest, now=NOW) for digest in digests.values()] == [None, None]
