"""git, WebDAV and curl with app passwords and service tokens, through Gatepost to a real Apache, in a real domain."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.end_to_end.house import House, open_house
from tests.portal.test_lockout_guard import state_of
from tests.support import changes as admin
from tests.support.apache import IS_THERE, Apache, running_apache
from tests.support.eventually import eventually
from tests.support.gatepost import gatepost
from tests.support.plain_browser import PlainBrowser
from tests.support.raw_http import Message, raw_client
from tests.support.samba import PASSWORD, person
from tests.support.samba_dc import SambaDC

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),  # one Gatepost for all
    pytest.mark.skipif(not IS_THERE, reason="Apache with mod_dav, or git's HTTP backend, is not installed"),
]

NAMES = ("client-git", "client-guessed", "client-disabled", "client-token")
WITHIN_SECONDS = 5.0
"""A net for a busy machine. The watch looks once a second."""
# Not every client's resolver knows names below localhost.
MORE = """
[throttle]
credentials_per_address = 40
[[apps]]
name = "Files"
host = "localhost"
upstream = "http://127.0.0.1:{apache}"
clients = ["browser", "app_password", "bearer"]
"""


@dataclass(slots=True, kw_only=True)
class Office:
    house: House
    domain: SambaDC
    apache: Apache
    config: Path
    scratch: Path

    def url(self, path: str) -> str:
        return self.house.url("signin", f"/.gatepost/{path}")

    async def app_password(self, name: str) -> str:
        """As its person makes it: signed in with an SMS, on their own page."""
        browser = PlainBrowser(("127.0.0.1", self.house.port))
        page = await browser.get(self.url("sign-in"))
        page = await browser.post(self.url("sign-in"), {**page.form, "username": name, "password": PASSWORD})
        page = await browser.get(page.next_url)
        passcode = (await self.house.next_text()).passcode
        await browser.post(self.url("passcode"), {**page.form, "passcode": passcode})
        page = await browser.get(self.url("me/app-passwords"))
        wanted = {"app": "Files", "name": "Test", "days": "7", "make": "yes"}
        shown = await browser.post(self.url("me/app-passwords"), {**page.form, **wanted})
        secret = re.search(r"<code>([a-z2-7-]{31})</code>", shown.text)
        assert secret is not None, shown.text
        await self.house.next_text()  # the person is told of it
        return secret[1]

    async def run(self, *command: str, **environ: str) -> str:
        """A program to its end, in a folder and a home of its own."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.scratch,
            env={**os.environ, "HOME": str(self.scratch), "GIT_TERMINAL_PROMPT": "0", **environ},
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode(errors="replace")
        return output.decode(errors="replace")

    async def command(self, *arguments: str) -> str:
        """What `gatepost ARGUMENTS...` says."""
        done = await asyncio.to_thread(gatepost, *arguments, "--config", str(self.config))
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def listed(self, *arguments: str) -> Any:
        return json.loads(await self.command(*arguments))

    async def ask(self, method: str, lines: str = "", path: str = "/") -> Message:
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost:{self.house.port}\r\n{lines}\r\n"
        async with raw_client(("127.0.0.1", self.house.port)) as client:
            return await client.ask(head.encode(), method.encode())


def basic(name: str, password: str) -> str:
    return f"Authorization: Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(corp: SambaDC, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    await asyncio.to_thread(corp.add, [person(name, mobile=f"07400 12380{n}") for n, name in enumerate(NAMES)])
    folder = tmp_path_factory.mktemp("office")
    scratch = tmp_path_factory.mktemp("scratch")
    async with (
        running_apache() as apache,
        open_house(folder, corp, more=MORE.format(apache=apache.port)) as house,
    ):
        yield Office(house=house, domain=corp, apache=apache, config=folder / "gatepost.toml", scratch=scratch)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def password(office: Office) -> str:
    return await office.app_password("client-git")


async def test_git_pushes_and_clones(office: Office, password: str) -> None:
    remote = f"http://client-git:{password}@localhost:{office.house.port}/git/project.git"
    work = office.scratch / "work"
    await office.run("git", "init", "--quiet", "--initial-branch=main", str(work))
    (work / "large").write_bytes(os.urandom(3_000_000))  # beyond what git sends in one piece: chunked
    git = ("git", "-C", str(work), "-c", "user.name=x", "-c", "user.email=x@example.org")
    await office.run(*git, "add", "large")
    await office.run(*git, "commit", "--quiet", "-m", "Large")
    await office.run(*git, "push", "--quiet", remote, "main")
    clone = office.scratch / "clone"
    await office.run("git", "clone", "--quiet", remote, str(clone))
    assert (clone / "large").read_bytes() == (work / "large").read_bytes()
    pushed = office.apache.repositories / "project.git" / "logs" / "refs" / "heads" / "main"
    assert " client-git <" in pushed.read_text(), "the app was told who it is"
    listed = await office.listed("sessions", "list", "--json")
    assert [row["person"] for row in listed if row["way"] == "app_password"] == ["client-git"]


