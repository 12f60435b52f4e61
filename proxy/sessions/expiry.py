"""Which sessions may be over: looked at when their second comes, never all at once.

A session is in the bucket of the second in which its end was expected when it was put there. A use only moves that end
to later, so a use costs nothing here: the code that takes a bucket puts back the sessions that are not over yet.
"""

from __future__ import annotations

import heapq


class ExpiryWheel:
    """Buckets of session ids by whole seconds; taking costs nothing for seconds in which nothing ends."""

    def __init__(self) -> None:
        self._buckets: dict[int, list[str]] = {}
        self._seconds: list[int] = []

    def put(self, session_id: str, ends_at: float) -> None:
        second = int(ends_at)
        bucket = self._buckets.get(second)
        if bucket is None:
            bucket = self._buckets[second] = []
            heapq.heappush(self._seconds, second)
        bucket.append(session_id)

    def take_due(self, now: float) -> list[str]:
        """Take out all whose second has begun; some of them may still have part of that second left."""
        due: list[str] = []
        while self._seconds and self._seconds[0] <= now:
            due += self._buckets.pop(heapq.heappop(self._seconds))
        return due
