"""uvloop's event loop with a clock that a test moves on: what is due at an instant is due now.

Only `time()` moves, which the code under test reads and compares. Timers that are set already, those of
`asyncio.timeout` and `asyncio.sleep` among them, still take the real time that they were set for.
"""

from __future__ import annotations

import uvloop


class MovedLoop(uvloop.Loop):
    _ahead = 0.0

    def time(self) -> float:
        return super().time() + self._ahead

    def move_on(self, seconds: float) -> None:
        self._ahead += seconds
