"""New code beside a supervisor that was started before it was there: an upgrade in place, and SIGHUP."""

from __future__ import annotations

import json
import time

from proxy.commands.worker import clock_of
from proxy.supervisor.orders import WorkerOrder

BEFORE_CLOCKS = {
    "number": 1, "control": 3, "settings": 4, "folder": "/run/gatepost", "listen": [5], "redirect": [], "admin": [6],
}  # fmt: skip
"""What the first supervisor with orders tells a worker: whatever is added to an order since may be missing."""


def test_a_worker_takes_the_order_of_an_older_supervisor() -> None:
    order = WorkerOrder(**json.loads(json.dumps(BEFORE_CLOCKS)))
    assert abs(clock_of(order).now() - time.time()) < 5.0
