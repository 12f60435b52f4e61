"""Who vouches, and the words: pure."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from directory.managers import ManagerLine, line_above
from directory.principal import Principal
from proxy.factors.passes.given_pass import GivenPass
from proxy.factors.passes.vouch import NoVouch, who_vouches
from proxy.factors.passes.words import OFFERED, WORDS, draw
from tests.support.people import given_pass, principal

BOSS = principal(guid="b", username="boss")


def test_the_words_are_many_plain_and_begin_differently() -> None:
    assert len(WORDS) >= 240
    assert len({word[:4] for word in WORDS}) == len(WORDS)
    assert all(word.isascii() and word.isalpha() and word.islower() and 4 <= len(word) <= 8 for word in WORDS)


def test_a_draw_offers_pairs_without_a_word_in_common_and_the_right_one_anywhere() -> None:
    places = set()
    for _ in range(200):
        words, offered = draw()
        assert len({word for pair in offered for word in pair.split()}) == 2 * OFFERED == 2 * len(offered)
        places.add(offered.index(words))
    assert places == set(range(OFFERED))


def test_without_a_line_there_is_nobody() -> None:
    assert who_vouches("a", None, ()) is NoVouch.NO_MANAGER
    assert who_vouches("a", ManagerLine(), ()) is NoVouch.NO_MANAGER


@given(
    st.dictionaries(st.sampled_from("abcd"), st.sampled_from("abcd")),
    st.booleans(),
    st.lists(st.sampled_from([given_pass(), given_pass(session_id="s")]), max_size=2),
)
def test_who_vouches_is_the_manager_above_whom_is_no_loop(
    managers: dict[str, str], can_sign_in: bool, living: list[GivenPass]
) -> None:
    guids = line_above("a", managers.get)
    found = who_vouches("a", ManagerLine(guids=guids, manager=BOSS if can_sign_in and guids else None), living)
    above = set(guids)
    is_loop = any(one in line_above(one, managers.get) for one in {"a", *above})
    if isinstance(found, Principal):
        assert found is BOSS
        assert guids
        assert not is_loop
        assert all(each.is_vouched for each in living)
    else:
        assert not guids or is_loop or not can_sign_in or any(not each.is_vouched for each in living)


def test_each_reason_is_named_before_those_that_matter_less() -> None:
    given, boss = [given_pass()], BOSS
    lines = {
        NoVouch.OWN_MANAGER: ("a", "a"),
        NoVouch.LOOP: ("b", "a"),
    }
    for (reason, guids), manager in product(lines.items(), (boss, None)):
        assert who_vouches("a", ManagerLine(guids=guids, manager=manager), given) is reason
    assert who_vouches("a", ManagerLine(guids=("b",)), given) is NoVouch.CANNOT_SIGN_IN
    assert who_vouches("a", ManagerLine(guids=("b",), manager=boss), given) is NoVouch.HAS_PASS
    assert who_vouches("a", ManagerLine(guids=("b",), manager=boss), [given_pass(session_id="s")]) is boss