@pytest.mark.skipif(shutil.which("litmus") is None, reason="litmus is not installed")
async def test_litmus_finds_webdav_as_apache_serves_it(office: Office, password: str) -> None:
    said = await office.run("litmus", f"http://localhost:{office.house.port}/", "client-git", password)
    summaries = re.findall(r"summary for `(\w+)': of \d+ tests run: \d+ passed, (\d+) failed", said)
    assert dict(summaries) == dict.fromkeys(("basic", "copymove", "props", "locks", "http"), "0")


@pytest.mark.skipif(shutil.which("cadaver") is None, reason="cadaver is not installed")
async def test_cadaver_locks_and_moves(office: Office, password: str) -> None:
    netrc = office.scratch / ".netrc"
    netrc.write_text(f"machine localhost\nlogin client-git\npassword {password}\n")
    netrc.chmod(0o600)
    (office.scratch / "note.txt").write_text("by cadaver")
    script = office.scratch / ".cadaverrc"
    steps = ("mkcol papers", "put note.txt papers/note.txt", "lock papers/note.txt", "propnames papers/note.txt")
    more = ("unlock papers/note.txt", "move papers/note.txt papers/moved.txt", "ls papers", "quit")
    script.write_text("\n".join((f"open http://localhost:{office.house.port}/", *steps, *more)) + "\n")
    said = await office.run("cadaver", f"--rcfile={script}")
    assert "moved.txt" in said
    assert "fail" not in said.lower()
    assert (office.apache.files / "papers" / "moved.txt").read_text() == "by cadaver"


async def test_curl_with_a_service_token_waits_for_100_and_uploads(office: Office) -> None:
    create = ("tokens", "create", "client-token@corp.example", "--app", "Files", "--until", "1d")
    token = (await office.command(*create)).strip()
    await office.house.next_text()
    large = office.scratch / "upload.bin"
    large.write_bytes(os.urandom(1 << 20) * 24)
    url = f"http://localhost:{office.house.port}/upload.bin"
    curl = ("curl", "--silent", "--show-error", "--fail", "--header", f"Authorization: Bearer {token}")
    said = await office.run(*curl, "--verbose", "--header", "Expect: 100-continue", "--upload-file", str(large), url)
    assert "100 Continue" in said
    assert (office.apache.files / "upload.bin").read_bytes() == large.read_bytes()
    assert "DAV: 1,2" in await office.run(*curl, "--include", "--request", "OPTIONS", url)
    assert "<D:href>/upload.bin</D:href>" in await office.run(*curl, "--request", "PROPFIND", url)
    refused = await office.ask("PUT", "Expect: 100-continue\r\nContent-Length: 100\r\n", "/refused.bin")
    assert refused.status == 401, "nobody is told to send a body that nobody takes"
    (row,) = await office.listed("tokens", "list", "client-token@corp.example", "--json")
    await office.command("tokens", "revoke", row["id"])
    await office.house.next_text()
    assert (await office.ask("GET", f"Authorization: Bearer {token}\r\n", "/upload.bin")).status == 401


async def test_fifty_wrong_ones_are_throttled_and_the_domain_counts_none(office: Office, password: str) -> None:
    wrong = [PASSWORD, "wrong", "abcdefg-hijklmn-opqrstu-vwxyz23"]
    answers = [
        (await office.ask("GET", basic("client-guessed@corp.example", wrong[number % len(wrong)]))).status
        for number in range(50)
    ]
    assert set(answers) == {401, 429}
    assert answers[-1] == 429
    assert state_of(office.domain, "client-guessed") == (0, 0)
    assert (await office.ask("PROPFIND", basic("client-git", password) + "Depth: 0\r\n")).status == 207


async def test_a_disabled_account_is_refused_and_its_running_upload_is_cut(office: Office) -> None:
    secret = await office.app_password("client-disabled")
    head = (
        f"PUT /slow.bin HTTP/1.1\r\nHost: localhost:{office.house.port}\r\n"
        f"{basic('client-disabled', secret)}Content-Length: 100000000\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", office.house.port)
    writer.write(head.encode() + b"x" * 100_000)
    await writer.drain()
    await eventually(lambda: list(office.apache.files.glob(".davfs*")))  # Apache writes it
    await asyncio.to_thread(admin.disable, office.domain, "client-disabled")
    disabled_at = time.monotonic()
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            while await _goes_on(reader, writer):
                pass
    finally:
        writer.close()
    refused = await office.ask("GET", basic("client-disabled", secret))
    assert time.monotonic() - disabled_at < WITHIN_SECONDS
    assert refused.status == 401


async def _goes_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """One more piece of the upload; False once the other side has ended it."""
    try:
        writer.write(b"x" * 1000)
        await writer.drain()
        return bool(await asyncio.wait_for(reader.read(1), 0.05))
    except TimeoutError:
        return True
    except OSError:
        return False
