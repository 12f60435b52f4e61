"""What a reader needs to know about where the figures come from."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from benchmarks.processes import program
from proxy.forwarding import exchange


def machine() -> Mapping[str, str]:
    """Of the processor, of Python, and of the programs that are measured beside, a line each."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.partition(": ")[2] for line in info.splitlines() if line.startswith("model name")), "unknown")
    libraries = ", ".join(f"{name} {version(name)}" for name in ("uvloop", "httptools", "aiohttp", "ldap3"))
    programs = (_said(("nginx", "-v")), _said(("haproxy", "-v")), _said(("wrk", "-v")))
    return {
        "processor": f"{len(os.sched_getaffinity(0))} cores, {model}; Linux {platform.release()}",
        "python": f"Python {sys.version.split()[0]}, {libraries}",
        "gatepost": f"Gatepost's request path: {'Python' if Path(exchange.__file__).suffix == '.py' else 'compiled'}",
        "programs": "; ".join(each for each in programs if each),
    }


def _said(command: tuple[str, str]) -> str:
    """The first words of what a program says of its version."""
    path = program(command[0])
    if path is None:
        return f"{command[0]}: not installed"
    done = subprocess.run([path, command[1]], capture_output=True, text=True, check=False)
    line = (done.stdout + done.stderr).strip().splitlines()[0]
    return line.removeprefix("nginx version: ").partition(" - ")[0].partition(" [")[0]
