"""Sign-ins per second against one domain controller: Gatepost's directory beside a bare ldap3 loop.

    python -m benchmarks.sign_in [--seconds 4] [--rounds 5] [--threads 4] [--groups 500]

One Samba AD DC on loopback serves both, in turns, so that other work on the machine affects both alike. The bare loop
is the least that a sign-in can be: in each thread a search on a kept connection, then a bind as the person found on a
fresh TLS connection (one shared TLS context, no schema), once as ldap3 does it and once at its best, with TCP_NODELAY.
Gatepost does the same and reads the person again after the bind, with state, groups and numbers. Needs root and Samba.
Prints the medians, the ratios, the CPU time of this process per sign-in, and what a read costs for a person in many
groups.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import ssl
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ldap3
from pydantic import SecretStr

from benchmarks.configurations import PASSWORD, USERNAME
from benchmarks.gatepost import GROUP
from benchmarks.stage import GATEPOST
from config.settings import ActiveDirectorySettings
from directory.active_directory.active_directory import ActiveDirectory
from directory.login_name import LoginName
from directory.principal import Principal
from tests.support.samba_dc import SambaDC
from tests.support.samba_people import DomainGroup, DomainPerson

SERVICE = "svc-gatepost"
BARE_LOOP, BEST_LOOP = "bare ldap3 loop", "bare ldap3 loop with TCP_NODELAY"


class SharedTLS(ldap3.Tls):  # type: ignore[misc]
    """One context for all connections: ldap3 would read the certificates for each."""

    def __init__(self, ca_file: Path, host: str, *, no_delay: bool) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._shared, self._host, self._no_delay = ssl.create_default_context(cafile=ca_file), host, no_delay

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        if self._no_delay:
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.socket = self._shared.wrap_socket(connection.socket, server_hostname=self._host)


def bare_loop(dc: SambaDC, person: str, seconds: float, threads: int, *, no_delay: bool) -> float:
    """Sign-ins a second. Without `no_delay`, as ldap3 leaves it, each bind waits 40 ms for an acknowledgement."""
    tls = SharedTLS(dc.ca_file, dc.address, no_delay=no_delay)
    counts: list[int] = []
    end_at = time.monotonic() + seconds

    def server() -> ldap3.Server:
        return ldap3.Server(dc.address, port=636, use_ssl=True, get_info=ldap3.NONE, tls=tls)

    def loop() -> None:
        count = 0
        service = ldap3.Connection(server(), user=f"{SERVICE}@{dc.domain}", password=PASSWORD, auto_referrals=False)
        assert service.bind()
        while time.monotonic() < end_at:
            service.search(
                dc.base_dn,
                f"(&(objectCategory=person)(objectClass=user)(sAMAccountName={person}))",
                attributes=["objectGUID", "sAMAccountName", "mobile"],
            )
            dn = next(each["dn"] for each in service.response if each["type"] == "searchResEntry")
            user = ldap3.Connection(server(), user=dn, password=PASSWORD, auto_referrals=False)
            assert user.bind()
            user.unbind()
            count += 1
        service.unbind()
        counts.append(count)

    running = [threading.Thread(target=loop) for _ in range(threads)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    return sum(counts) / seconds


def gatepost(directory: ActiveDirectory, person: str, seconds: float, threads: int) -> float:
    """Sign-ins a second."""
    end_at = time.monotonic() + seconds

    async def loop() -> int:
        count = 0
        while time.monotonic() < end_at:
            account = await directory.find(LoginName(name=person))
            assert isinstance(await directory.authenticate(account, PASSWORD), Principal)
            count += 1
        return count

    async def all_loops() -> int:
        return sum(await asyncio.gather(*(loop() for _ in range(threads))))

    return asyncio.run(all_loops()) / seconds


def reads(directory: ActiveDirectory, person: str, repeats: int = 100) -> tuple[float, float]:
    """Milliseconds for one read of a person, groups included: in all, and of this process's CPU time."""

    async def repeat() -> tuple[float, float]:
        account = await directory.find(LoginName(name=person))
        assert account is not None
        assert await directory.read(account.guid) is not None
        started_at = time.monotonic()
        cpu_before = time.process_time()
        for _ in range(repeats):
            await directory.read(account.guid)
        seconds, cpu_seconds = time.monotonic() - started_at, time.process_time() - cpu_before
        return seconds / repeats * 1000, cpu_seconds / repeats * 1000

    return asyncio.run(repeat())


