"""What TLS adds to a small request on a kept connection, without a plane: a protocol that answers at once.

    python -m benchmarks.tls_alone [--rounds 60] [--instructions]

The server's side of 32 connections runs as the listeners open it, on uvloop and socket pairs; beside it the ssl module
alone. Requests are encrypted
before a round and answers decrypted after it, so neither counts. Prints the CPU time of one request, the least and the
median of all rounds, and with `--instructions` (valgrind, which knows fewer instructions for AES than a processor) how
many instructions it is in user space. Takes a few seconds, or two minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import cast

import trustme
import uvloop

from config.settings import CertificateSettings
from proxy.forwarding.public_tls import load_certificates

HOST = "files.localhost"
REQUEST = f"GET /small HTTP/1.1\r\nHost: {HOST}\r\nCookie: theme=dark; __Host-gatepost={'x' * 43}\r\n\r\n".encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 95\r\n\r\n" + b"x" * 95
PLAIN, LISTENER, BARE = "no TLS", "TLS, as the listeners open it", "the ssl module alone, without loop and socket"
KINDS = (PLAIN, LISTENER, BARE)
CONNECTIONS = 32
TURNS = 20
"""Requests of each connection in a round."""
COUNTED = (5, 25)
"""The same under valgrind: the difference of the two counts is what the requests themselves are."""


class Answering(asyncio.Protocol):
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER)


class Bare:
    """A server that is asked by a call: what OpenSSL and Python's module over it take by themselves."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._received, self._sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._received, self._sent, server_side=True)
        self._is_open = False

    def send(self, data: bytes) -> None:
        self._received.write(data)
        if self._is_open:
            self._tls.read(65536)
            self._tls.write(ANSWER)
        else:
            with suppress(ssl.SSLWantReadError):
                self._tls.do_handshake()
                self._is_open = True

    def recv(self, _: int) -> bytes:
        if not self._sent.pending:
            raise BlockingIOError
        return self._sent.read()


class Client:
    """The other end, which stands still while a round is measured. Without `context` it speaks no TLS."""

    def __init__(self, wire: socket.socket | Bare, context: ssl.SSLContext | None) -> None:
        self.wire = wire
        self.answering: asyncio.BaseTransport | None = None
        """The server's end, if it is a transport."""
        self._from_wire, self._to_wire = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        if context is not None:
            self._tls = context.wrap_bio(self._from_wire, self._to_wire, server_hostname=HOST)

    def close(self) -> None:
        if self.answering is not None:
            cast(asyncio.Transport, self.answering).abort()
        if isinstance(self.wire, socket.socket):
            self.wire.close()

    async def shake_hands(self) -> None:
        while self._tls is not None:
            try:
                self._tls.do_handshake()
                if self._to_wire.pending:
                    self.wire.send(self._to_wire.read())
                return
            except ssl.SSLWantReadError:
                self.wire.send(self._to_wire.read())
                while self._from_wire.pending == 0:
                    await asyncio.sleep(0)
                    with suppress(BlockingIOError):
                        self._from_wire.write(self.wire.recv(65536))

    def request(self) -> bytes:
        if self._tls is None:
            return REQUEST
        self._tls.write(REQUEST)
        return self._to_wire.read()

    def read(self, data: bytes) -> bytes:
        """What it says in plain text."""
        if self._tls is None:
            return data
        self._from_wire.write(data)
        plain = b""
        with suppress(ssl.SSLWantReadError):
            while piece := self._tls.read(65536):
                plain += piece
        return plain


async def opened(kind: str, folder: Path, connections: int = CONNECTIONS) -> list[Client]:
    """Connections whose handshakes are over; nothing waits to be read on them."""
    authority = trustme.CA()
    leaf, pair = authority.issue_cert(HOST), CertificateSettings(certificate=folder / "pem", key=folder / "key")
    leaf.cert_chain_pems[0].write_to_path(pair.certificate)
    leaf.private_key_pem.write_to_path(pair.key)
    server, context = load_certificates([pair]).front, ssl.create_default_context()
    authority.configure_trust(context)
    if kind == BARE:
        clients = [Client(Bare(server), context) for _ in range(connections)]
        for client in clients:
            await client.shake_hands()
    else:
        clients = [
            await accepted(server, context) if kind == LISTENER else await accepted() for _ in range(CONNECTIONS)
        ]
    for client in clients:
        with suppress(BlockingIOError):
            client.read(client.wire.recv(65536))  # session tickets
    return clients


