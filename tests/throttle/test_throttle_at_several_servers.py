"""Domain controllers count wrong passwords each for itself: no sequence of guesses and sign-ins reaches a threshold."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from directory.lockout import LockoutPolicy, PasswordLimits, password_limits
from proxy.throttle.limits import Limit
from proxy.throttle.throttle import CountedAttempts, Throttle
from tests.support.memory_store import MemoryStore
from tests.support.people import NOW
from tests.throttle.test_throttle import ALICE, HOME, limiter

THRESHOLD, WINDOW = 5, 1800.0
SERVERS = ("dc1", "dc2", "pdc")
LIMITS = password_limits(LockoutPolicy(threshold=THRESHOLD, window_seconds=WINDOW), configured=50, window_seconds=600.0)
Step = tuple[str, str | float]


@dataclass(slots=True)
class Domain:
    """`badPwdCount` as AD keeps it: at the server that judged, and at the PDC emulator, which is told of it.

    A right password clears the count at the server that took it, which tells the PDC emulator if there was one.
    """

    counts: dict[str, tuple[int, float]] = field(default_factory=dict)
    most: int = 0

    def count(self, server: str, now: float) -> int:
        value, last_at = self.counts.get(server, (0, 0.0))
        return value if now - last_at < WINDOW else 0

    def refuse(self, server: str, now: float) -> None:
        for each in {server, "pdc"}:
            self.counts[each] = (self.count(each, now) + 1, now)
            self.most = max(self.most, self.counts[each][0])

    def accept(self, server: str, now: float) -> None:
        if self.count(server, now):
            self.counts.pop("pdc", None)
        self.counts.pop(server, None)


async def at_home() -> Throttle:
    """Where the person signed in before, so that all attempts are theirs."""
    throttle = limiter(MemoryStore(), passwords_per_address=1000)
    await throttle.remember_address(person=ALICE, address=HOME, now=NOW)
    return throttle


async def play(steps: list[Step], limits: PasswordLimits = LIMITS) -> Domain:
    throttle, domain, now = await at_home(), Domain(), NOW
    for what, where in steps:
        if what == "wait":
            assert isinstance(where, float)
            now += where
            continue
        assert isinstance(where, str)
        now += 1.0
        if await throttle.reserve_password(person=ALICE, address=HOME, limits=limits, now=now) is not None:
            continue
        judged = await throttle.judged_so_far(person=ALICE, now=now)
        if what == "guess":
            domain.refuse(where, now)
            await throttle.password_refused(person=ALICE, limits=limits, reserved_at=now, server=where)
        else:
            domain.accept(where, now)
            await throttle.password_accepted(person=ALICE, address=HOME, judged=judged, now=now, server=where)
    return domain


STEPS = st.one_of(
    st.tuples(st.just("guess"), st.sampled_from(SERVERS)),
    st.tuples(st.just("sign in"), st.sampled_from(SERVERS)),
    st.tuples(st.just("wait"), st.sampled_from([900.0, 1700.0, 1795.0, 1801.0, 1900.0])),
)


@settings(max_examples=300)
@given(steps=st.lists(STEPS, max_size=40))
def test_no_sequence_over_several_servers_reaches_the_threshold_at_any(steps: list[Step]) -> None:
    assert asyncio.run(play(steps)).most < THRESHOLD


async def test_guesses_at_one_server_between_sign_ins_at_another_add_up() -> None:
    domain = await play([("guess", "dc1"), ("guess", "dc1"), ("sign in", "dc2")] * 5)
    assert domain.most < THRESHOLD


async def test_guesses_at_two_servers_are_not_forgotten_at_either() -> None:
    domain = await play([("guess", "dc1"), ("guess", "dc2"), ("sign in", "dc2"), ("sign in", "dc1")] * 5)
    assert domain.most < THRESHOLD


async def test_the_server_that_counted_all_clears_all() -> None:
    domain = await play([("guess", "dc1"), ("guess", "dc1"), ("sign in", "dc1")] * 5 + [("guess", "dc1")])
    assert domain.counts["dc1"][0] == 1, "each sign-in cleared, so that each guess after it was sent"


async def guess(throttle: Throttle, server: str, now: float) -> None:
    assert await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=now) is None
    await throttle.password_refused(person=ALICE, limits=LIMITS, reserved_at=now, server=server)


async def counted(throttle: Throttle, now: float) -> int:
    standings = await throttle.standings(person=ALICE, limits=LIMITS, number=None, address=HOME, now=now)
    return {each.limit: each.count for each in standings}[Limit.PASSWORDS_PER_PERSON]


async def test_a_guess_that_is_judged_while_a_right_password_is_under_way_stands_for_no_other() -> None:
    throttle = await at_home()
    await guess(throttle, "dc1", NOW)
    assert await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW) is None
    judged = await throttle.judged_so_far(person=ALICE, now=NOW)
    assert judged == CountedAttempts(2, 0)
    await guess(throttle, "dc2", NOW)
    await throttle.password_accepted(person=ALICE, address=HOME, judged=judged, now=NOW, server="dc2")
    assert await counted(throttle, NOW) == 2


async def test_what_a_server_counted_before_an_operator_cleared_it_stands_for_nothing_later() -> None:
    throttle = await at_home()
    await guess(throttle, "dc1", NOW)
    await throttle.clear_passwords(person=ALICE, still_counted=0, now=NOW)
    await guess(throttle, "dc2", NOW + 1)
    assert await throttle.reserve_password(person=ALICE, address=HOME, limits=LIMITS, now=NOW + 2) is None
    judged = await throttle.judged_so_far(person=ALICE, now=NOW + 2)
    await throttle.password_accepted(person=ALICE, address=HOME, judged=judged, now=NOW + 2, server="dc1")
    assert await counted(throttle, NOW + 2) == 1
