"""RADIUS with its real parts: radclient asks, two workers answer, and a real domain says who people are."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
import trustme

from tests.end_to_end.house import House, open_house
from tests.support import changes as admin
from tests.support.eventually import eventually
from tests.support.gatepost import free_port, gatepost
from tests.support.radius import ACCEPT, SECRET, Disconnected, Gateway, access_request, checked_answer
from tests.support.samba import PASSWORD, person
from tests.support.samba_dc import SambaDC
from tests.support.samba_people import DomainGroup
from tests.support.terminal import conversation

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),  # one Gatepost for all, each test with a person of its own
    pytest.mark.skipif(shutil.which("radclient") is None, reason="needs radclient (Debian: freeradius-utils)"),
]

GROUP = "VPN People"
NAMES = ("right", "again", "twice", "ocserv", "disabled")
OCSERV_SECRET = "a-secret-of-radcli"
MORE = """
[mobile]
then = "send"
[radius]
listen = ["127.0.0.1:{port}"]
[[radius.clients]]
name = "VPN"
address = "127.0.0.0/8"
secret = "{secret}"
disconnect_port = {disconnect_port}
[[radius.clients]]
name = "ocserv"
address = "127.0.0.2"
secret = "{ocserv_secret}"
require_message_authenticator = false
[[radius.attributes]]
groups = ["{group}"]
send = ["Filter-Id = staff", "Class = OU=staff"]
"""
WITHIN_SECONDS = 5.0


def login(name: str) -> str:
    return f"vpn-{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What radclient has verified and printed."""

    code: str
    attributes: dict[str, str]

    @property
    def state(self) -> str:
        return self.attributes["State"]


