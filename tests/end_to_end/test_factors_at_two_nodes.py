"""Second factors and passes at two nodes with one Redis: what counts once counts once, whichever node is asked."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from email import message_from_bytes, policy

import pyotp
import pytest
import pytest_asyncio
from aiohttp import ClientSession, CookieJar, WSMsgType
from argon2 import PasswordHasher

from proxy.factors.remembered.browser_store import CHANGE_SECONDS
from tests.support.echo_app import running_app
from tests.support.eventually import eventually
from tests.support.gatepost import GatepostProcess, free_port
from tests.support.plain_browser import Address, Page, PlainBrowser
from tests.support.redis_server import RedisServer, running_redis
from tests.support.smtp_sink import Sink, smtp_sink
from tests.support.vouching import answer_to, no_phone, words_on

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one pair of nodes for all, each test with persons of its own

PASSWORD = "correct horse 7"
SIGN_IN, WIKI = "http://signin.localhost:8080", "http://wiki.localhost:8080"
PERSONS = ("passless", "stepper", "coder", "tabs", "copied", "phoneless", "boss")
COOKIE = "gatepost-remembered"
WITHIN_SECONDS = 6.0
CONFIGURATION = """\
[server]
listen = ["127.0.0.1:{port}"]
public_url = "http://signin.localhost:8080"
admin_listen = "127.0.0.1:0"
key_file = "{folder}/gatepost.key"
[store]
url = "{store_url}"
[sessions]
tell_new_browsers = false
[throttle]
sends_per_person = 30
sends_per_number = 30
[[directories]]
name = "local"
type = "local"
file = "{folder}/users.toml"
[smtp]
host = "127.0.0.1"
port = {smtp_port}
security = "none"
from = "otp@corp.example"
[admin]
groups = ["Desk"]
[help_desk]
passes = true
vouching = true
[[schemes]]
name = "desk"
factors = ["password"]
groups = ["Desk"]
networks = ["127.0.0.0/8"]
[[schemes]]
name = "strong"
factors = ["password", ["totp", "recovery_code", "sms"]]
groups = ["Strong"]
[[schemes]]
name = "remembering"
factors = ["password", "sms"]
remember = "14d"
[[apps]]
name = "Wiki"
host = "wiki.localhost"
upstream = "http://127.0.0.1:{app_port}"
"""
USER = """\
[[users]]
username = "{name}"
password_hash = "{hashed}"
mobile = "07400 1236{number:02}"
groups = {groups}
"""


def number_of(name: str) -> str:
    return f"4474001236{PERSONS.index(name):02}"


@dataclass(slots=True, kw_only=True)
class Pair:
    nodes: Sequence[GatepostProcess]
    doors: Sequence[Address]
    """Where each node listens."""
    sink: Sink
    redis: RedisServer

    def browsers(self, count: int) -> list[PlainBrowser]:
        """As many at one node as at the other."""
        return [PlainBrowser(self.doors[number % 2], timeout=30) for number in range(count)]

    async def texts(self, name: str, count: int) -> list[str]:
        """The next ones to this person; those to others are thrown away."""
        found: list[str] = []
        while len(found) < count:
            received = await self.sink.next_message()
            if received.recipients[0].startswith(number_of(name)):
                found.append(str(message_from_bytes(received.content, policy=policy.default)["Subject"]))
        return found

    async def passcode(self, name: str) -> str:
        while not (found := re.match(r"[0-9]{6}", (await self.texts(name, 1))[0])):
            pass  # what people are told
        return found[0]

    def is_texted(self, name: str) -> bool:
        return any(each.recipients[0].startswith(number_of(name)) for each in self.sink.messages)

    def lines(self, *parts: str) -> list[str]:
        """What both have logged with all of these."""
        return [line for node in self.nodes for line in node.log if all(part in line for part in parts)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    groups = {"desk": '["Desk"]', "stepper": '["Strong"]', "coder": '["Strong"]'}
    users = [
        USER.format(name=name, hashed=hashed, number=number, groups=groups.get(name, "[]"))
        for number, name in enumerate((*PERSONS, "desk"))
    ]
    named = 'username = "phoneless"\n'
    (folder / "users.toml").write_text("".join(users).replace(named, f'{named}manager = "boss"\n'))
    (folder / "users.toml").chmod(0o600)
    async with AsyncExitStack() as stack:
        app_port = await stack.enter_async_context(running_app())
        sink = await stack.enter_async_context(smtp_sink())
        redis = stack.enter_context(running_redis())
        nodes, doors = [], []
        for name in ("one", "other"):
            (folder / name).mkdir()
            config, port = folder / name / "gatepost.toml", free_port()
            values = {"store_url": redis.url, "smtp_port": sink.port, "app_port": app_port, "folder": folder}
            config.write_text(CONFIGURATION.format(port=port, **values))
            config.chmod(0o600)
            node = GatepostProcess(config)
            stack.push_async_callback(asyncio.to_thread, node.__exit__)
            nodes.append(node)
            doors.append(("127.0.0.1", port))
        await asyncio.gather(*(asyncio.to_thread(node.start) for node in nodes))
        yield Pair(nodes=nodes, doors=doors, sink=sink, redis=redis)


def url(page: str) -> str:
    return f"{SIGN_IN}/.gatepost/{page}"


async def type_password(browser: PlainBrowser, name: str) -> Page:
    """As after the browser was closed: it has no session."""
    browser.cookies.get("signin.localhost", {}).pop("gatepost", None)
    page = await browser.get(url("sign-in"))
    return await browser.post(url("sign-in"), {**page.form, "username": name, "password": PASSWORD})


async def signed_in_by_text(pair: Pair, browser: PlainBrowser, name: str, **fields: str) -> None:
    answer = await type_password(browser, name)
    page = await browser.get(answer.next_url)
    answer = await browser.post(url("passcode"), {**page.form, "passcode": await pair.passcode(name), **fields})
    assert answer.next_url == f"{SIGN_IN}/", answer.text


def is_in(answer: Page) -> bool:
    return answer.status == 303 and answer.next_url == f"{SIGN_IN}/"


async def raced(pages: Sequence[tuple[PlainBrowser, Page]], code: str) -> list[Page]:
    return await asyncio.gather(
        *(browser.post(url("passcode"), {**page.form, "passcode": code}) for browser, page in pages)
    )


async def test_a_pass_of_one_node_opens_at_the_other_and_its_end_closes_what_is_open_there(pair: Pair) -> None:
    (here, there), (desk, person) = pair.doors, pair.browsers(2)
    await type_password(desk, "desk")
    page = await desk.get(url("admin/person"))
    page = await desk.post(url("admin/person"), {**page.form, "login": "passless"})
    fields = {**page.form, "reason": "No phone", "hours": "1", "opens:Wiki": "on"}
    page = await desk.post(url("admin/person/give-pass"), fields)
    code = re.search(r'<p class="read"><code>([0-9 ]+)', page.text)
    assert code is not None, page.text

    page = await person.get(f"{WIKI}/page")
    page = await person.get(page.next_url)
    answer = await person.post(url("sign-in"), {**page.form, "username": "passless", "password": PASSWORD})
    page = await person.get(answer.next_url)
    answer = await person.post(url("passcode"), {**page.form, "new": "pass"})
    page = await person.get(answer.next_url)
    answer = await person.post(url("passcode"), {**page.form, "passcode": code[1]})
    answer = await person.get(answer.next_url)
    for door in (there, here):
        page = await person.get(answer.next_url, at=door)
        assert (page.status, page.text) == (200, "passless")

    own = f"gatepost={person.cookies['wiki.localhost']['gatepost']}"
    headers = {"Host": "wiki.localhost:8080", "Origin": WIKI, "Cookie": own}
    async with (
        ClientSession(cookie_jar=CookieJar()) as client,
        client.ws_connect(f"http://127.0.0.1:{there[1]}/socket", headers=headers) as socket,
    ):
        await socket.send_str("hello")
        assert await socket.receive_str(timeout=10) == "hello"
        page = await desk.get(url("admin/passes"))
        pass_id = re.search(r'name="end" value="([^"]+)"', page.text)
        assert pass_id is not None
        page = await desk.post(url("admin/passes"), {**page.form, "end": pass_id[1]})
        assert "and with it one session" in page.text
        message = await socket.receive(timeout=WITHIN_SECONDS)
        assert (message.type, message.data) == (WSMsgType.CLOSE, 4401)
    for door in (here, there):
        assert (await person.get(f"{WIKI}/page", at=door)).status == 302


async def test_of_a_hundred_vouches_at_both_nodes_one_counts_and_one_session_goes_on(pair: Pair) -> None:
    phoneless, boss = pair.browsers(2)
    signed_in = len(pair.lines('"sign_in.succeeded"', '"password pass"'))
    answer = await type_password(phoneless, "phoneless")
    page = await no_phone(phoneless, await phoneless.get(answer.next_url), app="Wiki")
    words = words_on(page)
    await signed_in_by_text(pair, boss, "boss")
    fields = answer_to(await boss.get(url("me/vouch")), words)
    bosses = [boss.copy() for _ in range(100)]
    for number, each in enumerate(bosses):
        each.address, each.timeout = pair.doors[number % 2], 60
    answers = await asyncio.gather(*(each.post(url("me/vouch"), fields) for each in bosses))
    assert Counter(answer.status == 303 for answer in answers) == {True: 1, False: 99}

    page = await phoneless.get(url("vouch"), at=pair.doors[1])
    assert "vouched for you" in page.text
    twins = [phoneless.copy() for _ in range(100)]
    for number, each in enumerate(twins):
        each.address, each.timeout = pair.doors[number % 2], 60
    answers = await asyncio.gather(*(each.post(url("vouch"), {**page.form, "go_on": "yes"}) for each in twins))
    assert Counter(map(is_in, answers)) == {True: 1, False: 99}
    await eventually(lambda: len(pair.lines('"sign_in.succeeded"', '"password pass"')) == signed_in + 1)


async def test_a_step_of_an_app_typed_at_both_nodes_at_one_time_opens_once(pair: Pair) -> None:
    (browser,) = pair.browsers(1)
    await signed_in_by_text(pair, browser, "stepper")
    page = await browser.get(url("me/factors?add=totp"))
    secret = re.search(r"<code>([A-Z2-7 ]{39})</code>", page.text)
    assert secret is not None, page.text
    app, now = pyotp.TOTP(secret[1].replace(" ", "")), time.time()
    answer = await browser.post(url("me/factors"), {**page.form, "passcode": app.at(int(now)), "add": "totp"})
    assert answer.next_url.endswith("told=added"), answer.text

    others = pair.browsers(6)
    answers = [await type_password(each, "stepper") for each in others]
    pages = [(each, await each.get(answer.next_url)) for each, answer in zip(others, answers, strict=True)]
    assert all("The code from your authenticator app" in page.text for _, page in pages)
    # The step after the one that added it: taken now, and for a minute more.
    answers = await raced(pages, app.at(int(now) + 30))
    assert Counter(map(is_in, answers)) == {True: 1, False: 5}
    await eventually(lambda: len(pair.lines('"passcode.refused"', '"wrong"')) == 5)


async def test_a_recovery_code_typed_at_both_nodes_at_one_time_opens_once(pair: Pair) -> None:
    (browser,) = pair.browsers(1)
    await signed_in_by_text(pair, browser, "coder")
    page = await browser.get(url("me/factors?add=recovery_code"))
    page = await browser.post(url("me/factors"), {**page.form, "add": "recovery_code"})
    code, *_ = re.findall(r"<code>([0-9A-Z-]{14})</code>", page.text)

    others = pair.browsers(6)
    answers = [await type_password(each, "coder") for each in others]
    pages = [(each, await each.get(answer.next_url)) for each, answer in zip(others, answers, strict=True)]
    assert Counter(map(is_in, await raced(pages, code))) == {True: 1, False: 5}
    used = await pair.texts("coder", 2)
    assert sum("recovery code" in text for text in used) == 2, "of the new ones, and of the one that was used"


async def test_ten_tabs_at_both_nodes_at_one_time_are_no_theft(pair: Pair) -> None:
    (browser,) = pair.browsers(1)
    await signed_in_by_text(pair, browser, "tabs", remember="yes")
    await a_minute_later(pair)
    tabs = [browser.copy() for _ in range(10)]
    for number, tab in enumerate(tabs):
        tab.address = pair.doors[number % 2]
    assert all(map(is_in, await asyncio.gather(*(type_password(tab, "tabs") for tab in tabs))))
    (held,) = {tab.cookies["signin.localhost"][COOKIE] for tab in tabs}
    assert held != browser.cookies["signin.localhost"][COOKIE]
    await a_minute_later(pair)
    assert is_in(await type_password(tabs[1], "tabs"))
    assert not pair.is_texted("tabs")


async def test_a_copied_cookie_jar_is_found_out_at_either_node_and_told_once(pair: Pair) -> None:
    browser, elsewhere = pair.browsers(2)
    for each in (browser, elsewhere):
        await signed_in_by_text(pair, each, "copied", remember="yes")
    await a_minute_later(pair)
    thieves = [browser.copy() for _ in range(4)]
    for number, thief in enumerate(thieves):
        thief.address = pair.doors[number % 2]
    assert is_in(await type_password(browser, "copied"))
    await a_minute_later(pair)
    answers = await asyncio.gather(*(type_password(thief, "copied") for thief in thieves))
    assert not any(map(is_in, answers))
    texts = await pair.texts("copied", len(thieves) + 1)  # each was asked for a passcode
    assert sum("used from two places" in text for text in texts) == 1
    for each in (browser, elsewhere):
        assert not is_in(await type_password(each, "copied")), "all of the person's are forgotten"
    await pair.texts("copied", 2)
    await eventually(lambda: len(pair.lines('"browser.forgotten"', '"stolen"')) == 1)
    assert not pair.is_texted("copied")


async def a_minute_later(pair: Pair) -> None:
    """All values in force were made so long ago that the ones before do not count any more."""
    for key in re.findall(rb"\S+:browser:[0-9a-f]{64}", pair.redis.ask("KEYS", "*:browser:*")):
        before = f"{time.time() - CHANGE_SECONDS - 1}"
        assert pair.redis.ask("HSET", key.decode(), "used_at", before) == b":0\r\n"
