"""`gatepost connect` on a terminal, against a whole Gatepost: sign-in, the app on loopback, the end, and once more."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from tests.connect.at_terminal import ConnectProcess, basic, connecting, secret_of
from tests.end_to_end.home import Home, open_home
from tests.portal.stage import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one Gatepost for all

APPS = [
    {"name": "Wiki", "host": "wiki.localhost", "clients": ["browser", "bearer"]},
    {"name": "Canteen", "host": "canteen.localhost"},
]


@dataclass(frozen=True, kw_only=True)
class Desk:
    home: Home
    runtime: Path

    @property
    def environ(self) -> dict[str, str]:
        return {"XDG_RUNTIME_DIR": str(self.runtime)}

    def kept(self) -> list[Path]:
        folder = self.runtime / "gatepost"
        return list(folder.iterdir()) if folder.exists() else []

    def forget(self) -> None:
        for file in self.kept():
            file.unlink()

    async def sign_in(self, process: ConnectProcess, name: str = "alice") -> str:
        """With the user named before; the address that it prints."""
        await process.shows(f"Password of {name} at signin.localhost")
        await process.types(PASSWORD)
        await process.shows("Code from a text message")
        await process.types(await self.home.passcode())
        return await process.address()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    passcode = {"resend_after": 1.0}
    schemes = [{"name": "browser", "factors": ["password", "sms"]}]
    async with open_home(folder, api={"enabled": True}, apps=APPS, passcode=passcode, schemes=schemes) as home:
        yield Desk(home=home, runtime=runtime)


async def read(address: str) -> tuple[int, str]:
    url, secret = secret_of(address)
    async with ClientSession() as client, client.get(url, headers={"Authorization": basic(secret)}) as answer:
        return answer.status, await answer.text()


async def test_it_signs_in_serves_the_app_and_the_next_one_reuses_the_session(desk: Desk) -> None:
    desk.forget()
    async with connecting(desk.home.url("wiki", "/page?q=1"), environ=desk.environ) as process:
        await process.shows(r"User name \[[^\]]+\]: ")
        await process.types_seen("alice")
        address = await desk.sign_in(process)
        assert address.endswith("/page?q=1")
        status, text = await read(address)
        assert (status, "/page for alice" in text) == (200, True)
        process.presses_ctrl_c()
        assert await process.ends() == 0
        for secret in (PASSWORD, json.loads(desk.kept()[0].read_text())["token"]):
            assert secret not in process.screen
    (file,) = desk.kept()
    assert file.stat().st_mode & 0o777 == 0o600
    async with connecting(desk.home.url("wiki"), "--user", "alice", environ=desk.environ) as process:
        await process.shows("Signed in as alice, by the session of another connect")
        assert (await read(await process.address()))[0] == 200
        process.presses_ctrl_c()
        assert await process.ends() == 0
    assert desk.home.sink.messages == []


async def test_the_token_that_is_kept_opens_this_app_alone(desk: Desk) -> None:
    desk.forget()
    async with connecting(desk.home.url("wiki"), "--user", "alice", environ=desk.environ) as process:
        await desk.sign_in(process)
        token = json.loads(desk.kept()[0].read_text())["token"]
        curl = ["curl", "-sS", "-o", os.devnull, "-w", "%{http_code}", "--oauth2-bearer", token]
        for app, status in (("wiki", "200"), ("canteen", "401")):
            address = f"{app}.localhost:{desk.home.port}:127.0.0.1"
            arguments = [*curl, "--resolve", address, desk.home.url(app)]
            asked = await asyncio.create_subprocess_exec(*arguments, stdout=subprocess.PIPE)
            told, _ = await asked.communicate()
            assert told.decode() == status


async def test_with_no_keep_nothing_is_left(desk: Desk) -> None:
    desk.forget()
    async with connecting(
        desk.home.url("wiki"), "--user", "alice", "--no-keep", "--open", environ=desk.environ
    ) as process:
        address = await desk.sign_in(process)
        assert "@" not in address
        assert (await read(address))[0] == 200
        before = desk.home.log_text.count("sign_out.done")
        process.presses_ctrl_c()
        assert await process.ends() == 0
    assert desk.kept() == []
    assert desk.home.log_text.count("sign_out.done") == before + 1


async def test_where_nothing_can_be_served_no_session_is_left_either(desk: Desk) -> None:
    desk.forget()
    before = desk.home.log_text.count("sign_out.done")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = ["--listen", "127.0.0.1:{1}".format(*taken.getsockname())]
        async with connecting(
            desk.home.url("wiki"), "--user", "alice", "--no-keep", *listen, environ=desk.environ
        ) as process:
            await process.shows("Password of alice at signin.localhost")
            await process.types(PASSWORD)
            await process.shows("Code from a text message")
            await process.types(await desk.home.passcode())
            assert await process.ends() == 1
            assert "cannot listen on" in process.screen
    assert desk.home.log_text.count("sign_out.done") == before + 1


async def test_a_session_that_was_ended_is_told_of_and_begun_again_in_place(desk: Desk) -> None:
    desk.forget()
    async with connecting(desk.home.url("wiki"), "--user", "alice", environ=desk.environ) as process:
        address = await desk.sign_in(process)
        token = json.loads(desk.kept()[0].read_text())["token"]
        url = desk.home.url("signin", "/.gatepost/api/v1/session").replace("signin.localhost", "127.0.0.1")
        headers = {"Authorization": f"Bearer {token}", "Host": f"signin.localhost:{desk.home.port}"}
        async with ClientSession() as client, client.delete(url, headers=headers) as answer:
            assert answer.status == 204
        status, text = await read(address)
        assert (status, "terminal" in text) == (401, True)
        await process.shows("The session is over")
        await process.shows("Password of alice")
        await process.types(PASSWORD)
        await process.shows("Code from")
        await process.types(await desk.home.passcode())
        await process.shows("You are signed in again")
        assert (await read(address))[0] == 200


async def test_wrong_answers_are_said_and_a_code_can_be_sent_again(desk: Desk) -> None:
    desk.forget()
    async with connecting(desk.home.url("wiki"), "--user", "bob", environ=desk.environ) as process:
        await process.shows("Password of bob")
        await process.types("not this one")
        await process.shows("not right")
        await process.shows("Password of bob")
        await process.types(PASSWORD)
        await process.shows("Code from a text message")
        first = await desk.home.passcode()
        await process.types("000000" if first != "000000" else "000001")
        await process.shows("4 tries left")
        await process.shows("Code from")
        while True:
            await process.types("")
            shown = await process.shows(r"Code from [^\r\n]*: ")
            if "ask for it again in" not in shown:
                break
        assert await desk.home.passcode() == first
        await process.types(first)
        assert (await read(await process.address()))[0] == 200


async def test_nobody_who_is_not_let_in_is_served(desk: Desk) -> None:
    desk.forget()
    async with connecting(desk.home.url("canteen"), "--user", "alice", environ=desk.environ) as process:
        await process.shows("Password of alice")
        await process.types(PASSWORD)
        assert await process.ends() == 1
        assert "gatepost connect: No app of this name takes tokens." in process.screen
    async with connecting(desk.home.url("wiki"), "--user", "carol", environ=desk.environ) as process:
        await process.shows("Password of carol")
        await process.types(PASSWORD)
        assert await process.ends() == 1
        assert "mobile number" in process.screen
    assert desk.kept() == []


async def test_ctrl_c_at_a_question_leaves_the_terminal_as_it_was(desk: Desk) -> None:
    desk.forget()
    async with connecting(desk.home.url("wiki"), "--user", "alice", environ=desk.environ) as process:
        await process.shows("Password of alice")
        process.presses_ctrl_c()
        assert await process.ends() == 130
        assert process.echoes()
        assert "Traceback" not in process.screen


async def test_what_is_no_app_here_is_said_in_one_line(desk: Desk) -> None:
    for url, told in (
        (desk.home.url("signin"), "is no app behind a Gatepost"),
        (desk.home.app_url, "is no app behind a Gatepost"),
        ("http://127.0.0.1:1/", "cannot be reached"),
    ):
        async with connecting(url, environ=desk.environ) as process:
            assert await process.ends() == 1
            (line,) = [each for each in process.screen.splitlines() if each]
            assert line.startswith("gatepost connect: ")
            assert told in line
