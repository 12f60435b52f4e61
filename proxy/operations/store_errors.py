"""What everybody who keeps something in a store has to expect: that it does not answer, or not in time."""

from __future__ import annotations


class StoreError(Exception):
    """The base of all; never raised itself."""


class StoreUnavailable(StoreError):
    """The store did not answer. `reason` is for the log."""


class Silent(StoreUnavailable):
    """No answer came in time: nobody refused, and what was asked may have been done."""


class NotHeard(StoreUnavailable):
    """The store answers, but what others did cannot be heard of just now."""