async def accepted(server: ssl.SSLContext | None = None, context: ssl.SSLContext | None = None) -> Client:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    client = Client(theirs, context)
    accepting = asyncio.get_running_loop().connect_accepted_socket(Answering, ours, ssl=server)
    (client.answering, _), _ = await asyncio.gather(accepting, client.shake_hands())
    return client


async def run(clients: list[Client], turns: int, measuring: Callable[[bool], object] = bool) -> float:
    """CPU seconds of one request; `measuring` is told when that begins and ends. Raises `RuntimeError`."""
    batches = [[(each, each.request()) for each in clients] for _ in range(turns)]
    answers: dict[Client, bytes] = dict.fromkeys(clients, b"")
    measuring(True)
    began_at = time.thread_time()
    for batch in batches:
        for client, data in batch:
            client.wire.send(data)
        left = list(clients)
        while left:
            await asyncio.sleep(0)
            for client in left[:]:
                with suppress(BlockingIOError):
                    answers[client] += client.wire.recv(65536)
                    left.remove(client)
    seconds = time.thread_time() - began_at
    measuring(False)
    if any(client.read(data) != ANSWER * turns for client, data in answers.items()):
        raise RuntimeError("another answer than the one expected")
    return seconds / (turns * len(clients))


async def timed(rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each round, by kind; the rounds taken in turn."""
    with tempfile.TemporaryDirectory() as folder:
        stood = {kind: await opened(kind, Path(folder)) for kind in KINDS}
        found: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for clients in stood.values():
            await run(clients, TURNS)
        for _ in range(rounds):
            for kind, clients in stood.items():
                found[kind].append(await run(clients, TURNS))
        return found


async def be_counted(kind: str, turns: int) -> None:
    """Under valgrind: only what is measured counts."""
    gc.disable()

    def count(is_on: bool) -> None:
        command = ["callgrind_control", "-i", "on" if is_on else "off", str(os.getpid())]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    with tempfile.TemporaryDirectory() as folder:
        clients = await opened(kind, Path(folder))
        await run(clients, 2)
        await run(clients, turns, count)


def counted() -> Iterator[tuple[str, float]]:
    """Instructions of one request, by kind."""
    for kind in KINDS:
        totals = []
        for turns in COUNTED:
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "out"
                command = ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"]
                command += [sys.executable, "-m", "benchmarks.tls_alone", "--counted", kind, str(turns)]
                subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "0"})
                total = re.search(r"^totals: ([0-9]+)", out.read_text(), re.MULTILINE)
                totals.append(int(total[1]) if total is not None else 0)
        yield kind, (totals[1] - totals[0]) / ((COUNTED[1] - COUNTED[0]) * CONNECTIONS)


def table(found: dict[str, list[float]], instructions: dict[str, float]) -> str:
    """In Markdown. Pure."""
    lines = ["| connection | CPU, µs | the least of all rounds | instructions |", "|---|---:|---:|---:|"]
    for kind, seconds in found.items():
        count = f"{instructions[kind]:,.0f}" if kind in instructions else "not counted"
        lines.append(f"| {kind} | {1e6 * median(seconds):.2f} | {1e6 * min(seconds):.2f} | {count} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60, help="how often each is measured, in turn (default: 60)")
    parser.add_argument("--instructions", action="store_true", help="count them too, with valgrind")
    parser.add_argument("--counted", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.counted is not None:
        uvloop.run(be_counted(options.counted[0], int(options.counted[1])))
        return 0
    if options.instructions and shutil.which("callgrind_control") is None:
        print("benchmarks: --instructions needs valgrind", file=sys.stderr)
        return 1
    print(table(uvloop.run(timed(options.rounds)), dict(counted()) if options.instructions else {}), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
