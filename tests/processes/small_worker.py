"""Says what a worker says, and does as the order's folder is called."""

from __future__ import annotations

import json
import os
import signal
import socket

from proxy.supervisor.orders import NOTE, WorkerOrder


def main(text: str) -> int:
    order = WorkerOrder(**json.loads(text))
    control = socket.socket(fileno=order.control)
    match order.folder:
        case "serves":
            control.sendall(b"ready\n")
            while (told := control.recv(1000)).startswith(NOTE.encode()):
                pass
            return 0 if told in (b"stop\n", b"retire\n") else 3
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
