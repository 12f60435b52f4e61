"""What `directory/active_directory/messages.py` saves: the same sign-ins and the same sweep with ldap3's own messages.

    SAMBA_CACHE=/var/tmp/gatepost python -m benchmarks.ldap_messages [--persons 10000] [--rounds 7] [--sign-ins 100]

Gatepost's directory code runs as it is; only what binds, searches and reads pages is exchanged: by ldap3's operations,
on the same connections (TCP_NODELAY, one TLS context, no schema, no names checked, kept service connections), with its
strategies. Its raw attributes are taken. Rounds alternate between all of them. Prints the medians of this
process's CPU time: per sign-in (search, bind, read) and per 1,000 persons of a sweep. Needs root and Samba.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import ssl
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import ldap3

from benchmarks.mobiles import domain
from directory.active_directory import connection, deadline_socket, domain_controller, paged_search, sweep
from directory.active_directory.active_directory import ActiveDirectory
from directory.active_directory.connection import Connection
from directory.active_directory.messages import INVALID_CREDENTIALS, SUCCESS, Entry, LDAPResult, Search, SearchAnswer
from directory.login_name import LoginName
from directory.principal import Principal
from tests.support.samba import PASSWORD, person, settings_for
from tests.support.samba_dc import SambaDC
from tests.support.samba_people import DomainGroup

_PAGED_RESULTS = "1.2.840.113556.1.4.319"
_SCOPES = {"base": ldap3.BASE, "subtree": ldap3.SUBTREE, "one": ldap3.LEVEL}


def entry_of(found: dict[str, Any]) -> Entry:
    raw = found["raw_attributes"].items()
    return Entry(dn=found["dn"], attributes={name.lower(): tuple(values) for name, values in raw if values})


class LDAP3Messages(Connection):
    """Gatepost's connection, with ldap3 building and taking apart every message. SYNC leaves a result in it."""

    def perform(self, name: str, *given: Any, **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The result of an operation, and its entries."""
        getattr(self._ldap, name)(*given, **options)
        return self._ldap.result, self._ldap.response or []

    def bind(self, name: str, password: bytes, *, deadline: float) -> LDAPResult:
        with self._failures_translated(deadline):
            self._ldap.user, self._ldap.password, self._ldap.authentication = name, password, ldap3.SIMPLE
            result, _ = self.perform("bind", read_server_info=False)
            return LDAPResult(code=result["result"], diagnostic=result["message"])

    def search(self, search: Search, *, deadline: float) -> SearchAnswer:
        with self._failures_translated(deadline):
            result, response = self.perform(
                "search",
                search.base_dn,
                search.filter_text,
                search_scope=_SCOPES[search.scope],
                dereference_aliases=ldap3.DEREF_NEVER,
                attributes=list(search.attributes) or [ldap3.NO_ATTRIBUTES],
                size_limit=search.size_limit,
                paged_size=None if search.page is None else search.page.size,
            )
            entries = [entry_of(each) for each in response if each["type"] == "searchResEntry"]
            return SearchAnswer(
                outcome=LDAPResult(code=result["result"], diagnostic=result["message"]), entries=entries
            )


class LDAP3SafeSync(LDAP3Messages):
    """SAFE_SYNC returns a result."""

    def perform(self, name: str, *given: Any, **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        _, result, response, _ = getattr(self._ldap, name)(*given, **options)
        return result, response or []


class LDAP3Async(LDAP3Messages):
    """ASYNC has a thread for each connection, which receives. It waits longer than any deadline: there is none here."""

    @classmethod
    def _open_address(cls, server: Any, context: ssl.SSLContext, address: str, deadline: float, seconds: float) -> Any:
        return super()._open_address(server, context, address, deadline + 3600.0, seconds)

    def _require_tls(self) -> None:
        """The socket is one of ssl's own."""

    def perform(self, name: str, *given: Any, **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        if name == "bind":  # ldap3 waits for this one itself, and does not keep its result
            return {"result": SUCCESS if self._ldap.bind(**options) else INVALID_CREDENTIALS, "message": ""}, []
        response, result = self._ldap.get_response(getattr(self._ldap, name)(*given, **options), timeout=120)
        return result, response or []


class LDAP3Pages:
    """`PagedSearch` as ldap3 reads pages: one after the other."""

    def __init__(self, connection: LDAP3Messages, search: Search, *, page_size: int, wait_seconds: float) -> None:
        self._connection, self._given = connection, (search.base_dn, search.filter_text)
        self._attributes, self._size, self._wait = list(search.attributes), page_size, wait_seconds

    def __iter__(self) -> Iterator[Entry]:
        cookie = None
        while True:
            with self._connection._failures_translated(time.monotonic() + self._wait):
                result, response = self._connection.perform(
                    "search",
                    *self._given,
                    attributes=self._attributes,
                    dereference_aliases=ldap3.DEREF_NEVER,
                    paged_size=self._size,
                    paged_cookie=cookie,
                    paged_criticality=True,
                )
            yield from (entry_of(each) for each in response if each["type"] == "searchResEntry")
            cookie = result["controls"][_PAGED_RESULTS]["value"]["cookie"]
            if not cookie:
                return


class Contender:
    """One way to make and read messages, with a directory of its own that keeps its connections."""

    def __init__(
        self, dc: SambaDC, kind: type[Connection], pages: type[Any], strategy: str, sockets: type[ssl.SSLSocket]
    ) -> None:
        self._exchanged = (
            (domain_controller, "Connection", kind),
            (sweep, "Connection", kind),
            (sweep, "PagedSearch", pages),
            (connection.ldap3, "SYNC", strategy),
            (deadline_socket, "DeadlineTLSSocket", sockets),
        )
        self._settings = settings_for(dc)
        with self._in_place():
            self._directory = ActiveDirectory(self._settings, frozenset({"Wiki Users"}))

    @contextlib.contextmanager
    def _in_place(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for module, name, value in self._exchanged:
                stack.enter_context(mock.patch.object(module, name, value))
            yield

    async def sign_in(self, count: int) -> float:
        """Milliseconds of CPU time per sign-in."""
        with self._in_place():
            before = time.process_time()
            for _ in range(count):
                account = await self._directory.find(LoginName(name="alice"))
                assert isinstance(await self._directory.authenticate(account, PASSWORD), Principal)
            return (time.process_time() - before) / count * 1000

    def sweep(self) -> float:
        """Milliseconds of CPU time per 1,000 persons."""
        with self._in_place():
            before = time.process_time()
            count = sum(1 for _ in sweep.sweep(self._settings))
            return (time.process_time() - before) / count * 1_000_000

    async def close(self) -> None:
        with self._in_place():
            await self._directory.close()


async def compare(dc: SambaDC, *, rounds: int, sign_ins: int, strategies: list[str]) -> None:
    own = deadline_socket.DeadlineTLSSocket
    known = {
        "ours": Contender(dc, Connection, paged_search.PagedSearch, ldap3.SYNC, own),
        "ldap3 SYNC": Contender(dc, LDAP3Messages, LDAP3Pages, ldap3.SYNC, own),
        "ldap3 SAFE_SYNC": Contender(dc, LDAP3SafeSync, LDAP3Pages, ldap3.SAFE_SYNC, own),
        "ldap3 ASYNC": Contender(dc, LDAP3Async, LDAP3Pages, ldap3.ASYNC, ssl.SSLSocket),
    }
    contenders = {name: each for name, each in known.items() if name == "ours" or name.split()[1] in strategies}
    for each in contenders.values():  # connections are opened, the server's cache is warm
        await each.sign_in(5)
        each.sweep()
    costs: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, each in contenders.items():
            cost = await each.sign_in(sign_ins), each.sweep()
            costs[name].append(cost)
            print(f"{name:16} {cost[0]:6.2f} ms a sign-in, {cost[1]:7.1f} ms per 1,000", flush=True)
    print("medians:")
    for name, each in contenders.items():
        await each.close()
        (sign_in, swept), (own_sign_in, own_swept) = (
            [statistics.median(column) for column in zip(*costs[one], strict=True)] for one in (name, "ours")
        )
        print(
            f"{name:16} {sign_in:6.2f} ms CPU a sign-in ({sign_in / own_sign_in:.2f} x),"
            f" {swept:7.1f} ms CPU per 1,000 persons ({swept / own_swept:.2f} x)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sign-ins", type=int, default=100)
    # The threads of ASYNC take CPU for as long as they live, also while others are measured.
    parser.add_argument("--strategies", nargs="*", default=["SYNC", "SAFE_SYNC"], help="of ldap3; ASYNC is one, too")
    given = parser.parse_args()
    cache = Path(os.environ.get("SAMBA_CACHE") or Path(tempfile.gettempdir()) / "gatepost-cache")
    with domain(given.persons, cache) as dc:
        dc.add([person("alice", mail="alice@corp.example")], [DomainGroup(name="Wiki Users", members=["alice"])])
        asyncio.run(compare(dc, rounds=given.rounds, sign_ins=given.sign_ins, strategies=given.strategies))


if __name__ == "__main__":
    main()
