"""What `gatepost connect` says before it asks for anything."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest
import trustme
from aiohttp import ClientSession, web

from proxy.connect.api_client import NotServed, find_sign_in
from proxy.connect.app_address import read_address
from tests.connect.at_terminal import connecting
from tests.support.gatepost import command, environment, gatepost_here


def test_wrong_usage_is_said_in_one_line(tmp_path: Path) -> None:
    for arguments, told in (
        (["http://wiki.corp.example/"], "https only"),
        (["https://wiki.corp.example/", "--listen", "0.0.0.0:80"], "no loopback address"),
        (["https://wiki.corp.example/", "--ca-file", str(tmp_path / "none.pem")], "there is no such file"),
    ):
        done = gatepost_here("connect", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith("gatepost connect: ")
        assert told in line


def test_without_a_terminal_no_password_is_asked_for() -> None:
    done = subprocess.run(
        command("connect", "https://wiki.corp.example/"), env=environment(), start_new_session=True,
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        2,
        "gatepost connect: there is no terminal to ask for a password on\n",
    )


@pytest.mark.parametrize("knows_ca", [False, True])
async def test_a_private_ca_is_believed_only_if_it_is_named(tmp_path: Path, knows_ca: bool) -> None:
    """Beyond the handshake this server is no Gatepost, and that is said instead."""
    ca, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("wiki.localhost").configure_cert(context)
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    runner = web.AppRunner(web.Application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = "https://wiki.localhost:{1}/".format(*runner.addresses[0])
    more = ["--ca-file", str(tmp_path / "ca.pem")] if knows_ca else []
    try:
        async with connecting(url, *more, environ={}) as process:
            assert await process.ends() == 1
            told = "is no app behind a Gatepost" if knows_ca else "certificate verify failed"
            assert told in process.screen
            assert len(process.screen.strip().splitlines()) == 1
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "location",
    [
        "",
        "/.gatepost/sign-in",
        "http://evil.example/.gatepost/sign-in",
        "https://signin.localhost/.gatepost/sign-in",
        "http://signin.localhost/.gatepost/sign-in?x=1",
        "http://signin.localhost/elsewhere",
        "http://alice@signin.localhost/.gatepost/sign-in",
    ],
)
async def test_a_password_goes_where_the_apps_own_gatepost_leads_and_nowhere_in_clear(location: str) -> None:
    async def lead(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": location})

    served = web.Application()
    served.router.add_get("/.gatepost/sign-in", lead)
    runner = web.AppRunner(served, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with ClientSession() as http:
            with pytest.raises(NotServed, match="is no app behind a Gatepost"):
                await find_sign_in(http, read_address("http://127.0.0.1:{1}/".format(*runner.addresses[0])))
    finally:
        await runner.cleanup()
