"""What `gatepost connect` says before it asks for anything."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from tests.connect.at_terminal import connecting
from tests.support.gatepost import command, environment, gatepost


def test_wrong_usage_is_said_in_one_line(tmp_path: Path) -> None:
    for arguments, told in (
        (["http://wiki.corp.example/"], "https only"),
        (["https://wiki.corp.example/", "--listen", "0.0.0.0:80"], "no loopback address"),
        (["https://wiki.corp.example/", "--ca-file", str(tmp_path / "none.pem")], "No such file"),
    ):
        done = gatepost("connect", *arguments)
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
