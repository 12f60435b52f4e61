"""OpenVPN by `deploy/openvpn-auth`: a real server and client, and a person at a terminal."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from tests.portal.test_password_change import NAME, OLD
from tests.radius.conftest import RADIUSStage, Staging
from tests.support.eventually import eventually
from tests.support.gatepost import ROOT
from tests.support.radius import SECRET
from tests.support.terminal import conversation

SCRIPT = ROOT / "deploy" / "openvpn-auth"
OPENVPN = shutil.which("openvpn") or shutil.which("openvpn", path="/usr/sbin")
RADCLIENT = shutil.which("radclient")
CONTROL, REASON = "control", "reason"
COMPLETED = "Initialization Sequence Completed"
SERVER = """\
dev tun
proto udp4
local 127.0.0.1
port 0
server 10.199.0.0 255.255.255.0
topology subnet
ca {folder}/ca.pem
cert {folder}/server.pem
key {folder}/server.key
dh none
verify-client-cert none
username-as-common-name
script-security 2
auth-user-pass-verify "{script} {radius} {folder}/secret" via-file
tmp-dir {folder}
data-ciphers AES-256-GCM
verb 3
"""
CLIENT = """\
client
dev null
proto udp4
remote 127.0.0.1 {port}
ca {folder}/ca.pem
auth-user-pass
auth-retry interact
ifconfig-noexec
route-noexec
connect-retry 1 1
verb 3
"""


def asked(folder: Path, server: str, typed: str, name: str = NAME) -> tuple[str, str]:
    """What the script writes for OpenVPN: whether to let in, and what the client is told."""
    (folder / "secret").write_bytes(SECRET + b"\n")
    (folder / "typed").write_text(f"{name}\n{typed}\n")
    for each in (CONTROL, REASON):
        (folder / each).unlink(missing_ok=True)
    environ = {
        **os.environ,
        "auth_control_file": str(folder / CONTROL),
        "auth_failed_reason_file": str(folder / REASON),
        "untrusted_ip": "198.51.100.7",
    }
    command = [str(SCRIPT), server, str(folder / "secret"), str(folder / "typed")]
    finished = subprocess.run(command, env=environ, stdout=subprocess.PIPE, timeout=60, check=False)
    assert finished.returncode == 2, "it answers later"
    # Its output is open until the one that asks has ended.
    return (folder / CONTROL).read_text(), (folder / REASON).read_text()


@pytest.fixture
async def stage(staging: Staging) -> AsyncIterator[RADIUSStage]:
    made: RADIUSStage = staging()
    async with made.serving():
        yield made


def server_of(stage: RADIUSStage) -> str:
    ((host, port),) = stage.server.addresses
    return f"{host}:{port}"


@pytest.mark.skipif(RADCLIENT is None, reason="needs radclient (Debian: freeradius-utils)")
async def test_the_script_asks_for_the_code_and_lets_in(stage: RADIUSStage, tmp_path: Path) -> None:
    server = server_of(stage)
    let_in, told = await asyncio.to_thread(asked, tmp_path, server, OLD)
    assert let_in == "0"
    word, flags, state, _, text = told.split(":", 4)
    assert (word, flags) == ("CRV1", "R,E")
    assert "Enter the code" in text
    answer = f"CRV1::{state}::{stage.service.passcode}"
    assert await asyncio.to_thread(asked, tmp_path, server, answer) == ("1", "")
    assert (await asyncio.to_thread(asked, tmp_path, server, answer))[0] == "0"


@pytest.mark.skipif(RADCLIENT is None, reason="needs radclient (Debian: freeradius-utils)")
@pytest.mark.parametrize("typed", ["", 'x"\\', "CRV1::zz::1", "CRV1::zz"])
async def test_the_script_lets_nobody_in_by_what_they_type(stage: RADIUSStage, tmp_path: Path, typed: str) -> None:
    let_in, told = await asyncio.to_thread(asked, tmp_path, server_of(stage), typed)
    assert let_in == "0"
    assert "CRV1" not in told


@asynccontextmanager
async def openvpn_server(folder: Path, radius: str) -> AsyncIterator[int]:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", common_name="localhost")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    (folder / "server.pem").write_bytes(issued.cert_chain_pems[0].bytes())
    (folder / "server.key").write_bytes(issued.private_key_pem.bytes())
    (folder / "secret").write_bytes(SECRET)
    (folder / "server.conf").write_text(SERVER.format(folder=folder, script=SCRIPT, radius=radius))
    log = folder / "server.log"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            str(OPENVPN), "--config", str(folder / "server.conf"), stdout=file, stderr=file
        )
    try:
        await eventually(lambda: COMPLETED in log.read_text())
        yield udp_port_of(process.pid)
    finally:
        process.terminate()
        await process.wait()


def udp_port_of(process_id: int) -> int:
    inodes = {os.readlink(each) for each in Path(f"/proc/{process_id}/fd").iterdir()}
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if f"socket:[{fields[9]}]" in inodes:
            return int(fields[1].rpartition(":")[2], 16)
    raise AssertionError("it listens nowhere")


def openvpn_client(folder: Path, port: int, passcode: Callable[[], str]) -> str:
    """What it prints of a login that a person types at a terminal, until it is connected."""
    (folder / "client.conf").write_text(CLIENT.format(folder=folder, port=port))
    questions = [("Username:", lambda: NAME), ("Password:", lambda: OLD), ("CHALLENGE:", passcode)]
    return conversation([str(OPENVPN), "--config", str(folder / "client.conf")], questions, until=COMPLETED)


@pytest.mark.skipif(
    None in (OPENVPN, RADCLIENT) or os.geteuid() != 0 or not Path("/dev/net/tun").exists(),
    reason="needs openvpn, radclient, root and /dev/net/tun",
)
async def test_a_real_client_connects(stage: RADIUSStage, tmp_path: Path) -> None:
    async with openvpn_server(tmp_path, server_of(stage)) as port:
        told = await asyncio.to_thread(openvpn_client, tmp_path, port, lambda: stage.service.passcode)
    assert "Enter the code that was sent by SMS" in told
    assert COMPLETED in told, told