def cpu_milliseconds(measure: Callable[[], float], seconds: float) -> tuple[float, float]:
    before = time.process_time()
    rate = measure()
    return rate, (time.process_time() - before) / (rate * seconds) * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Of each contender a figure for every round; the rounds were taken in turn."""

    rates: dict[str, list[float]]
    """Sign-ins a second."""
    costs: dict[str, list[float]]
    """Milliseconds of this process's CPU time for each."""

    def ratios_to(self, name: str) -> list[float]:
        return [one / other for one, other in zip(self.rates[GATEPOST], self.rates[name], strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--groups", type=int, default=500)
    parser.add_argument("--cache", type=Path, help="keep the empty domain here between runs")
    given = parser.parse_args()
    persons = [
        DomainPerson(username=name, password=PASSWORD, display_name=name, mobile="07400 123456")
        for name in (SERVICE, USERNAME, "joiner")
    ]
    groups = [DomainGroup(name=f"Group {number}", members=["joiner"]) for number in range(given.groups)]
    groups.append(DomainGroup(name=GROUP, members=[USERNAME]))
    with (
        tempfile.TemporaryDirectory(prefix="gatepost-") as folder,
        SambaDC(Path(folder) / "dc", address=None, persons=persons, groups=groups, cache=given.cache) as dc,
        served_by(dc, given.threads) as directory,
    ):
        contest = compare(dc, directory, seconds=given.seconds, rounds=given.rounds, threads=given.threads)
        for name, rates in contest.rates.items():
            rate, cost = statistics.median(rates), statistics.median(contest.costs[name])
            print(f"{name:34} {rate:7.1f} sign-ins/s with {given.threads} threads, {cost:5.2f} ms CPU each")
        for name in (BARE_LOOP, BEST_LOOP):
            ratios = contest.ratios_to(name)
            rounds = ", ".join(f"{ratio:.2f}" for ratio in ratios)
            print(f"Gatepost / {name}: {statistics.median(ratios):.2f} (rounds {rounds})")
        for person, count in ((USERNAME, 1), ("joiner", given.groups)):
            whole, cpu = reads(directory, person)
            print(f"read of a person in {count} groups: {whole:.1f} ms, {cpu:.2f} ms of them CPU here")


@contextlib.contextmanager
def served_by(dc: SambaDC, threads: int) -> Iterator[ActiveDirectory]:
    settings = ActiveDirectorySettings(
        type="active_directory",
        name="corp",
        domain=dc.domain,
        servers=(dc.url,),
        ca_file=dc.ca_file,
        bind_user=f"{SERVICE}@{dc.domain}",
        bind_password=SecretStr(PASSWORD),
        connections=threads,
    )
    directory = ActiveDirectory(settings, frozenset({GROUP, "Group 0"}))
    try:
        yield directory
    finally:
        asyncio.run(directory.close())


def compare(dc: SambaDC, directory: ActiveDirectory, *, seconds: float, rounds: int, threads: int = 4) -> Contest:
    contenders = {
        BARE_LOOP: lambda: bare_loop(dc, USERNAME, seconds, threads, no_delay=False),
        BEST_LOOP: lambda: bare_loop(dc, USERNAME, seconds, threads, no_delay=True),
        GATEPOST: lambda: gatepost(directory, USERNAME, seconds, threads),
    }
    contest = Contest(rates={name: [] for name in contenders}, costs={name: [] for name in contenders})
    for _ in range(rounds):
        for name, measure in contenders.items():
            rate, cost = cpu_milliseconds(measure, seconds)
            contest.rates[name].append(rate)
            contest.costs[name].append(cost)
    return contest


if __name__ == "__main__":
    main()
