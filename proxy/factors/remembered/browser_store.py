"""What is kept of remembered browsers. Instants are epoch seconds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from proxy.factors.remembered.browser import RememberedBrowser

CHANGE_SECONDS = 60.0
"""How long the value before still counts, and the new one stays: other tabs send either of them, and a browser whose
answer was lost sends the old one."""


class ValueUse(Enum):
    """What became of a value that was used."""

    TURNED = "turned"
    """It was the one in force, and is replaced."""
    STANDS = "stands"
    """It was made or replaced a moment ago: what is in force stays."""
    STOLEN = "stolen"
    """It was replaced long ago: the browser and somebody else have used it."""
    GONE = "gone"
    """There is no such browser (any more)."""


@dataclass(frozen=True, slots=True)
class UsedValue:
    use: ValueUse
    digest: bytes = field(default=b"", repr=False)
    """Of the value that is in force now; empty for `STOLEN` and `GONE`."""


class RememberedBrowserStore(Protocol):
    """Browsers by name, their values by SHA-256. One that is over may still be there. Raises `StoreUnavailable`."""

    async def put_browser(self, browser: RememberedBrowser, *, digest: bytes, most: int) -> None:
        """Durable. The person keeps the newest `most`."""
        ...

    async def browser(self, name: str) -> RememberedBrowser | None: ...

    async def browsers(self, guid: str) -> tuple[RememberedBrowser, ...]:
        """A person's, the oldest first."""
        ...

    async def turn_browser(self, name: str, *, digest: bytes, becomes: bytes, now: float) -> UsedValue:
        """Use a value and replace it, atomically: of parallel uses at most one is `TURNED`. Durable."""
        ...

    async def forget_browsers(self, guid: str, names: Collection[str] | None = None) -> int:
        """These of the person's, or all; how many there were. Durable."""
        ...

    async def guids_with_browsers(self) -> Collection[str]:
        """Everybody who has any; perhaps some whose are over."""
        ...
