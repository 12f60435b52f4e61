"""Gatepost as it is measured: the real server with its real store, and sessions put in through the store.

    python -m benchmarks.gatepost --config FILE --host HOST ... [--group GROUP ...] [--sessions N --tokens FILE]
        [--profile FILE]

Prints one line of JSON once it serves: `{"ports": [...], "tokens": {HOST: ...}}`, the cookies of a session that is
signed in on every `--host`, and under `*` the token of a client without a browser. With `--tokens`, N more sessions are
stored, signed in on the first host, and their tokens written to that file, one a line.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import pstats
import signal
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import uvloop

from config.factors import Factor
from config.load import load_settings
from config.settings import Settings
from directory.principal import Principal
from proxy.commands.child import settle
from proxy.factors.proof import Proof
from proxy.operations.log import configure_log
from proxy.secrets.tokens import new_token, token_digest
from proxy.server import running
from proxy.sessions.session import Session
from proxy.sessions.way import TOKEN_HOST, Way
from proxy.store.contract import Store
from proxy.store.open import open_store

GROUP = "Wiki Users"
_AT_ONCE = 500


async def store_sessions(
    store: Store, hosts: list[str], count: int, *, groups: Iterable[str] = (GROUP,)
) -> list[dict[str, str]]:
    """`count` sessions of as many persons, signed in by password and passcode; of each its tokens by host."""
    tokens: list[dict[str, str]] = []
    for start in range(0, count, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, count))
        tokens += await asyncio.gather(*(_store_session(store, hosts, _session(number, groups)) for number in numbers))
    return tokens


async def _store_session(store: Store, hosts: list[str], session: Session) -> dict[str, str]:
    tokens = {host: new_token() for host in hosts}
    first, *others = hosts
    await store.sessions.create_session(session, cookie=token_digest(tokens[first]), host=first)
    for host in others:
        await store.sessions.add_cookie(session.session_id, cookie=token_digest(tokens[host]), host=host)
    return tokens


def _session(number: int, groups: Iterable[str] = (GROUP,)) -> Session:
    now = time.time()
    person = Principal(
        guid=f"00000000-0000-0000-0000-{number:012}",
        realm="corp",
        username=f"person{number}",
        display_name=f"Person {number} of the Company",
        mail=f"person{number}@corp.example",
        mobiles=("07400 123456",),
        groups=frozenset(groups),
    )
    return Session(
        session_id=new_token(),
        principal=person,
        scheme="browser",
        factors=((Factor.PASSWORD,), (Factor.SMS,)),
        proven=(Proof(Factor.PASSWORD, now), Proof(Factor.SMS, now)),
        created_at=now,
        last_used_at=now,
        client_address="127.0.0.1",
        user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    )


async def store_token(store: Store) -> str:
    """Of the first person, for a client without a browser."""
    token = new_token()
    await store.sessions.create_session(replace(_session(0), way=Way.API), cookie=token_digest(token), host=TOKEN_HOST)
    return token


async def _prepare(settings: Settings, arguments: argparse.Namespace) -> dict[str, str]:
    """In a separate loop, so that the measured server starts without leftovers."""
    store = open_store(settings.store)
    (tokens,) = await store_sessions(store, arguments.host, 1, groups=arguments.group or (GROUP,))
    tokens[TOKEN_HOST] = await store_token(store)
    if arguments.tokens is not None:
        host = arguments.host[0]
        more = await store_sessions(store, [host], arguments.sessions)
        arguments.tokens.write_text("".join(f"{each[host]}\n" for each in more))
    await store.close()
    return tokens


async def _serve(settings: Settings, tokens: dict[str, str], profile: cProfile.Profile | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(settings, log=configure_log()) as gatepost:
        ports = [port for _, port in gatepost.addresses]
        print(json.dumps({"ports": ports, "tokens": tokens}), flush=True)
        if profile is not None:
            profile.enable()
        await stop.wait()
        if profile is not None:
            profile.disable()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--host", action="append", required=True)
    parser.add_argument("--group", action="append", help="of the person who is signed in")
    parser.add_argument("--sessions", type=int, default=0)
    parser.add_argument("--tokens", type=Path)
    parser.add_argument("--only-store", action="store_true", help="print the line and end: the store is prepared")
    parser.add_argument("--profile", type=Path, help="write what cProfile saw of the event loop's thread")
    arguments = parser.parse_args()
    settings = load_settings(arguments.config, {})
    tokens = uvloop.run(_prepare(settings, arguments))
    if arguments.only_store:
        print(json.dumps({"ports": [], "tokens": tokens}), flush=True)
        return
    settle()  # as a worker of `gatepost run` does
    profile = cProfile.Profile() if arguments.profile is not None else None
    uvloop.run(_serve(settings, tokens, profile))
    if profile is not None:
        with arguments.profile.open("w") as file:
            pstats.Stats(profile, stream=file).sort_stats("tottime").print_stats(40)


if __name__ == "__main__":
    main()
