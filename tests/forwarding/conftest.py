"""The plane runs on uvloop, in the tests as in life."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import uvloop

from tests.forwarding.stage import stage, staged

__all__ = ["stage", "staged"]


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}