@dataclass(slots=True, kw_only=True)
class VPN:
    house: House
    domain: SambaDC
    port: int
    disconnected: Disconnected
    config: Path

    async def radclient(self, command: str = "auth", **attributes: str) -> Answer:
        """Its answer to a request with these attributes, `_` for `-`."""
        pairs = {name.replace("_", "-"): value for name, value in attributes.items()}
        text = "\n".join([*(f"{name} = {value}" for name, value in pairs.items()), "Message-Authenticator = 0x00"])
        process = await asyncio.create_subprocess_exec(
            *("radclient", "-x", "-r", "1", "-t", "20", f"127.0.0.1:{self.port}", command, SECRET.decode()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await process.communicate(text.encode())
        _, received, answer = told.decode().partition("Received ")
        assert received, told.decode()
        found = re.findall(r"^\t([A-Za-z-]+) = (.*)$", answer, re.MULTILINE)
        return Answer(code=answer.partition(" ")[0], attributes={name: value.strip('"') for name, value in found})

    async def sign_in(self, name: str, *, session: str) -> Answer:
        asked = await self.radclient(User_Name=login(name), User_Password=f'"{PASSWORD}"', Acct_Session_Id=session)
        assert asked.code == "Access-Challenge"
        passcode = (await self.house.next_text()).passcode
        return await self.radclient(
            User_Name=login(name), User_Password=passcode, State=asked.state, Acct_Session_Id=session
        )

    async def sessions(self, name: str) -> list[dict[str, str]]:
        listed = await asyncio.to_thread(
            *(gatepost, "sessions", "list", "--json", "--person", login(name), "--config", str(self.config))
        )
        assert listed.returncode == 0, listed.stderr
        found: list[dict[str, str]] = json.loads(listed.stdout)
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vpn(corp: SambaDC, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VPN]:
    persons = [person(login(name), mobile=f"07400 1236{number:02}") for number, name in enumerate(NAMES)]
    await asyncio.to_thread(corp.add, persons, [DomainGroup(name=GROUP, members=[each.username for each in persons])])
    folder = tmp_path_factory.mktemp("vpn")
    disconnected = await Disconnected.listening()
    port = free_port()
    more = MORE.format(
        port=port,
        secret=SECRET.decode(),
        ocserv_secret=OCSERV_SECRET,
        disconnect_port=disconnected.port,
        group=GROUP,
    )
    async with open_house(folder, corp, more=more, environ={"GATEPOST_SERVER__WORKERS": "2"}) as house:
        await eventually(lambda: any('"radius.listening"' in line for line in house.process.log))
        yield VPN(house=house, domain=corp, port=port, disconnected=disconnected, config=folder / "gatepost.toml")
    disconnected.close()


async def test_the_right_password_and_code_let_in_with_the_groups_attributes(vpn: VPN) -> None:
    refused = await vpn.radclient(User_Name=login("right"), User_Password="wrong")
    assert refused.code == "Access-Reject"
    accepted = await vpn.sign_in("right", session="one")
    assert (accepted.code, accepted.attributes["Filter-Id"]) == ("Access-Accept", "staff")
    assert 43_000 < int(accepted.attributes["Session-Timeout"]) <= 43_200
    (listed,) = await vpn.sessions("right")
    assert (listed["way"], listed["state"]) == ("radius", "signed_in")
    assert listed["address"].startswith("RADIUS VPN ")
    assert login("right") not in listed["address"]


async def test_a_code_is_sent_again_and_a_wrong_one_is_asked_for_again(vpn: VPN) -> None:
    asked = await vpn.radclient(User_Name=login("again"), User_Password=f'"{PASSWORD}"')
    first = await vpn.house.next_text()
    await asyncio.sleep(1.0)  # passcode.resend_after
    again = await vpn.radclient(User_Name=login("again"), User_Password="again", State=asked.state)
    assert again.code == "Access-Challenge"
    assert (await vpn.house.next_text()).passcode == first.passcode
    wrong = "000000" if first.passcode != "000000" else "000001"
    answer = await vpn.radclient(User_Name=login("again"), User_Password=wrong, State=again.state)
    assert "4 tries are left" in answer.attributes["Reply-Message"]
    accepted = await vpn.radclient(User_Name=login("again"), User_Password=first.passcode, State=answer.state)
    assert accepted.code == "Access-Accept"


async def test_the_same_packet_five_times_is_one_sms_with_two_workers(vpn: VPN) -> None:
    gateway = await Gateway.to(("127.0.0.1", vpn.port))
    request, data = access_request(login("twice"), PASSWORD)
    for _ in range(5):
        gateway.send(data)
    answer = await gateway.answer()
    gateway.send(data)
    assert await gateway.answer() == answer
    assert checked_answer(request, answer).code != ACCEPT
    await vpn.house.next_text()
    assert vpn.house.sink.messages == []
    gateway.close()


async def test_a_status_server_is_answered(vpn: VPN) -> None:
    assert (await vpn.radclient("status")).code == "Access-Accept"


async def test_a_disabled_account_is_disconnected_within_seconds(vpn: VPN) -> None:
    assert (await vpn.sign_in("disabled", session="5A3B")).code == "Access-Accept"
    await asyncio.to_thread(admin.disable, vpn.domain, login("disabled"))
    told = await vpn.disconnected.next(WITHIN_SECONDS)
    assert (told[1], told[44]) == ([login("disabled").encode()], [b"5A3B"])
    await asyncio.to_thread(vpn.house.process.wait_for_log, '"radius.disconnected"')
    assert await vpn.sessions("disabled") == []


# A real VPN gateway: radcli, which it asks by, sends no Message-Authenticator.

RADCLI = """\
nas-identifier ocserv
authserver 127.0.0.1:{port}
acctserver 127.0.0.1:{port}
servers {folder}/servers
dictionary /etc/radcli/dictionary
default_realm
radius_timeout 20
radius_retries 1
bindaddr 127.0.0.2
"""
OCSERV = """\
auth = "radius[config={folder}/radcli.conf]"
listen-host = 127.0.0.1
tcp-port = {port}
run-as-user = root
run-as-group = root
socket-file = {folder}/ocserv.sock
server-cert = {folder}/cert.pem
server-key = {folder}/key.pem
isolate-workers = false
device = vpns
ipv4-network = 192.168.99.0
ipv4-netmask = 255.255.255.0
log-level = 3
"""


@asynccontextmanager
async def ocserv(folder: Path, radius_port: int) -> AsyncIterator[tuple[int, Path]]:
    """Its port, and the file of its log."""
    issued = trustme.CA().issue_cert("localhost")
    (folder / "cert.pem").write_bytes(issued.cert_chain_pems[0].bytes())
    (folder / "key.pem").write_bytes(issued.private_key_pem.bytes())
    (folder / "servers").write_text(f"127.0.0.1 {OCSERV_SECRET}\n")
    (folder / "radcli.conf").write_text(RADCLI.format(port=radius_port, folder=folder))
    port, log = free_port(), folder / "ocserv.log"
    (folder / "ocserv.conf").write_text(OCSERV.format(port=port, folder=folder))
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *("ocserv", "-f", "-d", "2", "-c", str(folder / "ocserv.conf")), stdout=file, stderr=file
        )
    try:
        await eventually(lambda: b"sec-mod initialized" in log.read_bytes())
        yield port, log
    finally:
        process.terminate()
        await process.wait()


def openconnect(port: int, name: str, passcode: Callable[[], str]) -> str:
    """What it prints of a login that a person types at a terminal: it asks for a certificate's trust first."""
    questions = [("'yes' to accept", lambda: "yes"), ("Password:", lambda: PASSWORD), ("Password1:", passcode)]
    command = ["openconnect", "--authenticate", f"--user={name}", f"https://127.0.0.1:{port}"]
    return conversation(command, questions, until="COOKIE=")


@pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("ocserv", "openconnect"))),
    reason="needs ocserv and openconnect, and root",
)
async def test_ocserv_lets_in_whom_gatepost_knows(vpn: VPN, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()

    def passcode() -> str:
        return asyncio.run_coroutine_threadsafe(vpn.house.next_text(), loop).result().passcode

    async with ocserv(tmp_path, vpn.port) as (port, log):
        told = await asyncio.to_thread(openconnect, port, login("ocserv"), passcode)
        assert "Enter the code that was sent by SMS" in told
        assert "COOKIE=" in told, told
        assert b"found group staff" in log.read_bytes()
    assert [each["way"] for each in await vpn.sessions("ocserv")] == ["radius"]
