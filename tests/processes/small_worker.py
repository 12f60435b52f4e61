"""`python -m tests.processes.small_worker ORDER`: says what a worker says, and does as the order's folder is called."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys

from proxy.supervisor.orders import WorkerOrder


def main(order: WorkerOrder) -> int:
    control = socket.socket(fileno=order.control)
    match order.folder:
        case "serves":
            control.sendall(b"ready\n")
            return 0 if control.recv(100) in (b"stop\n", b"retire\n") else 3
        case "hangs":
            control.sendall(b"ready\n")
            signal.pause()
        case "is deaf":
            control.sendall(b"ready\n")
            while control.recv(100):
                pass
        case "is misconfigured":
            control.sendall(b"problem server.listen: is wrong\nproblem smtp: is wrong\n")
            return 2
        case "falls":
            os.abort()
        case "never gets ready":
            signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main(WorkerOrder(**json.loads(sys.argv[1]))))
