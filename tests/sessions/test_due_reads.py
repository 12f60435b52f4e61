"""Who is read next, and that nobody is forgotten."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from directory.directory import Changes
from proxy.sessions.due_reads import DOUBT_SECONDS, LOOKED_AT, LOOKED_AT_IN_DOUBT, REMEMBERED_SECONDS, DueReads

RECHECK = 900.0
WIKI = frozenset({"Wiki Users"})
NOBODY: frozenset[str] = frozenset()


def due_of(*guids: str, groups: frozenset[str] = NOBODY, random: float = 1.0) -> DueReads:
    due = DueReads(RECHECK, random=lambda: random)
    for guid in guids:
        due.put(guid, groups, newest_at=1.0, now=0.0)
    return due


def changed(*entries: str, groups: frozenset[str] = NOBODY, is_gap: bool = False) -> Changes:
    return Changes(seen_at="dc1", entries=frozenset(entries), groups=groups, is_gap=is_gap)


def all_taken(due: DueReads, now: float) -> list[tuple[str, str]]:
    taken = []
    while (each := due.take(now)) is not None:
        taken.append(each)
    return taken


def test_whoever_changed_is_read_where_it_was_seen_and_nobody_else() -> None:
    due = due_of("alice", "bob")
    due.note(changed("alice", "somebody without a session"), 1.0)
    assert all_taken(due, 1.0) == [("alice", "dc1")]


def test_who_was_in_a_changed_group_comes_before_the_others() -> None:
    due = due_of("alice")
    due.put("bob", WIKI, newest_at=1.0, now=0.0)
    due.note(changed(groups=WIKI), 1.0)
    assert all_taken(due, 1.0) == [("bob", "dc1"), ("alice", "dc1")]


def test_after_a_gap_everybody_is_read() -> None:
    due = due_of("alice", "bob")
    due.note(changed(is_gap=True), 1.0)
    assert {guid for guid, _ in all_taken(due, 1.0)} == {"alice", "bob"}


def test_a_session_made_of_what_was_read_before_a_change_is_read_again() -> None:
    due = due_of("alice")
    due.note(changed("alice", "bob"), 1.0)
    all_taken(due, 1.0)
    due.put("alice", NOBODY, newest_at=2.0, now=2.0)
    due.put("bob", NOBODY, newest_at=2.0, now=2.0)
    assert all_taken(due, 2.0) == [("alice", "dc1"), ("bob", "dc1")]
    due.put("alice", NOBODY, newest_at=2.0, now=3.0)
    assert all_taken(due, 3.0) == []


def test_a_session_made_of_what_was_read_before_a_group_changed_is_read_again() -> None:
    due = due_of()
    due.note(changed(groups=WIKI), 1.0)
    due.put("alice", NOBODY, newest_at=2.0, now=2.0)
    assert all_taken(due, 2.0) == [("alice", "")]


def test_an_old_change_is_forgotten() -> None:
    due = due_of()
    due.note(changed("alice", groups=WIKI), 1.0)
    due.note(changed(), 2.0 + REMEMBERED_SECONDS)
    due.put("alice", NOBODY, newest_at=2.0, now=2.0 + REMEMBERED_SECONDS)
    assert all_taken(due, 2.0 + REMEMBERED_SECONDS) == []


def test_who_has_no_session_any_more_is_not_read() -> None:
    due = due_of("alice")
    due.note(changed("alice"), 1.0)
    due.put_off("alice", "dc1", 2.0)
    due.drop("alice")
    assert all_taken(due, 10 * RECHECK) == []


def test_who_could_not_be_read_is_read_later() -> None:
    due = due_of("alice")
    due.put_off("alice", "dc1", 5.0)
    assert due.take(4.9) is None
    assert due.take(5.0) == ("alice", "dc1")


def test_everybody_is_looked_at_in_turn_some_at_a_time() -> None:
    half = LOOKED_AT // 2
    a, b, c = ([f"{name}{number}" for number in range(half)] for name in "abc")
    due = due_of(*a, *b, *c)
    assert [due.to_look_at(0.0) for _ in range(4)] == [[*a, *b], [*c, *a], [*b, *c], [*a, *b]]
    assert due_of().to_look_at(0.0) == []
    assert due_of("a").to_look_at(0.0) == ["a"]


def test_after_a_change_that_could_not_be_seen_everybody_is_looked_at_soon_and_once() -> None:
    everybody = [str(number) for number in range(15_000)]
    due = due_of(*everybody)
    due.to_look_at(0.0)
    due.note(replace(changed(), is_partial=True), 1.0)
    looks = [due.to_look_at(1.0), due.to_look_at(2.0), due.to_look_at(1.0 + DOUBT_SECONDS)]
    assert [len(each) for each in looks] == [LOOKED_AT_IN_DOUBT, LOOKED_AT, LOOKED_AT_IN_DOUBT]
    assert set().union(*looks) == set(everybody)
    assert len(due.to_look_at(100.0)) == LOOKED_AT


def test_after_a_gap_the_net_is_as_spread_out_as_before() -> None:
    draws = iter([0.1, 0.9, 1.0, 1.0, 1.0])
    due = DueReads(RECHECK, random=lambda: next(draws))
    due.put("alice", NOBODY, newest_at=1.0, now=0.0)
    due.put("bob", NOBODY, newest_at=1.0, now=0.0)
    due.note(changed(is_gap=True), 1.0)
    for guid, _ in all_taken(due, 1.0):
        due.was_read(guid, NOBODY, 1.0)
    assert all_taken(due, 0.2 * RECHECK) == [("alice", "")]


@settings(deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20), st.integers(1, 30))
def test_nobody_goes_longer_than_the_interval_without_being_read(randoms: list[float], persons: int) -> None:
    draws = iter(randoms * 10_000)
    due = DueReads(RECHECK, random=lambda: next(draws))
    last = {f"person {number}": 0.0 for number in range(persons)}
    for guid in last:
        due.put(guid, NOBODY, newest_at=0.0, now=0.0)
    for step in range(1, 400):
        now = step * 10.0
        for guid, _ in all_taken(due, now):
            assert now - last[guid] <= RECHECK + 10.0
            last[guid] = now
            due.was_read(guid, NOBODY, now)
        assert all(now - read_at <= RECHECK + 10.0 for read_at in last.values())


def test_whoever_comes_after_somebody_who_is_gone_has_nothing_of_theirs() -> None:
    due = due_of("alice", groups=WIKI)
    due.hold("alice", 7)
    assert due.facts_of("alice") == 7
    due.drop("alice")
    due.hold("alice", 8)
    due.put("bob", NOBODY, newest_at=2.0, now=0.0)
    assert (due.facts_of("alice"), due.facts_of("bob"), due.groups_of("bob")) == (None, None, NOBODY)
    assert all_taken(due, RECHECK) == [("bob", "")]
