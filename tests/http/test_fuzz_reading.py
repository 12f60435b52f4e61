"""A short run of the fuzz target; `python -m tests.http.fuzz_reading 2_000_000` is the long one."""

from __future__ import annotations

from random import SystemRandom

import pytest

from tests.http.fuzz_reading import one_input, run
from tests.http.mutations import corpus


@pytest.mark.parametrize("name", corpus())
def test_the_corpus_is_read(name: str) -> None:
    one_input(corpus()[name])


def test_a_few_thousand_new_inputs_are_read() -> None:
    run(4000, SystemRandom().randrange(2**32))
