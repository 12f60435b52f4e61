"""What a separate connection costs each request with a body: an app by default beside one with `reuse_after_body`.

    python -m benchmarks.bodies [--seconds 3] [--rounds 5]

One plane, one upstream that reads bodies whole (plain, and over TLS), rounds that alternate: first the small bodies of
a POST-heavy app, then uploads. The plane runs on core 0, load and upstream share core 1. Prints medians.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trustme

from benchmarks.forwarding import TOKEN, cpu_seconds_on, running, serve_gatepost, until_it_listens

PORT = 18184
CONNECTIONS = {1024: 32, 100 * 1024: 32, 10 * 1024 * 1024: 4}
"""Of clients, by the size of the body in bytes."""
KINDS = ("plain own", "plain reused", "tls own", "tls reused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    rate: float
    """Requests a second."""
    cpu_seconds: float
    """Of the plane, for each."""


async def serve(plain: int, tls: int, ca_file: Path) -> None:
    from config.settings import AppSettings

    upstreams = {"plain": f"http://127.0.0.1:{plain}", "tls": f"https://localhost:{tls}"}
    apps = tuple(
        AppSettings(
            name=kind,
            host=host_of(kind),
            upstream=upstreams[kind.split()[0]],
            ca_file=ca_file if kind.startswith("tls") else None,
            reuse_after_body=kind.endswith("reused"),
        )
        for kind in KINDS
    )
    await serve_gatepost(apps, port=PORT)


def host_of(kind: str) -> str:
    return kind.replace(" ", "-") + ".corp.example"


@contextlib.contextmanager
def upstream(*pair: str) -> Iterator[int]:
    """Its port."""
    command = ["taskset", "-c", "1", sys.executable, "-m", "benchmarks.upstream", *pair]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def measure(kind: str, size: int, seconds: int, script: Path) -> Round:
    script.write_text(f'wrk.method = "POST"\nwrk.body = string.rep("x", {size})\n')
    before = cpu_seconds_on(0)
    output = subprocess.run(
        ["taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS[size]}", f"-d{seconds}s", "-s", str(script),
         "-H", f"Host: {host_of(kind)}", "-H", f"Cookie: gatepost={TOKEN}", f"http://127.0.0.1:{PORT}/post"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", output)
    if rate is None or "Non-2xx" in output or "Socket errors" in output:
        sys.exit(f"{kind}: {output}")
    used = cpu_seconds_on(0) - before
    return Round(rate=float(rate[1]), cpu_seconds=used / (float(rate[1]) * seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        import uvloop

        plain, tls, ca_file = options.serve
        uvloop.run(serve(int(plain), int(tls), Path(ca_file)))
        return
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        authority = trustme.CA()
        leaf = authority.issue_cert("localhost")
        ca_file, certificate, key = folder / "ca.pem", folder / "certificate.pem", folder / "key.pem"
        authority.cert_pem.write_to_path(ca_file)
        leaf.cert_chain_pems[0].write_to_path(certificate)
        leaf.private_key_pem.write_to_path(key)
        plain, tls = stack.enter_context(upstream()), stack.enter_context(upstream(str(certificate), str(key)))
        served = (sys.executable, "-m", "benchmarks.bodies", "--serve", str(plain), str(tls), str(ca_file))
        stack.enter_context(running(*served, core=0))
        until_it_listens(PORT)
        for size in CONNECTIONS:
            rounds: dict[str, list[Round]] = {kind: [] for kind in KINDS}
            for _ in range(options.rounds):
                for kind in KINDS:
                    rounds[kind].append(measure(kind, size, options.seconds, folder / "post.lua"))
            for kind, measured in rounds.items():
                rate = statistics.median(each.rate for each in measured)
                cpu = statistics.median(each.cpu_seconds for each in measured)
                print(f"{size:9} bytes  {kind:13} {rate:8.0f}/s  {cpu * 1e6:8.1f} us CPU each", flush=True)


if __name__ == "__main__":
    main()
