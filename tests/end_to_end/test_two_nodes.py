"""Two machines of one installation behind haproxy, with one Redis: any request to any of them, and one may die."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession, ClientWebSocketResponse, CookieJar, WSMsgType
from argon2 import PasswordHasher

from proxy.operations.health import INTERVAL_SECONDS, TIMEOUT_SECONDS
from proxy.sessions.session_store import NOTICE_SECONDS
from tests.processes.house import children_of
from tests.support.echo_app import running_app
from tests.support.eventually import eventually, eventually_told
from tests.support.gatepost import GatepostProcess, free_port, gatepost
from tests.support.plain_browser import Address, NoAnswer, Page, PlainBrowser, passcode_in
from tests.support.redis_server import RedisServer, running_redis
from tests.support.scripted_ldap import ALICE_DN, SERVICE_USER, ScriptedLDAP
from tests.support.smtp_sink import Sink, smtp_sink

HAPROXY = shutil.which("haproxy")
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed"),
]

PASSWORD = "correct horse 7"
SIGN_IN_HOST, APP_HOST = "signin.localhost", "wiki.localhost"
GUESSES, GUESSES_LIMIT = 12, 3
"""throttle.passwords_per_person (4), less what is kept for addresses where the person signed in before."""
SENDS_LIMIT = 4
PATIENCE_SECONDS = 5.0
"""What a busy machine may add to the time in which an end is heard of."""
CONFIGURATION = """\
[server]
listen = ["127.0.0.1:{port}"]
public_url = "http://signin.localhost:{public_port}"
admin_listen = "127.0.0.1:{admin_port}"
workers = {workers}
trusted_proxies = ["127.0.0.1/32"]
proxy_protocol = true
key_file = "{folder}/gatepost.key"
[store]
url = "{store_url}"
[[directories]]
name = "local"
type = "local"
default = true
file = "{folder}/users.toml"
[[directories]]
name = "corp"
type = "active_directory"
domain = "corp.example"
servers = ["{ldap_url}"]
ca_file = "{ca_file}"
bind_user = "{service_user}"
bind_password = "service"
lockout_threshold = 10
[smtp]
host = "127.0.0.1"
port = {smtp_port}
security = "none"
from = "otp@corp.example"
[throttle]
sends_per_person = {sends}
[[apps]]
name = "Wiki"
host = "wiki.localhost"
upstream = "http://127.0.0.1:{app_port}"
"""
# As deploy/compose/haproxy.cfg, with a door to each node beside the one to any.
PROXY_CONFIGURATION = """\
global
    log stdout format raw local0 alert
defaults
    mode tcp
    timeout connect 3s
    timeout client 1h
    timeout server 1h
    timeout check 2s
    retries 2
    option redispatch
frontend any
    bind 127.0.0.1:{any}
    use_backend both if {{ nbsrv(both) gt 0 }}
    default_backend both_any
frontend first
    bind 127.0.0.1:{first}
    default_backend node_1
frontend second
    bind 127.0.0.1:{second}
    default_backend node_2
backend both
    balance roundrobin
    option httpchk GET /readyz
    default-server check inter 200ms fall 1 rise 2 send-proxy-v2
    server one 127.0.0.1:{port_1} port {admin_1}
    server two 127.0.0.1:{port_2} port {admin_2}
backend both_any
    balance roundrobin
    option httpchk GET /readyz/traffic
    default-server check inter 200ms fall 1 rise 2 send-proxy-v2
    server one 127.0.0.1:{port_1} port {admin_1}
    server two 127.0.0.1:{port_2} port {admin_2}
backend node_1
    server one 127.0.0.1:{port_1} send-proxy-v2
backend node_2
    server two 127.0.0.1:{port_2} send-proxy-v2
