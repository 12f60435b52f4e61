"""Which browsers got an app's session cookie a moment ago. A browser that comes back without it may not keep cookies.

Its own round trips (to the sign-in page, signed in there, and back with a ticket) would go on until it gives up. In
memory: a browser that is sent in circles stays on its connection, and so with one worker. Instants are epoch seconds.
"""

from __future__ import annotations

from collections import OrderedDict

REMEMBERED_SECONDS = 20.0
_MOST = 10_000


class Landings:
    def __init__(self) -> None:
        self._landed: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def count(self, browser: str, host: str, now: float) -> int:
        """How many times in a row, this one included, this browser landed on this host within `REMEMBERED_SECONDS`."""
        key = (browser, host)
        at, times = self._landed.pop(key, (now, 0))
        times = times + 1 if 0 <= now - at < REMEMBERED_SECONDS else 1
        self._landed[key] = (now, times)
        while len(self._landed) > _MOST:
            self._landed.popitem(last=False)
        return times
