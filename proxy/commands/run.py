"""`gatepost run`: Gatepost until SIGTERM or SIGINT, as a supervisor with its workers.

Nothing that only workers need is imported here: this process stays small.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
from collections.abc import Sequence
from pathlib import Path

from proxy.audit_log import configure_log
from proxy.supervisor.supervisor import Supervisor


def main(arguments: Sequence[str]) -> int:
    """What stands behind ``gatepost run``."""
    parser = argparse.ArgumentParser(prog="gatepost run", description="Run Gatepost.")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the configuration (TOML)")
    return run(parser.parse_args(arguments).config)


def run(config: Path) -> int:
    """Serve until told to stop; what is in flight then is finished within `server.drain_timeout`."""
    log = configure_log()
    _allow_open_files()

    async def supervise() -> int:
        return await Supervisor(config, log=log, environ=os.environ).run()

    return asyncio.run(supervise())


def _allow_open_files() -> None:
    """As many as the system lets this process have: a tunnel takes two, and the usual soft limit is 1024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
