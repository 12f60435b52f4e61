"""What the watch costs with many live sessions: CPU time of this process, LDAP searches, and how soon a change is seen.

    SAMBA_CACHE=/var/tmp/gatepost python -m benchmarks.watch [--persons 10000] [--seconds 60]

One Samba AD DC on loopback (built as for `benchmarks.mobiles`), a SQLite store with one session for each person, a
configured group with a thousand of them, and no requests. Prints what it costs to read everybody once (after a start,
or when the group changes), what a quiet minute costs, with `recheck` at its default, and for some changes the seconds
from the change to the end of the session.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog

from benchmarks.mobiles import domain
from config.factors import Factor
from config.settings import SessionSettings
from directory.active_directory.active_directory import ActiveDirectory
from directory.active_directory.reader import Reader
from directory.login_name import LoginName
from directory.principal import Account, Principal
from directory.realms import Realms
from proxy.factors.proof import Proof
from proxy.secrets.tokens import new_token
from proxy.sessions.live_sessions import LiveSessions
from proxy.sessions.session import Session
from proxy.sessions.watch import SessionWatch
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.support.samba import settings_for
from tests.support.samba_dc import SambaDC

GROUP = "Many Users"
IN_GROUP = 1000
LOG = structlog.make_filtering_bound_logger(50)(structlog.PrintLogger(), [], {})


class Searches:
    """Counts every search that a directory makes."""

    def __init__(self) -> None:
        self.count = 0
        search = Reader.search

        def counting(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            return search(*arguments, **options)

        Reader.search = counting  # type: ignore[method-assign]


class Meter:
    def __init__(self, searches: Searches) -> None:
        self._searches = searches
        self._before = (time.perf_counter(), time.process_time(), searches.count)

    def told(self) -> str:
        wall, cpu, count = self._before
        return (
            f"{time.perf_counter() - wall:.1f} s, {time.process_time() - cpu:.2f} s CPU, "
            f"{self._searches.count - count} searches"
        )


async def accounts_of(directory: ActiveDirectory, count: int) -> list[Account]:
    """Those that can sign in."""
    found: list[Account] = []

    async def look(indices: Sequence[int]) -> None:
        for index in indices:
            account = await directory.find(LoginName(name=f"person{index:06}"))
            if account is not None:
                found.append(account)

    await asyncio.gather(*(look(range(start, count, 4)) for start in range(4)))
    sound = []
    for start in range(0, len(found), 200):
        some = found[start : start + 200]
        doubtful = await directory.doubtful([each.guid for each in some])
        sound += [each for each in some if each.guid not in doubtful]
    return sound


def session_of(account: Account) -> Session:
    now = time.time()
    return Session(
        session_id=new_token(),
        principal=Principal(
            guid=account.guid, realm=account.realm, username=account.username, display_name=account.username
        ),
        scheme="browser",
        factors=((Factor.PASSWORD,), (Factor.SMS,)),
        proven=(Proof(Factor.PASSWORD, now), Proof(Factor.SMS, now)),
        created_at=now,
        last_used_at=now,
        client_address="192.0.2.1",
    )


async def until_all_are_read(watch: SessionWatch) -> None:
    while True:
        await watch.look()
        if watch.backlog == 0:
            return


async def seconds_to_end(dc: SambaDC, ended: asyncio.Queue[str], ldif: str) -> float:
    await asyncio.to_thread(dc.modify, ldif)
    started_at = time.perf_counter()
    async with asyncio.timeout(120):
        await ended.get()
    return time.perf_counter() - started_at


async def measure(dc: SambaDC, folder: Path, persons: int, seconds: float) -> None:
    searches = Searches()
    directory = ActiveDirectory(settings_for(dc), frozenset({GROUP}))
    store = SQLiteStore(folder / "state.db")
    accounts = await accounts_of(directory, persons)
    members = "".join(f"member: {each.locator}\n" for each in accounts[:IN_GROUP])
    group_dn = f"CN={GROUP},CN=Users,{dc.base_dn}"
    dc.modify(f"dn: {group_dn}\nchangetype: add\nobjectClass: group\nsAMAccountName: {GROUP}\n{members}")
    for number, each in enumerate(accounts):
        await store.sessions.create_session(
            session_of(each), cookie=number.to_bytes(32, "big"), host="wiki.corp.example"
        )
    sessions = LiveSessions(store.sessions, SessionSettings(idle=36_000.0))
    ended: asyncio.Queue[str] = asyncio.Queue()
    sessions.on_end(ended.put_nowait)
    watch = SessionWatch(store=store.sessions, sessions=sessions, realms=Realms([directory]), log=LOG)
    print(f"{len(accounts)} live sessions, {min(IN_GROUP, len(accounts))} of them in the configured group", flush=True)

    meter = Meter(searches)
    await until_all_are_read(watch)
    print(f"everybody read after a start, each record rewritten: {meter.told()}", flush=True)

    running = asyncio.create_task(watch.run())
    meter = Meter(searches)
    await asyncio.sleep(seconds)
    print(f"{seconds:.0f} quiet seconds: {meter.told()}", flush=True)

    last = accounts[-5:]
    change: Callable[[Account, str], str] = lambda each, what: f"dn: {each.locator}\nchangetype: {what}\n"  # noqa: E731
    disabled = change(last[0], "modify") + "replace: userAccountControl\nuserAccountControl: 546\n"
    print(f"disabled: {await seconds_to_end(dc, ended, disabled):.1f} s to the end of the session", flush=True)
    deleted = [await seconds_to_end(dc, ended, change(each, "delete")) for each in last[1:4]]
    print("deleted: " + ", ".join(f"{each:.1f}" for each in deleted) + " s", flush=True)

    changed: asyncio.Queue[Session] = asyncio.Queue()
    sessions.on_change(changed.put_nowait)
    meter = Meter(searches)
    removed = f"dn: {group_dn}\nchangetype: modify\ndelete: member\nmember: {accounts[IN_GROUP // 2].locator}\n"
    await asyncio.to_thread(dc.modify, removed)
    started_at = time.perf_counter()
    async with asyncio.timeout(600):
        await changed.get()
        print(f"taken out of the group: {time.perf_counter() - started_at:.1f} s to the change", flush=True)
        while watch.backlog:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(0.5)
    print(f"everybody read after that: {meter.told()}", flush=True)

    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await store.close()
    await directory.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    cache = Path(os.environ.get("SAMBA_CACHE") or Path(tempfile.gettempdir()) / "gatepost-cache")
    with domain(options.persons, cache) as dc, tempfile.TemporaryDirectory(prefix="gatepost-") as folder:
        asyncio.run(measure(dc, Path(folder), options.persons, options.seconds))


if __name__ == "__main__":
    main()
