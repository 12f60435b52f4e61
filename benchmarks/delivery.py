"""Passcodes through two relays on loopback, each in a process of its own: how long one takes, and how many go.

    python -m benchmarks.delivery [--seconds 60] [--per-minute 10000] [--delay-ms 0] [--json]

First at a steady pace (each is sent when it is due, whatever the result of those before it), then as many as possible.
The sender has one core, the relays share the other. It includes everything that Gatepost does for a passcode: the text,
the number, the mail, the choice of channel and relay.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from benchmarks.processes import CannotStart, Cores, started
from config.settings import AppSettings, LocalDirectorySettings, ServerSettings, Settings, SMTPSettings
from directory.mobile import E164
from proxy.delivery.channel import Outcome, PasscodeMessage
from proxy.delivery.channels_in_order import Channels
from proxy.delivery.create_channels import create_channels

RELAYS = 2
AT_ONCE = 64
"""How many senders, when as many as possible are sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passcodes:
    """Seconds, unless the name says otherwise."""

    asked_per_minute: int
    sent: int
    not_accepted: int
    """How often the machine was too busy for the time that a channel gets; not part of the times."""
    p50: float
    p99: float
    longest: float
    cpu_seconds: float
    """Of the sender, for one passcode."""
    most_per_minute: float
    by_relay: tuple[int, ...]


def measured(seconds: float, per_minute: int) -> Passcodes:
    """In a separate process, so that it has a core to itself. Raises `CannotStart`."""
    command = [sys.executable, "-m", "benchmarks.delivery", "--json"]
    command += ["--seconds", str(seconds), "--per-minute", str(per_minute)]
    done = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotStart(f"benchmarks.delivery: {done.stderr[-2000:]}")
    found = json.loads(done.stdout)
    return Passcodes(**{**found, "by_relay": tuple(found["by_relay"])})


def settings_for(ports: list[int]) -> Settings:
    relay = {"host": "127.0.0.1", "security": "none", "from": "otp@corp.example"}
    return Settings(
        server=ServerSettings.model_validate({"public_url": "https://signin.corp.example"}),
        directories=(LocalDirectorySettings.model_validate({"type": "local", "name": "local", "file": "users.toml"}),),
        smtp=tuple(SMTPSettings.model_validate({**relay, "port": port}) for port in ports),
        apps=(AppSettings.model_validate({"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://[::1]:1"}),),
    )


async def _send(channels: Channels, number: int) -> float | None:
    """How long it took; None where it was not accepted."""
    began = time.perf_counter()
    delivery = await channels.send(
        PasscodeMessage(
            passcode=f"{number % 1_000_000:06}",
            number=E164(f"+447400{number % 1_000_000:06}"),
            app="Wiki",
            host="wiki.corp.example",
            minutes=5,
            message_id=f"benchmark-{number:012}",
        )
    )
    return time.perf_counter() - began if delivery.outcome is Outcome.ACCEPTED else None


async def _at_a_pace(channels: Channels, seconds: float, per_minute: int) -> tuple[list[float | None], float]:
    """Times to send, and the CPU time for one."""
    await asyncio.gather(*(_send(channels, number) for number in range(AT_ONCE)))  # connections are open, code is warm
    count = round(seconds * per_minute / 60)
    loop = asyncio.get_running_loop()
    began, cpu = loop.time(), time.process_time()
    sending = []
    for number in range(count):
        await asyncio.sleep(began + number * 60 / per_minute - loop.time())
        sending.append(asyncio.create_task(_send(channels, number)))
    times = await asyncio.gather(*sending)
    return list(times), (time.process_time() - cpu) / count


async def _as_many_as_go(channels: Channels, seconds: float) -> float:
    """Passcodes a minute."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    sent = 0

    async def keep_sending() -> None:
        nonlocal sent
        while loop.time() < end:
            if await _send(channels, sent) is not None:
                sent += 1

    await asyncio.gather(*(keep_sending() for _ in range(AT_ONCE)))
    return sent * 60 / seconds


async def _measure(ports: list[int], seconds: float, per_minute: int) -> tuple[list[float | None], float, float]:
    channels = create_channels(settings_for(ports))
    try:
        times, cpu = await _at_a_pace(channels, seconds, per_minute)
        return times, cpu, await _as_many_as_go(channels, min(seconds, 10.0))
    finally:
        await channels.close()


def run(seconds: float, per_minute: int, delay_ms: float) -> Passcodes:
    cores = Cores.of_this_machine()
    os.sched_setaffinity(0, cores.proxy)
    with tempfile.TemporaryDirectory(prefix="gatepost-") as folder:
        logs = [Path(folder) / f"relay{index}.log" for index in range(RELAYS)]
        command = [sys.executable, "-m", "benchmarks.smtp_sink", "--delay-ms", str(delay_ms)]
        with ExitStack() as stack:
            relays = [stack.enter_context(started(command, cores=cores.load, log=log, says=True)) for log in logs]
            ports = [int(relay.first_line) for relay in relays]
            times, cpu, most = uvloop.run(_measure(ports, seconds, per_minute))
        counts = tuple(int(log.read_text().split()[-1]) for log in logs)
    accepted = [each for each in times if each is not None]
    cuts = statistics.quantiles(accepted, n=100)
    return Passcodes(
        asked_per_minute=per_minute,
        sent=len(times),
        not_accepted=len(times) - len(accepted),
        p50=cuts[49],
        p99=cuts[98],
        longest=max(accepted),
        cpu_seconds=cpu,
        most_per_minute=most,
        by_relay=counts,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--per-minute", type=int, default=10_000)
    parser.add_argument("--delay-ms", type=float, default=0.0, help="how long a relay thinks about a message")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = run(options.seconds, options.per_minute, options.delay_ms)
    if options.json:
        print(json.dumps(asdict(found)))
        return
    print(
        f"{found.sent:,} passcodes ({found.not_accepted} not accepted) at {found.asked_per_minute:,} a minute:"
        f" p50 {found.p50 * 1e3:.2f} ms,"
        f" p99 {found.p99 * 1e3:.2f} ms, the longest {found.longest * 1e3:.1f} ms;"
        f" {found.cpu_seconds * 1e3:.2f} ms of own CPU each; at most {found.most_per_minute:,.0f} a minute;"
        f" relays took {' and '.join(f'{each:,}' for each in found.by_relay)}"
    )


if __name__ == "__main__":
    main()
