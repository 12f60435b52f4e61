"""A fleet with real processes that do little: who ends is started again, who hangs is ended, who is late is killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.supervisor.children import Child, Children
from proxy.supervisor.fleet import LONGEST_DELAY_SECONDS, CannotStart, Fleet, Limits, restart_delay
from proxy.supervisor.orders import Outline, Plan, WorkerOrder, to_json
from tests.support.eventually import eventually


@dataclass
class Recorded:
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def info(self, event: str, **values: Any) -> None:
        self.events.append((event, values))

    error = info

    def of(self, event: str) -> list[dict[str, Any]]:
        return [values for name, values in self.events if name == event]


class Yard:
    """Starts what the next name says; the last one again and again."""

    def __init__(self) -> None:
        self.log = Recorded()
        self.children = Children()
        self.started: list[Child] = []

    def fleet(self, *behaviours: str, size: int = 1, **limits: float) -> Fleet:
        left = list(behaviours)

        async def start_worker() -> tuple[int, Child]:
            behaviour = left.pop(0) if len(left) > 1 else left[0]

            def order(control: int) -> WorkerOrder:
                return WorkerOrder(
                    number=1, control=control, settings=0, folder=behaviour, listen=(), redirect=(), admin=(),
                    clock=(0.0, 0.0, 0.0),
                )  # fmt: skip

            child = await self.children.start("tests.processes.small_worker", order, ())
            self.started.append(child)
            return len(self.started), child

        known = Limits(**{"drain": 1.0, **limits})
        log: Any = self.log
        return Fleet(size, start_worker=start_worker, limits=known, log=log, chance=lambda: 1.0)


@pytest.fixture
async def yard() -> AsyncIterator[Yard]:
    made = Yard()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGCHLD, made.children.reap)
    yield made
    assert all(each.ended.is_set() for each in made.started), "nobody is left behind"
    loop.remove_signal_handler(signal.SIGCHLD)


async def test_all_serve_and_all_leave(yard: Yard) -> None:
    fleet = yard.fleet("serves", size=2)
    await fleet.start(must_start=True)
    assert fleet.serving == 2
    assert fleet.answers
    await fleet.leave("retire")
    assert [each["reason"] for each in yard.log.of("worker.left")] == ["exit code 0"] * 2


async def test_who_ends_is_started_again(yard: Yard) -> None:
    fleet = yard.fleet("serves", "falls", "serves")
    await fleet.start(must_start=True)
    yard.started[0].kill()
    await eventually(lambda: len(yard.started) == 3)
    await eventually(lambda: fleet.serving == 1)
    assert [each["reason"] for each in yard.log.of("worker.ended")] == ["signal SIGKILL", "signal SIGABRT"]
    await fleet.leave("stop")


async def test_at_the_first_start_a_fall_is_no_reason_to_give_up(yard: Yard) -> None:
    fleet = yard.fleet("falls", "serves")
    await fleet.start(must_start=False)
    assert fleet.serving == 1
    await fleet.leave("stop")


@pytest.mark.parametrize(
    ("behaviour", "must_start", "problems", "is_final"),
    [
        ("is misconfigured", False, ("server.listen: is wrong", "smtp: is wrong"), True),
        ("is misconfigured", True, ("server.listen: is wrong", "smtp: is wrong"), True),
        ("falls", True, ("a worker ended: signal SIGABRT",), False),
        ("never gets ready", True, ("not ready within 0.5 seconds",), False),
    ],
)
async def test_who_cannot_start_ends_all(
    yard: Yard, behaviour: str, must_start: bool, problems: tuple[str, ...], is_final: bool
) -> None:
    fleet = yard.fleet("serves", behaviour, size=2, start=0.5 if behaviour.startswith("never") else 60.0)
    with pytest.raises(CannotStart) as caught:
        await fleet.start(must_start=must_start)
    assert (caught.value.problems, caught.value.is_final) == (problems, is_final)
    assert fleet.serving == 0


async def test_who_hangs_is_ended_and_answers_no_more(yard: Yard) -> None:
    fleet = yard.fleet("hangs", "serves", hang=0.05)
    await fleet.start(must_start=True)
    await eventually(lambda: not fleet.answers)
    fleet.end_those_that_hang()
    await eventually(lambda: len(yard.started) == 2)
    assert yard.log.of("worker.hangs")
    await fleet.kill()


async def test_who_does_not_leave_in_time_is_killed(yard: Yard) -> None:
    fleet = yard.fleet("is deaf", drain=0.1, late=0.0)
    await fleet.start(must_start=True)
    await fleet.leave("stop")
    assert [each["reason"] for each in yard.log.of("worker.left")] == ["signal SIGKILL"]
    assert yard.log.of("worker.late")


async def test_orphans_are_reaped_too(yard: Yard) -> None:
    """As the first process of a container does for those whose parents are gone."""
    stranger = os.posix_spawn("/bin/true", ["true"], {})  # noqa: ASYNC221  # it is not waited for here
    await eventually(lambda: is_gone(stranger))


def is_gone(process_id: int) -> bool:
    """Reaped, too."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    return False


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_waits_grow_to_a_bound(quick_ends: int, chance: float) -> None:
    delay = restart_delay(quick_ends, chance)
    assert (delay == 0) is (quick_ends == 0)
    assert delay <= LONGEST_DELAY_SECONDS
    assert restart_delay(quick_ends + 1, chance) >= delay
    assert restart_delay(quick_ends, 1.0) <= delay <= restart_delay(quick_ends, 0.0)


_addresses = st.lists(st.tuples(st.sampled_from(["127.0.0.1", "::"]), st.integers(0, 65535))).map(tuple)
_outlines = st.builds(
    Outline,
    listen=_addresses, redirect=_addresses, admin=_addresses, workers=st.integers(1, 64),
    drain_seconds=st.floats(1, 3600),
)  # fmt: skip
_plans = st.builds(Plan, outline=st.none() | _outlines, problems=st.lists(st.text()).map(tuple))


@given(_plans)
def test_a_plan_is_read_as_it_was_written(plan: Plan) -> None:
    assert Plan.from_json(to_json(plan)) == plan


@pytest.mark.parametrize("text", ["", '{"outline": null', "not JSON"])
def test_half_a_plan_is_none(text: str) -> None:
    read: Callable[[str], Plan] = Plan.from_json
    with pytest.raises(ValueError, match=r".*"):
        read(text)
