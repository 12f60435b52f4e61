"""The long stress run: real workers and a real store, killed at random, and a check of every answer.

    python -m tests.stress [--seconds 600] [--sessions 100000] [--workers 4] [--store sqlite] [--seed N] [--keep FOLDER]

Prints its seed, what was done, and what must not have happened; exit code 1 if anything did, or if nobody could sign
in at all.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

import uvloop

from tests.stress.run import Given, Result, stress


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.stress", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=600.0, help="how long there are disturbances")
    parser.add_argument("--sessions", type=int, default=100_000, help="how many there are to begin with")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--store", choices=("sqlite", "redis"), default="sqlite")
    parser.add_argument("--seed", type=int, default=None, help="of what is done and disturbed; not set: any")
    parser.add_argument("--mean-seconds", type=float, default=4.0, help="between two disturbances")
    parser.add_argument("--keep", type=Path, default=None, help="keep the logs in this folder")
    arguments = parser.parse_args()
    given = Given(
        store=arguments.store,
        seconds=arguments.seconds,
        sessions=arguments.sessions,
        workers=arguments.workers,
        seed=secrets.randbelow(2**32) if arguments.seed is None else arguments.seed,
        mean_seconds=arguments.mean_seconds,
    )
    print(f"store {given.store}, {given.sessions} sessions, {given.workers} workers, seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="gatepost-stress-") as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        result = uvloop.run(stress(folder.resolve(), given, tell=_progress))
    _report(result)
    return 1 if result.violations or result.missing else 0


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _report(result: Result) -> None:
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for name, count in sorted(result.counts.items()):
        print(f"{count:9}  {name}")
    for each in result.violations[:20]:
        print(f"{each.at:.3f}  {each.subject}: {each.rule.value}")
    for kind in result.missing:
        print(f"never happened: {kind}")
    print(f"{len(result.violations)} violations")


if __name__ == "__main__":
    sys.exit(main())
