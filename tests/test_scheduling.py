"""`tests/scheduling.py`: what it names is there, and what shares a Samba domain is one group."""

from __future__ import annotations

import pytest

from tests.scheduling import LONGEST_FIRST, ROOT, SAMBA, group_of, place_of


@pytest.mark.parametrize("name", LONGEST_FIRST)
def test_what_goes_first_is_there(name: str) -> None:
    assert name == SAMBA or (ROOT / name).exists()


def test_a_file_is_a_group_and_those_of_the_domain_are_one() -> None:
    assert group_of("tests/access/test_rules.py") == "tests/access/test_rules.py"
    assert group_of("tests/end_to_end/test_sign_in.py") == group_of("tests/directory/test_watch.py") == SAMBA


def test_every_test_that_asks_for_the_domain_is_in_its_group(request: pytest.FixtureRequest) -> None:
    asking = {item for item in request.session.items if {"corp", "other_domain"} & set(item.fixturenames)}  # type: ignore[attr-defined]
    assert {place_of(item) for item in asking} <= {LONGEST_FIRST.index(SAMBA)}
