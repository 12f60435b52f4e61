"""`gatepost run`: Gatepost until SIGTERM or SIGINT, as a supervisor with its workers.

Nothing that only workers need is imported here: this process stays small.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from proxy.commands.config_option import NoConfiguration, add_config_option, config_file
from proxy.operations.log import configure_log
from proxy.operations.open_files import raise_open_files
from proxy.supervisor.children import own_environment
from proxy.supervisor.supervisor import Supervisor


def main(arguments: Sequence[str]) -> int:
    """What stands behind ``gatepost run``."""
    parser = argparse.ArgumentParser(prog="gatepost run", description="Run Gatepost.")
    add_arguments(parser)
    parsed = parser.parse_args(arguments)
    try:
        config = config_file(parsed.config)
    except NoConfiguration as error:
        print(f"gatepost run: {error}", file=sys.stderr)
        return 2
    return run(config, after_restore=parsed.after_restore)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_option(parser)
    parser.add_argument(
        "--after-restore",
        action="store_true",
        help="the store was restored from a backup: end all sessions before anybody is served",
    )


def run(config: Path, *, after_restore: bool = False) -> int:
    """Serve until told to stop; requests in flight are then finished within `server.drain_timeout`."""
    if after_restore and (code := _end_all_sessions(config)):
        print("gatepost run: not started: sessions may stand in the store that were ended before", file=sys.stderr)
        return code
    log = configure_log()
    raise_open_files()  # the usual soft limit is 1024

    async def supervise() -> int:
        return await Supervisor(config, log=log, environ=os.environ).run()

    return asyncio.run(supervise())


def _end_all_sessions(config: Path) -> int:
    """Runs the command that an operator would use, in a separate process, and returns its exit code."""
    command = [sys.executable, "-P", "-m", "proxy", "sessions", "end", "--all", "--config", str(config)]
    return subprocess.run(command, env=own_environment(), check=False).returncode  # noqa: S603  # our own