"""


@dataclass(slots=True, kw_only=True)
class TwoNodes:
    nodes: tuple[GatepostProcess, GatepostProcess]
    any: Address
    """Where haproxy chooses a node for each connection in turn."""
    first: Address
    second: Address
    sink: Sink
    domain: ScriptedLDAP
    redis: RedisServer
    admin: tuple[Address, Address]

    def url(self, host: str, path: str = "/") -> str:
        return f"http://{host}:{self.any[1]}{path}"

    async def passcode(self) -> str:
        received = await self.sink.next_message()
        return passcode_in(str(message_from_bytes(received.content, policy=policy.default)["Subject"]))

    async def sign_in(self, name: str, *, at: Callable[[], Address]) -> PlainBrowser:
        """Each step at the node that `at` names next."""
        browser = PlainBrowser(self.any)
        page = await browser.get(self.url(APP_HOST, "/page"), at=at())
        page = await browser.get(page.next_url, at=at())
        page = await self.type_password(browser, page, name, at=at())
        page = await browser.get(page.next_url, at=at())
        page = await self.type_passcode(browser, page, at=at())
        page = await browser.get(page.next_url, at=at())
        assert page.next_url == self.url(APP_HOST, "/page")
        page = await browser.get(page.next_url, at=at())
        assert (page.status, page.text) == (200, name)
        return browser

    async def type_password(self, browser: PlainBrowser, page: Page, name: str, *, at: Address) -> Page:
        fields = {**page.form, "username": name, "password": PASSWORD}
        return await browser.post(self.url(SIGN_IN_HOST, "/.gatepost/sign-in"), fields, at=at)

    async def type_passcode(self, browser: PlainBrowser, page: Page, *, at: Address) -> Page:
        fields = {**page.form, "passcode": await self.passcode()}
        return await browser.post(self.url(SIGN_IN_HOST, "/.gatepost/passcode"), fields, at=at)


@contextmanager
def running_haproxy(config: Path, **values: int) -> Iterator[None]:
    config.write_text(PROXY_CONFIGURATION.format(**values))
    process = subprocess.Popen([str(HAPROXY), "-db", "-f", str(config)], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while subprocess.run(
            ["/bin/bash", "-c", f"</dev/tcp/127.0.0.1/{values['any']}"], capture_output=True
        ).returncode:
            assert process.poll() is None, "haproxy ended"
            assert time.monotonic() < deadline, "haproxy does not listen"
        yield
    finally:
        process.kill()
        process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TwoNodes]:
    folder = tmp_path_factory.mktemp("two-nodes")
    password_hash = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    users = (
        f'[[users]]\nusername = "{name}"\npassword_hash = "{password_hash}"\nmobile = "07400 12345{number}"\n'
        for number, name in enumerate(
            ("walker", "rounder", "socket", "command", "sender", "survivor", "loader", "patient")
        )
    )
    (folder / "users.toml").write_text("".join(users))
    (folder / "users.toml").chmod(0o600)
    ports = {name: free_port() for name in ("any", "first", "second", "port_1", "port_2", "admin_1", "admin_2")}
    async with contextlib.AsyncExitStack() as stack:
        app_port = await stack.enter_async_context(running_app())
        sink = await stack.enter_async_context(smtp_sink())
        redis = stack.enter_context(running_redis("--appendonly", "yes", "--appendfsync", "always"))
        domain = stack.enter_context(ScriptedLDAP(folder).running())
        nodes = []
        for number, workers in ((1, 2), (2, 1)):
            own = folder / f"node-{number}"
            own.mkdir()
            config = own / "gatepost.toml"
            config.write_text(
                CONFIGURATION.format(
                    port=ports[f"port_{number}"],
                    admin_port=ports[f"admin_{number}"],
                    public_port=ports["any"],
                    workers=workers,
                    folder=folder,
                    store_url=redis.url,
                    ldap_url=domain.url,
                    ca_file=domain.ca_file,
                    service_user=SERVICE_USER,
                    smtp_port=sink.port,
                    sends=SENDS_LIMIT,
                    app_port=app_port,
                )
            )
            config.chmod(0o600)
            node = GatepostProcess(config)
            stack.push_async_callback(asyncio.to_thread, node.__exit__)
            nodes.append(node)
        # At the same time: whichever comes first makes the master key, and both use it.
        await asyncio.gather(*(asyncio.to_thread(node.start) for node in nodes))
        stack.enter_context(running_haproxy(folder / "haproxy.cfg", **ports))
        yield TwoNodes(
            nodes=(nodes[0], nodes[1]),
            any=("127.0.0.1", ports["any"]),
            first=("127.0.0.1", ports["first"]),
            second=("127.0.0.1", ports["second"]),
            sink=sink,
            domain=domain,
            redis=redis,
            admin=(("127.0.0.1", ports["admin_1"]), ("127.0.0.1", ports["admin_2"])),
        )


def in_turn(*addresses: Address) -> Callable[[], Address]:
    asked = iter(range(1000))
    return lambda: addresses[next(asked) % len(addresses)]


@pytest.mark.parametrize("begins_at", [0, 1])
async def test_each_step_of_a_sign_in_may_be_at_another_node(house: TwoNodes, begins_at: int) -> None:
    doors = (house.first, house.second)
    browser = await house.sign_in("walker", at=in_turn(doors[begins_at], doors[1 - begins_at]))
    for door in (*doors, *doors):
        page = await browser.get(house.url(APP_HOST), at=door)
        assert (page.status, page.text) == (200, "walker")


async def test_a_browser_needs_not_know_that_there_are_two(house: TwoNodes) -> None:
    browser = await house.sign_in("rounder", at=lambda: house.any)
    assert [(await browser.get(house.url(APP_HOST))).text for _ in range(4)] == ["rounder"] * 4
    page = await browser.get(house.url(SIGN_IN_HOST, "/.gatepost/sign-out"))
    assert (await browser.post(house.url(SIGN_IN_HOST, "/.gatepost/sign-out"), page.form)).status == 200
    browser.cookies[SIGN_IN_HOST].clear()
    assert [(await browser.get(house.url(APP_HOST))).status for _ in range(4)] == [302] * 4


async def test_guesses_at_both_nodes_share_one_budget(house: TwoNodes) -> None:
    """Of an account that the domain would lock: in parallel, as many at one node as at the other."""
    doors = in_turn(house.first, house.second)
    together = asyncio.Barrier(GUESSES)

    async def guess(number: int, at: Address) -> int:
        browser = PlainBrowser(at, timeout=30)
        page = await browser.get(house.url(SIGN_IN_HOST, "/.gatepost/sign-in"))
        fields = {**page.form, "username": "alice@corp.example", "password": f"wrong-{number}"}
        await together.wait()
        return (await browser.post(house.url(SIGN_IN_HOST, "/.gatepost/sign-in"), fields)).status

    statuses = await asyncio.gather(*(guess(number, doors()) for number in range(GUESSES)))
    assert len(house.domain.binds(ALICE_DN)) == GUESSES_LIMIT
    assert set(statuses) == {401}, "and nobody is told which of them were judged"
    for node in house.nodes:
        assert any('"sign_in.refused"' in line for line in node.log), "both took part"


async def test_passcodes_sent_by_both_nodes_share_one_budget(house: TwoNodes) -> None:
    doors = in_turn(house.first, house.second)
    for _ in range(SENDS_LIMIT):
        browser, door = PlainBrowser(house.any), doors()
        page = await browser.get(house.url(SIGN_IN_HOST, "/.gatepost/sign-in"), at=door)
        assert (await house.type_password(browser, page, "sender", at=door)).status == 303
        await house.passcode()
    for door in (house.first, house.second):
        browser = PlainBrowser(house.any)
        page = await browser.get(house.url(SIGN_IN_HOST, "/.gatepost/sign-in"), at=door)
        page = await house.type_password(browser, page, "sender", at=door)
        assert page.status == 429
        assert page.message.get("retry-after") is not None
    assert house.sink.messages == []


@asynccontextmanager
async def socket_at(house: TwoNodes, door: Address, browser: PlainBrowser) -> AsyncIterator[ClientWebSocketResponse]:
    headers = {
        "Host": f"{APP_HOST}:{house.any[1]}",
        "Origin": house.url(APP_HOST).removesuffix("/"),
        "Cookie": f"gatepost={browser.cookies[APP_HOST]['gatepost']}",
    }
    async with (
        ClientSession(cookie_jar=CookieJar()) as client,
        client.ws_connect(f"http://127.0.0.1:{door[1]}/socket", headers=headers) as socket,
    ):
        await socket.send_str("hello")
        assert await socket.receive_str(timeout=10) == "hello"
        yield socket


async def close_code_of(socket: ClientWebSocketResponse) -> int | None:
    message = await socket.receive(timeout=10)
    assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED), message
    return socket.close_code


async def test_a_sign_out_at_one_node_closes_what_is_open_at_the_other(house: TwoNodes) -> None:
    browser = await house.sign_in("socket", at=lambda: house.first)
    async with socket_at(house, house.second, browser) as socket:
        closing = asyncio.create_task(close_code_of(socket))
        page = await browser.get(house.url(SIGN_IN_HOST, "/.gatepost/sign-out"), at=house.first)
        asked_at = time.monotonic()
        page = await browser.post(house.url(SIGN_IN_HOST, "/.gatepost/sign-out"), page.form, at=house.first)
        assert page.status == 200
        assert await closing == 4401
        assert time.monotonic() - asked_at < NOTICE_SECONDS + PATIENCE_SECONDS
    for door in (house.second, house.first):
        assert (await browser.get(house.url(APP_HOST), at=door)).status == 302


async def test_the_command_at_one_node_closes_what_is_open_at_the_other(house: TwoNodes) -> None:
    browser = await house.sign_in("command", at=lambda: house.first)
    async with socket_at(house, house.second, browser) as socket:
        closing = asyncio.create_task(close_code_of(socket))
        arguments = ("sessions", "end", "--person", "command", "--config", str(house.nodes[0].config))
        done = await asyncio.to_thread(gatepost, *arguments)
        acknowledged_at = time.monotonic()
        assert (done.returncode, done.stdout) == (0, "1 session ended\n"), done.stderr
        assert await closing == 4401
        assert time.monotonic() - acknowledged_at < NOTICE_SECONDS + PATIENCE_SECONDS
    assert (await browser.get(house.url(APP_HOST), at=house.second)).status == 302


@dataclass(slots=True)
class Load:
    """Browsers of one person that go on asking, at whichever node; who gets no answer asks again."""

    served: int = 0
    unanswered: int = 0
    wrong: list[str] = field(default_factory=list)
    is_over: bool = False

    async def run(self, house: TwoNodes, browser: PlainBrowser) -> None:
        while not self.is_over:
            try:
                page = await browser.get(house.url(APP_HOST))
            except NoAnswer:
                self.unanswered += 1
                continue
            self.served += 1
            if (page.status, page.text) != (200, "loader"):
                self.wrong.append(f"{page.status} {re.sub(r'<[^>]*>', ' ', page.text)[:200]}")

    async def more(self, count: int) -> None:
        wanted = self.served + count
        await eventually(lambda: self.served >= wanted, seconds=30)


def kill_machine(node: GatepostProcess) -> None:
    """All of its processes at once, as when the power fails."""
    workers = children_of(node.pid)
    os.kill(node.pid, signal.SIGSTOP)  # it starts no other one in between
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    node.kill()


async def test_who_is_signed_in_or_just_signing_in_goes_on_when_a_node_dies(house: TwoNodes) -> None:
    load = Load()
    loader = await house.sign_in("loader", at=lambda: house.any)
    browser = PlainBrowser(house.any)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(load.run(house, loader.copy()))
        await load.more(100)
        page = await browser.get(house.url(APP_HOST, "/page"), at=house.first)
        page = await browser.get(page.next_url, at=house.first)
        page = await house.type_password(browser, page, "survivor", at=house.first)
        page = await browser.get(page.next_url, at=house.first)
        await asyncio.to_thread(kill_machine, house.nodes[0])
        page = await house.type_passcode(browser, page, at=house.second)
        page = await browser.get(page.next_url)
        page = await browser.get(page.next_url)
        assert (page.status, page.text) == (200, "survivor")
        await load.more(100)
        await asyncio.to_thread(house.nodes[0].start)
        await load.more(50)
        for door in (house.first, house.second):
            page = await browser.get(house.url(APP_HOST), at=door)
            assert (page.status, page.text) == (200, "survivor")
        load.is_over = True
    assert load.wrong == []
    assert load.unanswered <= 8, "those under way at the node that died, and those it was sent until haproxy saw it"


async def test_who_is_signed_in_goes_on_while_no_node_is_ready(house: TwoNodes) -> None:
    """The store that both share is away: to leave both out would cut everybody off."""

    async def is_unready() -> bool:
        async with ClientSession() as client:
            answers = [await client.get(f"http://127.0.0.1:{port}/readyz") for _, port in house.admin]
        return {each.status for each in answers} == {503}

    browser = await house.sign_in("patient", at=lambda: house.any)
    for door in (house.first, house.second) * 3:
        assert (await browser.get(house.url(APP_HOST), at=door)).status == 200
    house.redis.kill()
    try:
        await eventually_told(is_unready, seconds=INTERVAL_SECONDS + TIMEOUT_SECONDS + 10)
        answers = [(await browser.get(house.url(APP_HOST))).status for _ in range(8)]
    finally:
        await asyncio.to_thread(house.redis.start)
    # A worker that has seen this session serves it, and one that has not says that it cannot know.
    assert set(answers) <= {200, 503}
    assert 200 in answers
