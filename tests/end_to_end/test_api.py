"""A token of the JSON API by curl, at two workers on either store: it opens its app, and ends with the account."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession, ServerDisconnectedError, TCPConnector

from tests.end_to_end.house import House, open_house
from tests.support import changes as admin
from tests.support.echo_app import running_app
from tests.support.gatepost import ROOT
from tests.support.redis_server import running_redis
from tests.support.samba import PASSWORD, person
from tests.support.samba_dc import SambaDC

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one Gatepost for all, each test with a person of its own

STORES = ("sqlite", "redis")
WITHIN_SECONDS = 5.0
"""A net for a busy machine: it is two in practice."""
CALLS = 16
"""One after the other, each on a connection of its own: both workers answer some."""
MORE = """
[mobile]
then = "send"
[api]
enabled = true
[[apps]]
name = "Files"
host = "files.localhost"
upstream = "http://127.0.0.1:{app_port}"
clients = ["bearer"]
"""


@dataclass(frozen=True, kw_only=True)
class Office:
    house: House
    domain: SambaDC
    store: str

    def login(self, name: str) -> str:
        return f"api-{name}-{self.store}"

    async def curl(self, name: str, path: str, *more: str, body: dict[str, str] | None = None) -> tuple[int, str]:
        """As `docs/native-clients.md` has it: what is secret is piped."""
        port = self.house.port
        command = ["curl", "-sS", "-w", "\n%{http_code}", "--resolve", f"{name}.localhost:{port}:127.0.0.1", *more]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "--data", "@-"]
        process = await asyncio.create_subprocess_exec(
            *command,
            self.house.url(name, path),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate(None if body is None else json.dumps(body).encode())
        text, _, status = said.decode().rpartition("\n")
        return int(status), text

    async def call(self, path: str, body: dict[str, str]) -> Any:
        status, text = await self.curl("signin", f"/.gatepost/api/v1/{path}", body=body)
        assert status == 200, text
        return json.loads(text)

    async def sign_in(self, name: str, **fields: str) -> str:
        """The token."""
        asked = await self.call("sign-in", {"username": self.login(name), "password": PASSWORD, **fields})
        passcode = (await self.house.next_text()).passcode
        done = await self.call("proof", {"flow": asked["flow"], "factor": asked["factor"], "passcode": passcode})
        token: str = done["token"]
        return token

    async def statuses(self, token: str, calls: int = CALLS) -> list[int]:
        """Of requests that follow each other; one that is cut off, because its session ended just then, has none."""
        url, found = f"http://127.0.0.1:{self.house.port}/", []
        headers = {"Host": f"files.localhost:{self.house.port}", "Authorization": f"Bearer {token}"}
        async with ClientSession(connector=TCPConnector(force_close=True)) as client:
            for _ in range(calls):
                with suppress(ServerDisconnectedError):
                    async with client.get(url, headers=headers) as answer:
                        found.append(answer.status)
        return found

    async def is_over(self, token: str) -> None:
        """Soon, at both workers, and for good. One that is over counts as a wrong one: more of them are throttled."""
        async with asyncio.timeout(WITHIN_SECONDS):
            while (await self.statuses(token, 1)) != [401]:  # noqa: ASYNC110  # there is no event at a client
                await asyncio.sleep(0.05)
            assert set(await self.statuses(token, 6)) == {401}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=STORES)
async def office(
    corp: SambaDC, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Office]:
    folder, store = tmp_path_factory.mktemp("office"), request.param
    persons = [
        person(f"api-{name}-{store}", mobile=f"07400 1245{STORES.index(store)}{number}")
        for number, name in enumerate(("disabled", "password", "other"))
    ]
    await asyncio.to_thread(corp.add, persons, [])
    with running_redis("--appendonly", "yes", "--appendfsync", "always") as redis:
        environ = {"GATEPOST_SERVER__WORKERS": "2"}
        if store == "redis":
            environ["GATEPOST_STORE__URL"] = redis.url
        async with (
            running_app() as app_port,
            open_house(folder, corp, app_port=app_port, more=MORE.format(app_port=app_port), environ=environ) as house,
        ):
            yield Office(house=house, domain=corp, store=store)


async def test_a_disabled_account_ends_its_token_at_both_workers(office: Office) -> None:
    token = await office.sign_in("disabled")
    assert set(await office.statuses(token)) == {200}
    status, said = await office.curl("signin", "/.gatepost/api/v1/session", "--oauth2-bearer", token)
    assert (status, json.loads(said)["username"]) == (200, office.login("disabled"))
    await asyncio.to_thread(admin.disable, office.domain, office.login("disabled"))
    await office.is_over(token)
    status, _ = await office.curl("signin", "/.gatepost/api/v1/session", "--oauth2-bearer", token)
    assert status == 401
    body = {"username": office.login("disabled"), "password": PASSWORD}
    status, said = await office.curl("signin", "/.gatepost/api/v1/sign-in", body=body)
    assert (status, json.loads(said)["error"]) == (401, "refused")


async def test_the_documented_commands_work_as_they_stand(office: Office, tmp_path: Path) -> None:
    found = re.search(r"```sh\napi=[^\n]+\n(.+?)```", (ROOT / "docs" / "native-clients.md").read_text(), re.DOTALL)
    assert found is not None
    port = office.house.port
    (tmp_path / ".curlrc").write_text(f'resolve = "signin.localhost:{port}:127.0.0.1"\n')
    commands = found[1].replace('"alice"', f'"{office.login("other")}"')
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euc", f"api={office.house.url('signin', '/.gatepost/api/v1')}\n{commands}"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert process.stdin is not None
    process.stdin.write(f"{PASSWORD}\n".encode())
    passcode = (await office.house.next_text()).passcode
    said, _ = await process.communicate(f"{passcode}\n".encode())
    assert process.returncode == 0
    assert json.loads(said.decode().strip())["username"] == office.login("other")


async def test_a_new_password_ends_it(office: Office) -> None:
    token = await office.sign_in("password")
    assert set(await office.statuses(token)) == {200}
    await asyncio.to_thread(admin.set_password, office.domain, office.login("password"), "An other pass-word 1")
    await office.is_over(token)


async def test_it_opens_what_it_was_made_for_and_ends_when_its_client_signs_out(office: Office) -> None:
    token = await office.sign_in("other", app="Files")
    assert set(await office.statuses(token)) == {200}
    for name in ("wiki", "canteen"):
        status, _ = await office.curl(name, "/", "--oauth2-bearer", token)
        assert status in (401, 403), "they take browsers alone"
    status, _ = await office.curl("files", f"/?access_token={token}")
    assert status == 401
    status, _ = await office.curl("signin", "/.gatepost/api/v1/session", "--oauth2-bearer", token, "-X", "DELETE")
    assert status == 204
    await office.is_over(token)
    log = "".join(office.house.process.log)
    assert token not in log
    assert PASSWORD not in log
