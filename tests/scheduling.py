"""Which process of a run on several ones takes which tests, and in which order.

The tests of a file stay together, and so do the files that ask for a Samba domain: what they share starts once. What
takes longest goes first, so that no process is left alone with it in the end; much of it is waiting, meanwhile others
work.

xdist's own groups (`--dist loadgroup` with marks) come to nothing under pytest 9.2, which keeps the names of tests
where xdist 3.8 does not write them: every test was on its own.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path, PurePath

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parent.parent
SAMBA = "samba"
_ASKS_FOR_A_DOMAIN = re.compile(r"\b(corp|other_domain): SambaDC\b")
LONGEST_FIRST = (
    SAMBA,
    "tests/processes/test_clock.py",
    "tests/stress/test_stress.py",
    "tests/end_to_end/test_two_nodes.py",
    "tests/portal/test_two_real_domain_controllers.py",
    "tests/forwarding/test_real_apps.py",
    "tests/processes",
    "tests/end_to_end",
    "tests/benchmarks",
    "tests/accessibility",
    "tests/test_setup.py",
    "tests/throttle/test_service_tries.py",
    "tests/sessions/test_hanging_redis.py",
    "tests/portal/test_admin_in_chromium.py",
    "tests/portal/test_admin_mobiles.py",
    "tests/forwarding",
    "tests/store",
    "tests/commands",
)
"""Groups, files and folders that take long, as measured; what is not here comes after them.

Those that start a domain of their own are not next to each other: a domain takes a core for as long as it is made.
"""


@cache
def group_of(path: str) -> str:
    """By a file's path from the top."""
    return SAMBA if _ASKS_FOR_A_DOMAIN.search((ROOT / path).read_text()) else path


def place_of(item: pytest.Item) -> int:
    """Of an item's group in the order."""
    return place_of_file(file_of(item.nodeid))


@cache
def place_of_file(path: str) -> int:
    group = PurePath(group_of(path))
    of_it = {str(group), *map(str, group.parents)}
    return next((place for place, name in enumerate(LONGEST_FIRST) if name in of_it), len(LONGEST_FIRST))


def file_of(test: str) -> str:
    return test.partition("::")[0]


class GroupsInOrder(LoadScopeScheduling):
    """Gives out groups as they come in the order of the tests."""

    def __init__(self, config: pytest.Config, log: object) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return group_of(file_of(nodeid))
