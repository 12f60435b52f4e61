"""What tests of several areas share, started once a run and only where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from proxy.demo.samba_dc import SambaDC
from tests.support.samba import OTHER_PERSONS, running_domain


@pytest.fixture(scope="session")
def corp() -> Iterator[SambaDC]:
    """A real domain, corp.example, with the persons of `tests/support/samba.py`."""
    with running_domain() as dc:
        yield dc


@pytest.fixture(scope="session")
def other_domain() -> Iterator[SambaDC]:
    """A second domain, other.example, in a forest of its own."""
    with running_domain(domain="other.example", netbios_name="OTHER", persons=OTHER_PERSONS) as dc:
        yield dc
