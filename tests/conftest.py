"""What tests of several areas share, started once a run and only where it is asked for."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.scheduling import GroupsInOrder, place_of
from tests.support.samba import OTHER_PERSONS, running_domain
from tests.support.samba_dc import KEPT_IN, SambaDC

# Each process that a test starts reads the sources; with this set it would compile them too, every time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# How long an example takes says nothing on a shared machine; on CI every run tries the same ones.
settings.register_profile(
    "gatepost",
    deadline=None,
    derandomize="CI" in os.environ,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("gatepost")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> GroupsInOrder | None:
    return GroupsInOrder(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is made here stays to the end. To look through it for garbage again and again would take a third of all
    the time of this process."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    """Domains of one name are made once in a run, whichever of its processes asks first."""
    if KEPT_IN not in os.environ:  # set by the process that starts the others, and inherited by them
        folder = tempfile.mkdtemp(prefix="gatepost-domains-")
        os.environ[KEPT_IN] = folder
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=place_of)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where `CI` is set, no real part may be missing: a test that would be skipped fails, and says why."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        reason: Any = report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped on CI: {reason[2] if isinstance(reason, tuple) else reason}"
    return report


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
