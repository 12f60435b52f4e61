"""How long a connection stays after its last answer, so that its client gets to see that (RFC 9112 section 9.6).

Pure: instants of the event loop's clock in, the deadline out.
"""

from __future__ import annotations

LINGER_SECONDS = 2.0
"""How long we read and discard what a refused client still sends, so that it can see the answer."""
PATIENT_SECONDS = 300.0
"""How long at most, where a person sent it from a page: a browser shows the answer only once its upload is through."""
PATIENT_PAUSE_SECONDS = 10.0
"""In each such span, the upload has to bring what `server.min_body_rate` requires."""
FLUSH_SECONDS = 60.0
"""How long the last of an answer may take to reach a slow reader once the connection is to be closed."""


class Lingering:
    """Of one connection that was told its last answer."""

    __slots__ = ("_enough", "deadline", "discarded", "patient_until")

    def __init__(self, now: float, *, is_flushed: bool, is_patient: bool, min_body_rate: int) -> None:
        """`is_flushed`: whether all of the answer is sent; `is_patient`: see `PATIENT_SECONDS`."""
        self.deadline = now + (LINGER_SECONDS if is_flushed else FLUSH_SECONDS)
        self.patient_until = 0.0
        if is_patient:
            self.patient_until = now + PATIENT_SECONDS
            self.deadline = max(self.deadline, now + PATIENT_PAUSE_SECONDS)
        self._enough = min_body_rate * PATIENT_PAUSE_SECONDS
        self.discarded = 0
        """Bytes since the deadline was set."""

    def discard(self, count: int, now: float) -> float:
        """The deadline, now that so many bytes more came."""
        self.discarded += count
        if self.patient_until and self.discarded >= self._enough:
            self.discarded = 0
            self.deadline = min(now + PATIENT_PAUSE_SECONDS, self.patient_until)
        return self.deadline
