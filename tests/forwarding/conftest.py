"""The plane runs on uvloop, in the tests as in life; here its clock can be moved on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from tests.forwarding.stage import stage, staged
from tests.support.moved_loop import MovedLoop

__all__ = ["stage", "staged"]


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": MovedLoop}
