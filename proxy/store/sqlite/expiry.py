"""What is over in SQLite, in every table but the sessions'."""

from __future__ import annotations

from proxy.delivery.failures import REMEMBERED_SECONDS as FAILURE_SECONDS
from proxy.factors.passcode.arrival_times import KEPT_SECONDS
from proxy.factors.passcode.known_numbers import REMEMBERED_SECONDS as NUMBER_SECONDS
from proxy.operations.steady_clock import SKEW_SECONDS
from proxy.store.sqlite.database import SQLiteDatabase

_OVER = {
    # One from the future opens nothing either.
    "challenges": f"expires_at <= ?1 OR created_at > ?1 + {SKEW_SECONDS}",
    "tickets": "expires_at <= ?1",
    "counters": "window_ends_at <= ?1",
    "familiar_addresses": "expires_at <= ?1",
    "known_numbers": f"used_at <= ?1 - {NUMBER_SECONDS}",
    # A channel's are forgotten together, when none came for long.
    "arrivals": f"channel NOT IN (SELECT channel FROM arrivals WHERE at > ?1 - {KEPT_SECONDS})",  # noqa: S608
    "sendings": "expires_at <= ?1",
    "kept_requests": "expires_at <= ?1",
    "former_cookies": "expires_at <= ?1",
    "delivery_failures": f"failed_at <= ?1 - {FAILURE_SECONDS}",
}
"""By table, what is true of a record that is over at ?1."""
_NOT_COUNTED = ("former_cookies", "delivery_failures")
"""They tell of sessions and messages, which are counted themselves."""


async def remove_over(database: SQLiteDatabase, *, now: float) -> int:
    """How many. Each table by itself, so that others write in between."""
    removed = 0
    for table, is_over in _OVER.items():
        count = await database.change(f"DELETE FROM {table} WHERE {is_over}", now)  # noqa: S608  # constants
        removed += count if table not in _NOT_COUNTED else 0
    return removed
