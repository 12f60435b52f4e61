"""What every store must keep of challenges: `proxy.factors.challenge`."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from dataclasses import replace

from config.factors import Factor
from proxy.factors.challenge import Attempt
from proxy.store.contract import Store
from tests.store.contract.values import HOST, cookie
from tests.support.people import NOW, challenge, session


class ChallengesContract:
    async def test_a_challenge_of_a_clock_that_was_far_ahead_is_over(self, store: Store) -> None:
        mine = session(is_half=True)
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        ahead = challenge(mine.session_id, created_at=NOW + 3600, expires_at=NOW + 3900)
        await store.challenges.put_challenge(ahead)
        of_mine = {"session_id": mine.session_id, "now": NOW}
        assert await store.challenges.challenge(ahead.challenge_id, **of_mine) is None  # type: ignore[arg-type]
        assert await store.challenges.challenge_of_session(**of_mine) is None  # type: ignore[arg-type]
        result = await store.challenges.answer_challenge(ahead.challenge_id, digest=b"right", **of_mine)  # type: ignore[arg-type]
        assert result.attempt is Attempt.GONE
        skewed = challenge(mine.session_id, created_at=NOW + 60, expires_at=NOW + 360)
        assert await store.challenges.put_challenge(skewed, newest="")
        assert await store.challenges.challenge_of_session(**of_mine) == skewed  # type: ignore[arg-type]
        result = await store.challenges.answer_challenge(skewed.challenge_id, digest=b"right", **of_mine)  # type: ignore[arg-type]
        assert result.attempt is Attempt.ACCEPTED

    async def test_a_challenge_is_read_back_by_its_session_only(self, store: Store) -> None:
        mine, other = session(is_half=True), session(is_half=True)
        for written in (mine, other):
            await store.sessions.create_session(written, cookie=cookie(), host=HOST)
        pending = challenge(
            mine.session_id,
            return_to="https://wiki.corp.example/a?b",
            start_digest="x",
            number_digest=b"n",
            factor=Factor.EMAIL,
            choice=(Factor.SMS, Factor.EMAIL),
        )
        await store.challenges.put_challenge(pending)
        assert await store.challenges.challenge(pending.challenge_id, session_id=mine.session_id, now=NOW) == pending
        assert await store.challenges.challenge(pending.challenge_id, session_id=other.session_id, now=NOW) is None
        answer = await store.challenges.answer_challenge(
            pending.challenge_id, session_id=other.session_id, digest=pending.digest, now=NOW
        )
        assert answer.attempt is Attempt.GONE
        assert await store.challenges.challenge(pending.challenge_id, session_id=mine.session_id, now=NOW) == pending

    async def test_the_newest_live_challenge_of_a_session_is_found(self, store: Store) -> None:
        mine = session(is_half=True)
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        assert await store.challenges.challenge_of_session(mine.session_id, now=NOW) is None
        old = challenge(mine.session_id, factor=Factor.TOTP)
        new = challenge(mine.session_id, created_at=NOW + 1, expires_at=NOW + 100)
        await store.challenges.put_challenge(new)
        await store.challenges.put_challenge(old)
        assert await store.challenges.challenge_of_session(mine.session_id, now=NOW) == new
        assert await store.challenges.challenge_of_session(mine.session_id, now=NOW + 100) == old
        assert await store.challenges.challenge_of_session(mine.session_id, now=NOW + 300) is None

    async def test_a_new_challenge_takes_the_place_of_the_one_for_the_same_factor(self, store: Store) -> None:
        mine, others = session(is_half=True), session(is_half=True)
        for each in (mine, others):
            await store.sessions.create_session(each, cookie=cookie(), host=HOST)
        apart = challenge(others.session_id)
        await store.challenges.put_challenge(apart)
        made = [
            challenge(mine.session_id, created_at=NOW + at, attempts_left=5 - at, factor=factor)
            for at, factor in enumerate([Factor.SMS, Factor.TOTP, Factor.SMS, Factor.TOTP])
        ]
        for each in made:
            assert await store.challenges.put_challenge(each)
        found = [
            await store.challenges.challenge(each.challenge_id, session_id=each.session_id, now=NOW + 4)
            for each in (*made, apart)
        ]
        assert found == [None, None, made[2], made[3], apart]
        over = await store.challenges.answer_challenge(
            made[0].challenge_id, session_id=mine.session_id, digest=made[0].digest, now=NOW + 4
        )
        assert over.attempt is Attempt.GONE
        again = challenge(mine.session_id, created_at=NOW + 5)
        assert await store.challenges.put_challenge(again, newest=made[3].challenge_id)
        standing = await store.challenges.challenge_of_session(mine.session_id, now=NOW + 5)
        assert standing == replace(again, attempts_left=2), "what the one before had left still counts"
        ended = challenge("gone")
        assert not await store.challenges.put_challenge(ended)
        assert not await store.challenges.put_challenge(challenge(mine.session_id), newest="another")
        assert await store.challenges.challenge_of_session(mine.session_id, now=NOW + 5) == standing

    async def test_of_challenges_put_at_the_same_time_in_the_place_of_one_only_one_is(self, store: Store) -> None:
        mine = session(is_half=True)
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        over = challenge(mine.session_id, created_at=NOW - 300, expires_at=NOW)
        await store.challenges.put_challenge(over)
        newest = ""
        for later in (0, 1):
            rivals = [challenge(mine.session_id, created_at=NOW + later + n / 100) for n in range(20)]
            put = await asyncio.gather(*(store.challenges.put_challenge(each, newest=newest) for each in rivals))
            assert put.count(True) == 1
            standing = await store.challenges.challenge_of_session(mine.session_id, now=NOW + 2)
            assert standing == rivals[put.index(True)]
            newest = standing.challenge_id
        assert not await store.challenges.put_challenge(challenge(mine.session_id), newest=over.challenge_id)
        assert await store.challenges.put_challenge(challenge(mine.session_id))

    async def test_a_challenge_of_an_ended_session_is_not_kept(self, store: Store) -> None:
        assert not await store.challenges.put_challenge(challenge("gone"))
        assert not await store.challenges.put_challenge(challenge("gone"), newest="")
        assert await store.challenges.challenge_of_session("gone", now=NOW) is None

    async def test_a_challenge_expires_at_its_instant(self, store: Store) -> None:
        mine = session(is_half=True)
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        pending = challenge(mine.session_id)
        await store.challenges.put_challenge(pending)

        async def answer(now: float) -> Attempt:
            result = await store.challenges.answer_challenge(
                pending.challenge_id, session_id=mine.session_id, digest=b"right", now=now
            )
            return result.attempt

        assert (
            await store.challenges.challenge(pending.challenge_id, session_id=mine.session_id, now=NOW + 299.999)
            is not None
        )
        assert await store.challenges.challenge(pending.challenge_id, session_id=mine.session_id, now=NOW + 300) is None
        assert not await store.challenges.mark_sent(pending.challenge_id, now=NOW + 300, not_before=NOW + 300)
        assert await answer(NOW + 300) is Attempt.GONE
        assert await answer(NOW + 299.999) is Attempt.ACCEPTED

    async def test_a_passcode_is_accepted_once(self, store: Store) -> None:
        mine = session(is_half=True)
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        pending = challenge(mine.session_id)
        await store.challenges.put_challenge(pending)
        results = await asyncio.gather(
            *(
                store.challenges.answer_challenge(
                    pending.challenge_id, session_id=mine.session_id, digest=b"right", now=NOW
                )
                for _ in range(50)
            )
        )
        assert Tally(result.attempt for result in results) == {Attempt.ACCEPTED: 1, Attempt.GONE: 49}

    async def test_parallel_wrong_answers_never_win_an_attempt(self, store: Store) -> None:
        mine = session(is_half=True)
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        pending = challenge(mine.session_id)
        await store.challenges.put_challenge(pending)
        results = await asyncio.gather(
            *(
                store.challenges.answer_challenge(
                    pending.challenge_id, session_id=mine.session_id, digest=b"wrong", now=NOW
                )
                for _ in range(50)
            )
        )
        assert Tally(result.attempt for result in results) == {
            Attempt.WRONG: 4,
            Attempt.EXHAUSTED: 1,
            Attempt.GONE: 45,
        }
        judged = (result.attempts_left for result in results if result.attempt is not Attempt.GONE)
        assert sorted(judged) == [0, 1, 2, 3, 4], "each counted, in whatever order they came"
        late = await store.challenges.answer_challenge(
            pending.challenge_id, session_id=mine.session_id, digest=b"right", now=NOW
        )
        assert late.attempt is Attempt.GONE

    async def test_the_challenges_of_a_session_share_their_attempts(self, store: Store) -> None:
        """Whoever asks for another factor again and again has as many wrong answers as somebody who asks for none."""
        mine, others = session(is_half=True), session(is_half=True)
        for each in (mine, others):
            await store.sessions.create_session(each, cookie=cookie(), host=HOST)
        apart = challenge(others.session_id)
        await store.challenges.put_challenge(apart)
        wrong, newest = Tally[Attempt](), ""
        for count in range(8):
            made = challenge(mine.session_id, created_at=NOW + count, factor=list(Factor)[count])
            assert await store.challenges.put_challenge(made, newest=newest)
            newest = made.challenge_id
            if count == 0:
                first = made
            for each in (first, made):
                result = await store.challenges.answer_challenge(
                    each.challenge_id, session_id=mine.session_id, digest=b"wrong", now=NOW + count
                )
                wrong[result.attempt] += 1
            if wrong[Attempt.EXHAUSTED]:
                break
        assert wrong == {Attempt.WRONG: 4, Attempt.EXHAUSTED: 1, Attempt.GONE: 1}
        assert await store.challenges.challenge_of_session(mine.session_id, now=NOW + 8) is None
        assert await store.challenges.challenge_of_session(others.session_id, now=NOW) == apart

    async def test_attempts_of_a_challenge_that_is_over_are_not_carried_on(self, store: Store) -> None:
        mine = session(is_half=True)
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        over = challenge(mine.session_id, attempts_left=1)
        later = challenge(mine.session_id, created_at=NOW + 300, expires_at=NOW + 600)
        assert await store.challenges.put_challenge(over)
        assert await store.challenges.put_challenge(later, newest="")
        assert await store.challenges.challenge_of_session(mine.session_id, now=NOW + 300) == later

    async def test_a_resend_is_claimed_by_one_and_resets_no_attempts(self, store: Store) -> None:
        mine = session(is_half=True)
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        pending = challenge(mine.session_id)
        await store.challenges.put_challenge(pending)
        await store.challenges.answer_challenge(
            pending.challenge_id, session_id=mine.session_id, digest=b"wrong", now=NOW
        )
        assert not await store.challenges.mark_sent(pending.challenge_id, now=NOW + 29, not_before=NOW - 1)
        claims = await asyncio.gather(
            *(store.challenges.mark_sent(pending.challenge_id, now=NOW + 30, not_before=NOW) for _ in range(20))
        )
        assert claims.count(True) == 1
        found = await store.challenges.challenge(pending.challenge_id, session_id=mine.session_id, now=NOW + 30)
        assert found == replace(pending, last_sent_at=NOW + 30, attempts_left=4)
        assert not await store.challenges.mark_sent("gone", now=NOW, not_before=NOW)

    async def test_a_challenge_that_is_used_up_or_over_cannot_be_claimed_for_a_resend(self, store: Store) -> None:
        mine = session(is_half=True)
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        used, over = challenge(mine.session_id), challenge(mine.session_id, expires_at=NOW + 100, factor=Factor.TOTP)
        for each in (used, over):
            await store.challenges.put_challenge(each)
        await store.challenges.answer_challenge(
            used.challenge_id, session_id=mine.session_id, digest=used.digest, now=NOW
        )
        for each, at in ((used, NOW + 30), (over, NOW + 100)):
            assert not await store.challenges.mark_sent(each.challenge_id, now=at, not_before=at)
        assert await store.challenges.challenge_of_session(mine.session_id, now=NOW + 100) is None
