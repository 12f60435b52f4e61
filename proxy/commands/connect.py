"""`gatepost connect`: signs in on the terminal, and serves an app on loopback with the session added.

It needs no configuration, as it runs on the machines of its users. Exit codes: 0 it served until Ctrl-C, 1 nobody was
signed in or the app cannot be reached, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import signal
import socket
import ssl
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TextIO

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from config.certificates import client_context
from config.problems import UnusableFile
from config.system_errors import listening_reason
from proxy.connect.api_client import USER_AGENT, APIClient, NotServed, find_sign_in
from proxy.connect.app_address import AppAddress, UnusableAddress, is_of_this_machine, read_address, read_listen
from proxy.connect.conversation import NobodySignedIn
from proxy.connect.held_session import HeldSession
from proxy.connect.kept_token import KeptTokens
from proxy.connect.local_proxy import LocalProxy
from proxy.connect.terminal import NobodyThere, Terminal, plain

_CALL_SECONDS = 30.0
"""How long one call of the API may take."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="of the app, such as https://wiki.corp.example/")
    parser.add_argument(
        "--listen", default="127.0.0.1:0", metavar="127.0.0.1:PORT", help="where to serve it (default: a free port)"
    )
    parser.add_argument("--user", default="", metavar="NAME", help="your user name (default: it is asked for)")
    parser.add_argument(
        "--ca-file", type=Path, metavar="FILE", help="certificates of a CA that only your organisation knows"
    )
    parser.add_argument("--open", action="store_true", help="serve every user of this machine, without a secret")
    parser.add_argument(
        "--no-keep", action="store_true", help="do not keep the session for the next connect: sign out at the end"
    )


def run(arguments: argparse.Namespace, stdout: TextIO) -> int:
    try:
        app, listen = read_address(arguments.url), read_listen(arguments.listen)
        trust = client_context(arguments.ca_file)
    except UnusableAddress as error:
        return _failed(str(error), 2)
    except UnusableFile as error:
        return _failed(f"--ca-file: {error}", 2)
    kept = None if arguments.no_keep else KeptTokens.of_user(os.environ)
    try:
        terminal = Terminal()
    except NobodyThere as error:
        return _failed(str(error), 2)
    try:
        asyncio.run(_connect(arguments, app, listen, trust, kept, terminal, stdout))
    except (NotServed, NobodySignedIn, NobodyThere) as error:
        return _failed(str(error), 1)
    except OSError as error:
        return _failed(f"cannot listen on {arguments.listen}: {listening_reason(error)}", 1)
    finally:
        terminal.close()
    return 0


async def _connect(
    arguments: argparse.Namespace,
    app: AppAddress,
    listen: tuple[str, int],
    trust: ssl.SSLContext,
    kept: KeptTokens | None,
    terminal: Terminal,
    stdout: TextIO,
) -> None:
    async with AsyncExitStack() as stack:

        async def client(timeout: ClientTimeout, headers: Mapping[str, str]) -> ClientSession:
            return await stack.enter_async_context(
                ClientSession(
                    connector=TCPConnector(ssl=trust, resolver=_Resolver(), limit=0),
                    cookie_jar=DummyCookieJar(),
                    timeout=timeout,
                    headers=headers,
                    auto_decompress=False,
                )
            )

        calls = await client(ClientTimeout(total=_CALL_SECONDS), {"User-Agent": USER_AGENT})
        api = APIClient(http=calls, origin=await find_sign_in(calls, app))
        session = HeldSession(api, terminal, kept, app_origin=app.origin, app_host=app.host, username=arguments.user)
        await session.begin(getpass.getuser())
        stack.push_async_callback(_end, session)  # also where nothing can be served
        passing = await client(ClientTimeout(total=None, sock_connect=_CALL_SECONDS), {})
        proxy = LocalProxy(passing, app, session, is_open=arguments.open)
        address = await stack.enter_async_context(proxy.serving(*listen))
        print(address, file=stdout, flush=True)
        await _until_ctrl_c(session)


async def _end(session: HeldSession) -> None:
    with suppress(NotServed):
        await session.end()


async def _until_ctrl_c(session: HeldSession) -> None:
    """Raises `NobodyThere` where the session has to begin again and the terminal was closed."""
    loop, watching = asyncio.get_running_loop(), asyncio.create_task(session.watch())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, watching.cancel)
    with suppress(asyncio.CancelledError):
        await watching


class _Resolver(AbstractResolver):
    """The system's, but for names of this machine, which many systems do not know (RFC 6761 section 6.3)."""

    def __init__(self) -> None:
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return await self._system.resolve("localhost" if is_of_this_machine(host) else host, port, family)

    async def close(self) -> None:
        await self._system.close()


def _failed(message: str, code: int) -> int:
    print(f"gatepost connect: {plain(message)}", file=sys.stderr)
    return code
