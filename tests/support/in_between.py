"""What somebody else does between two steps, at a moment of the test's choice: a race with one outcome."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any


def just_before(part: object, method: str, then: Callable[[], Awaitable[Any]]) -> None:
    """`then` is done just before the method is used the next time."""
    real = getattr(part, method)

    async def once(*arguments: Any, **named: Any) -> Any:
        setattr(part, method, real)
        await then()
        return await real(*arguments, **named)

    setattr(part, method, once)
