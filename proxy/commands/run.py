"""`gatepost run`: Gatepost until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import resource
import signal

import uvloop

from config.settings import Settings
from proxy.audit_log import configure_log
from proxy.server import running


def run(settings: Settings) -> int:
    """Serve until told to stop; what is in flight then is finished within a few seconds."""
    log = configure_log()
    _allow_open_files()

    async def serve() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with running(settings, log=log) as gatepost:
            log.info("server.started", listen=[f"{host}:{port}" for host, port in gatepost.addresses])
            await stop.wait()
            log.info("server.stopping")

    uvloop.run(serve())
    return 0


def _allow_open_files() -> None:
    """As many as the system lets this process have: a tunnel takes two, and the usual soft limit is 1024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
