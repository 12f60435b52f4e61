"""Which server a request goes to, and which ones are left out: the pure half, by its properties."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from proxy.upstreams.choice import Candidate, Choice, affinity, attempt_seconds, choose
from proxy.upstreams.health import (
    FAILURES_BEFORE_EJECTION,
    LONGEST_BACK_OFF_SECONDS,
    SOUND,
    Health,
    after_failure,
    back_off,
    begin_probe,
    hasten,
)

NOW = 1000.0
chances = st.floats(0, 1, exclude_max=True)
healths = st.one_of(
    st.builds(Health, failures=st.integers(0, 2)),
    st.builds(Health, failures=st.just(3), probes=st.integers(0, 9), probe_at=st.floats(0, 2 * NOW)),
)
candidates = st.lists(
    st.builds(
        Candidate,
        name=st.text("abc:/.0123", min_size=1, max_size=8),
        in_flight=st.integers(0, 5),
        has_room=st.booleans(),
        health=healths,
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda each: each.name,
)
keys = st.one_of(st.none(), st.text(min_size=1, max_size=9))


def candidate(name: str, *, in_flight: int = 0, has_room: bool = True, health: Health = SOUND) -> Candidate:
    return Candidate(name=name, in_flight=in_flight, has_room=has_room, health=health)


@given(candidates, keys, st.booleans(), chances)
def test_the_chosen_server_has_room_and_is_sound_or_due_for_its_probe(
    servers: list[Candidate], key: str | None, may_probe: bool, random: float
) -> None:
    choice = choose(servers, now=NOW, key=key, may_probe=may_probe, random=random)
    if choice is None:
        assert not any(each.has_room and each.health.is_sound for each in servers)
    else:
        chosen = servers[choice.position]
        assert chosen.has_room
        assert choice.is_probe is not chosen.health.is_sound
        assert not choice.is_probe or (may_probe and chosen.health.is_probe_due(NOW))


@given(candidates, chances)
def test_without_a_session_to_hold_the_fewest_in_flight_win(servers: list[Candidate], random: float) -> None:
    choice = choose(servers, now=NOW, key=None, may_probe=False, random=random)
    if choice is not None:
        sound = [each.in_flight for each in servers if each.has_room and each.health.is_sound]
        assert servers[choice.position].in_flight == min(sound)


def test_equals_are_chosen_by_chance() -> None:
    servers = [candidate(name) for name in "abc"]
    chosen = [choose(servers, now=NOW, key=None, may_probe=False, random=n / 30) for n in range(30)]
    assert Counter(each.position for each in chosen if each) == {0: 10, 1: 10, 2: 10}


@given(candidates, st.text(min_size=1), chances, chances)
def test_a_session_stays_whatever_chance_and_load_say(
    servers: list[Candidate], key: str, one: float, other: float
) -> None:
    busier = [candidate(each.name, in_flight=9, has_room=each.has_room, health=each.health) for each in servers]
    assert choose(servers, now=NOW, key=key, may_probe=False, random=one) == choose(
        busier, now=NOW, key=key, may_probe=False, random=other
    )


@given(candidates, st.text(min_size=1))
def test_a_server_that_goes_moves_only_its_own_sessions(servers: list[Candidate], key: str) -> None:
    before = choose(servers, now=NOW, key=key, may_probe=False, random=0)
    for gone in range(len(servers)):
        if before is None or gone == before.position:
            continue
        left = servers[:gone] + servers[gone + 1 :]
        after = choose(left, now=NOW, key=key, may_probe=False, random=0)
        assert after is not None
        assert left[after.position] == servers[before.position]


def test_sessions_spread_evenly() -> None:
    names = ["http://10.0.0.1:80", "http://10.0.0.2:80", "http://10.0.0.3:80"]
    counts = Counter(max(names, key=lambda name: affinity(f"session-{n}", name)) for n in range(3000))
    assert all(850 < counts[name] < 1150 for name in names)


def test_one_request_probes_and_the_next_goes_elsewhere() -> None:
    out = Health(failures=3, probe_at=NOW)
    assert choose([candidate("a", health=out), candidate("b")], now=NOW, key=None, may_probe=True, random=0) == Choice(
        position=0, is_probe=True
    )
    out = begin_probe(out, now=NOW, jitter=0.5)
    assert choose([candidate("a", health=out), candidate("b")], now=NOW, key=None, may_probe=True, random=0) == Choice(
        position=1, is_probe=False
    )


@given(st.floats(0.1, 60), st.integers(0, 5), st.booleans())
def test_the_attempts_to_connect_fit_into_the_budget(budget: float, others: int, is_probe: bool) -> None:
    left = budget
    for remaining in range(others, -1, -1):
        seconds = attempt_seconds(left=left, others=remaining, is_probe=is_probe and remaining == others)
        assert 0 < seconds <= left + 1e-9
        left -= seconds
    assert left > -1e-9


# Health.


@given(st.lists(chances, min_size=FAILURES_BEFORE_EJECTION, max_size=20))
def test_a_server_is_left_out_after_some_failures_in_a_row(jitters: list[float]) -> None:
    health = SOUND
    for count, jitter in enumerate(jitters, 1):
        health = after_failure(health, now=NOW, is_last=False, jitter=jitter)
        assert health.is_sound is (count < FAILURES_BEFORE_EJECTION)
    assert health.probe_at is not None
    assert 0.75 <= health.probe_at - NOW <= 1.25


@given(healths, chances)
def test_the_last_sound_server_is_never_left_out(health: Health, jitter: float) -> None:
    assert after_failure(health, now=NOW, is_last=True, jitter=jitter).is_sound is health.is_sound


def test_the_last_one_goes_at_its_next_failure_once_another_is_sound() -> None:
    health = SOUND
    for _ in range(10):
        health = after_failure(health, now=NOW, is_last=True, jitter=0)
    assert not after_failure(health, now=NOW, is_last=False, jitter=0).is_sound


@given(healths, chances)
def test_each_probe_waits_longer_within_a_bound(health: Health, jitter: float) -> None:
    if health.is_sound:
        return
    waits = []
    for _ in range(12):
        health = begin_probe(health, now=NOW, jitter=jitter)
        assert health.probe_at is not None
        waits.append(health.probe_at - NOW)
        assert not health.is_probe_due(NOW)
    assert waits == sorted(waits)
    assert waits[-1] <= LONGEST_BACK_OFF_SECONDS * 1.25


@given(healths, chances)
def test_a_failure_while_left_out_changes_nothing(health: Health, jitter: float) -> None:
    if not health.is_sound:
        assert after_failure(health, now=NOW, is_last=False, jitter=jitter) == health


@given(healths, chances)
def test_where_all_fail_the_others_are_tried_soon(health: Health, jitter: float) -> None:
    hastened = hasten(health, now=NOW, jitter=jitter)
    assert hastened.is_sound is health.is_sound
    if hastened.probe_at is not None and health.probe_at is not None:
        assert hastened.probe_at <= min(health.probe_at, NOW + 1.25)


def test_back_off_is_jittered() -> None:
    assert {back_off(2, jitter) for jitter in (0.0, 0.5)} == {3.0, 4.0}
