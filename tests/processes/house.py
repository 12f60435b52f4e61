"""Gatepost with its workers, as `gatepost run` starts them, before one app that anybody may use."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.gatepost import GatepostProcess

CONFIGURATION = """\
[server]
listen = ["127.0.0.1:{port}"{listen}]
public_url = "http://signin.localhost:8080"
admin_listen = "127.0.0.1:0"
workers = {workers}
drain_timeout = "{drain}"
{server}
[[directories]]
name = "local"
type = "local"
file = "users.toml"
[smtp]
host = "127.0.0.1"
port = 1
security = "none"
from = "otp@corp.example"
[[apps]]
name = "Wiki"
host = "{host}"
upstream = "{upstream}"
[[apps.rules]]
path = "/"
public = true
{more}
"""
AUDIT = '[audit]\nfile = "audit/gatepost.jsonl"\n'
ALICE = (
    '[[users]]\nusername = "alice"\npassword_hash = '
    '"$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$ASk1XJqqSbW1k5ZbjXhRnhOzq6Hn2kcgNDN8Fhgf2Vk"\n'
)


class WorkersHouse:
    """`address` is where it listens, `admin` where it tells of itself; `config` may be written again."""

    def __init__(self, folder: Path, upstream: str, *, users: str = ALICE, **values: Any) -> None:
        self.config = folder / "gatepost.toml"
        self._values = {
            "port": 0, "listen": "", "workers": 2, "drain": "30s", "server": "",
            "host": "wiki.localhost", "upstream": upstream, "more": "", **values,
        }  # fmt: skip
        (folder / "users.toml").write_text(users)
        self.write()
        self.process = GatepostProcess(self.config)
        self.address = ("", 0)
        self.admin = ("", 0)
        self.workers: list[int] = []
        """Process ids, in the order in which they became ready."""

    def write(self, **changes: Any) -> None:
        self.config.write_text(CONFIGURATION.format(**self._values | changes))

    def start(
        self,
        *,
        arguments: Sequence[str] = ("run",),
        environ: dict[str, str] | None = None,
        sockets: dict[str, int] | None = None,
        open_files: int | None = None,
    ) -> None:
        self.process = GatepostProcess(
            self.config, arguments=arguments, environ=environ, sockets=sockets, open_files=open_files
        )
        self.process.start()
        lines = [json.loads(line) for line in self.process.log if line.startswith("{")]
        started = next(line for line in lines if line["event"] == "server.started")
        self.workers = [line["process"] for line in lines if line["event"] == "worker.ready"]
        self.address, self.admin = (_address(started[key]) for key in ("listen", "admin"))

    def hang_up(self) -> None:
        os.kill(self.process.pid, signal.SIGHUP)

    def wait_for(self, event: str, **fields: Any) -> dict[str, Any]:
        """The next line of this event with these fields."""
        while True:
            line: dict[str, Any] = json.loads(self.process.wait_for_log(f'"{event}"'))
            if fields.items() <= line.items():
                return line

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.process.log if line.startswith("{")]

    def audited(self) -> list[list[dict[str, Any]]]:
        """What `AUDIT` has written so far: the lines of each file."""
        files = sorted((self.config.parent / "audit").glob("gatepost-*"))
        return [[json.loads(line) for line in file.read_text().splitlines()] for file in files]


def _address(found: list[str]) -> tuple[str, int]:
    host, _, port = found[0].rpartition(":") if found else ("", "", "0")
    return host, int(port)


@contextmanager
def workers_house(
    folder: Path,
    upstream: str = "http://127.0.0.1:1",
    *,
    environ: dict[str, str] | None = None,
    sockets: dict[str, int] | None = None,
    open_files: int | None = None,
    **values: Any,
) -> Iterator[WorkersHouse]:
    house = WorkersHouse(folder, upstream, **values)
    try:
        house.start(environ=environ, sockets=sockets, open_files=open_files)
        yield house
    finally:
        house.process.__exit__()


def children_of(process_id: int) -> set[int]:
    return set(map(int, Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()))
