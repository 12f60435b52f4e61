"""What every store must keep of passes: `proxy.factors.passes.pass_store`; and of sessions that were begun with one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from config.factors import Factor
from proxy.factors.confinement import Confinement
from proxy.factors.passes.vouch import VouchAnswer
from proxy.factors.proof import Proof
from proxy.sessions.session import Session
from proxy.store.contract import Store
from tests.store.contract.values import HOST, LIMITS, cookie
from tests.support.people import NOW, approver, given_pass, session, vouch_request

CONFINED = Confinement(pass_id="p", apps=("Wiki", "Forms"), ends_at=NOW + 600)


def begun_with_a_pass(**fields: object) -> Session:
    factors = ((Factor.PASSWORD,), (Factor.SMS, Factor.PASS))
    proven = (Proof(Factor.PASSWORD, NOW), Proof(Factor.PASS, NOW))
    return session(factors=factors, proven=proven, confined=CONFINED, **fields)


class PassesContract:
    async def test_a_pass_is_kept_with_everything_until_its_instant(self, store: Store) -> None:
        given = given_pass(apps=("Wiki", "Forms"), reason="Telefon vergessen \u00e9")
        assert await store.passes.put_pass(given)
        assert await store.passes.passes(given.guid, now=NOW) == (given,)
        assert await store.passes.passes(now=given.ends_at - 0.001) == (given,)
        assert await store.passes.passes(now=given.ends_at) == ()
        assert await store.passes.passes("somebody-else", now=NOW) == ()

    async def test_a_person_has_one_pass_at_a_time(self, store: Store) -> None:
        at_once = [given_pass() for _ in range(20)]
        assert sum(await asyncio.gather(*map(store.passes.put_pass, at_once))) == 1
        assert len(await store.passes.passes(now=NOW)) == 1
        other = given_pass(guid="another", ends_at=at_once[0].ends_at + 60)
        assert await store.passes.put_pass(other)
        later = given_pass(given_at=at_once[0].ends_at, ends_at=at_once[0].ends_at + 3600)
        assert await store.passes.put_pass(later)
        assert [each.guid for each in await store.passes.passes(now=later.given_at)] == [other.guid, later.guid]

    async def test_a_pass_is_confirmed_once(self, store: Store) -> None:
        given = given_pass(needs_second=True)
        await store.passes.put_pass(given)
        second, third = approver(guid="second"), approver(guid="third")
        at_once = [store.passes.confirm_pass(given.pass_id, by, now=NOW) for by in [second, third] * 10]
        assert sum(await asyncio.gather(*at_once)) == 1
        (kept,) = await store.passes.passes(now=NOW)
        assert kept.counts
        assert kept == replace(given, confirmed_by=kept.confirmed_by)
        assert kept.confirmed_by in (second, third)
        assert not await store.passes.confirm_pass("unknown", second, now=NOW)

    async def test_a_pass_that_is_over_is_not_confirmed(self, store: Store) -> None:
        given = given_pass(needs_second=True)
        await store.passes.put_pass(given)
        assert not await store.passes.confirm_pass(given.pass_id, approver(), now=given.ends_at)

    async def test_a_pass_is_ended_once_and_another_may_be_given(self, store: Store) -> None:
        given = given_pass()
        await store.passes.put_pass(given)
        assert sum(await asyncio.gather(*(store.passes.end_pass(given.pass_id) for _ in range(20)))) == 1
        assert await store.passes.passes(now=NOW) == ()
        assert await store.passes.passes(given.guid, now=NOW) == ()
        assert await store.passes.put_pass(given_pass())

    async def test_passes_that_are_over_are_removed(self, store: Store) -> None:
        over, living = given_pass(guid="one", ends_at=NOW + 3600), given_pass(guid="two", ends_at=NOW + 7200)
        for each in (over, living):
            await store.passes.put_pass(each)
        assert await store.sessions.remove_expired(now=NOW + 3600, limits=LIMITS) == 1
        assert await store.passes.passes(now=NOW) == (living,)

    async def test_a_pass_that_a_manager_vouched_for_keeps_its_sign_in(self, store: Store) -> None:
        given = given_pass(digest=b"", session_id="half")
        assert await store.passes.put_pass(given)
        assert await store.passes.passes(given.guid, now=NOW) == (given,)
        assert given.confinement.is_vouched

    async def test_a_request_is_kept_with_everything_until_its_instant(self, store: Store) -> None:
        asked = vouch_request(apps=("Wiki", "Forms"), reason="Telefon vergessen \u00e9")
        other = vouch_request(guid="another", asked_at=NOW + 1)
        for each in (other, asked):
            await store.passes.put_vouch(each)
        assert await store.passes.vouches(now=asked.expires_at - 0.001) == (asked, other)
        assert await store.passes.vouches(asked.guid, now=NOW) == (asked,)
        assert await store.passes.vouches("somebody-else", now=NOW) == ()
        assert await store.passes.vouches(now=asked.expires_at) == ()

    async def test_a_request_takes_the_place_of_the_one_before(self, store: Store) -> None:
        before, after = vouch_request(), vouch_request(asked_at=NOW + 1, words="violin cactus")
        await store.passes.put_vouch(before)
        assert await store.passes.answer_vouch(before.guid, before.vouch_id, VouchAnswer.NO, now=NOW)
        await store.passes.put_vouch(after)
        assert await store.passes.vouches(now=NOW) == (after,)
        assert not await store.passes.answer_vouch(before.guid, before.vouch_id, VouchAnswer.YES, now=NOW)

    async def test_a_request_is_answered_once(self, store: Store) -> None:
        asked = vouch_request()
        await store.passes.put_vouch(asked)
        answers = [VouchAnswer.YES, VouchAnswer.NO] * 50
        at_once = [store.passes.answer_vouch(asked.guid, asked.vouch_id, each, now=NOW) for each in answers]
        done = await asyncio.gather(*at_once)
        assert sum(done) == 1
        (kept,) = await store.passes.vouches(now=NOW)
        assert kept == replace(asked, answer=answers[done.index(True)])
        assert not await store.passes.answer_vouch(asked.guid, "unknown", VouchAnswer.YES, now=NOW)
        assert not await store.passes.answer_vouch("somebody-else", asked.vouch_id, VouchAnswer.YES, now=NOW)

    async def test_a_request_that_is_over_is_not_answered(self, store: Store) -> None:
        asked = vouch_request()
        await store.passes.put_vouch(asked)
        at = asked.expires_at
        assert not await store.passes.answer_vouch(asked.guid, asked.vouch_id, VouchAnswer.YES, now=at)

    async def test_requests_that_are_over_are_removed(self, store: Store) -> None:
        over, living = vouch_request(guid="one"), vouch_request(guid="two", expires_at=NOW + 7200)
        for each in (over, living):
            await store.passes.put_vouch(each)
        assert await store.sessions.remove_expired(now=over.expires_at, limits=LIMITS) == 1
        assert await store.passes.vouches(now=NOW) == (living,)

    def test_a_request_shows_no_words_and_no_session_when_printed(self) -> None:
        shown = repr(vouch_request(session_id="secret"))
        assert not any(each in shown for each in ("amber", "violin", "secret"))

    def test_a_pass_shows_no_digest_when_printed(self) -> None:
        assert "secret" not in repr(given_pass(digest=b"secret"))

    async def test_a_session_keeps_what_confines_it(self, store: Store) -> None:
        confined, digest = begun_with_a_pass(), cookie()
        await store.sessions.create_session(confined, cookie=digest, host=HOST)
        assert await store.sessions.session_by_cookie(digest, HOST) == confined
