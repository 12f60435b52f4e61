"""Gatepost's own costs: memory with few and many sessions, first look-ups, and a whole sign-in."""

from __future__ import annotations

import asyncio
import html
import http.client
import itertools
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.cookies import SimpleCookie
from itertools import repeat
from statistics import median
from urllib.parse import urlencode, urljoin, urlsplit

from benchmarks.configurations import CLIENTS, ECHO, FILES, PASSWORD, USERNAME
from benchmarks.gatepost import GROUP
from benchmarks.load import WrongAnswer, ping_pong, request_bytes
from benchmarks.sign_in import SERVICE, Contest, compare, served_by
from benchmarks.stage import Stage
from proxy.demo.phone import Phone
from proxy.sessions.way import TOKEN_HOST
from tests.support.samba_dc import SambaDC
from tests.support.samba_people import DomainGroup, DomainPerson

LOCAL, ACTIVE_DIRECTORY = "local directory", "Active Directory (Samba over LDAPS)"
THREADS = 4
"""That sign in at once."""
_CSRF = re.compile(r'name="(csrf_token|return_to|start|challenge)" value="([^"]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Bytes of worker memory, and seconds of CPU time per request."""

    at_rest: float
    with_stored: float
    after_use: float
    """Once each of the stored sessions was used through this worker."""
    first_look_up_rate: float
    first_look_up_cpu: float
    known_rate: float
    known_cpu: float
    """The same load, of requests whose session the worker knows."""
    count: int


def sessions(stage: Stage, count: int) -> Sessions:
    """Start one worker with one session, and one with `count` that it has never seen."""
    with stage.gatepost("at-rest") as (process, port, own):
        _play(port, [own[FILES]])
        at_rest = process.memory().now
    tokens_file = stage.folder / "tokens"
    store = ("--sessions", str(count), "--tokens", str(tokens_file), "--only-store")
    with stage.gatepost("many", arguments=store):
        pass
    cookies = [f"gatepost={token}" for token in tokens_file.read_text().split()]
    with stage.gatepost("many") as (process, port, own):
        _play(port, [own[FILES]])
        with_stored = process.memory().now
        before = process.cpu_seconds()
        first = _play(port, cookies)
        between = process.cpu_seconds()
        after_use = process.memory().now
        known = _play(port, list(itertools.repeat(own[FILES], count)))
        known_cpu = process.cpu_seconds() - between
    return Sessions(
        at_rest=at_rest,
        with_stored=with_stored,
        after_use=after_use,
        first_look_up_rate=first,
        first_look_up_cpu=(between - before) / count,
        known_rate=known,
        known_cpu=known_cpu / count,
        count=count,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """Seconds of CPU time per request of one worker, medians over rounds that alternate."""

    cookie_cpu: float
    """To an app for browsers alone."""
    bearer_cpu: float
    """To one that takes tokens, with a token in the place of the cookie."""
    ratio: float
    """Of the latter to the former, round by round: the median."""
    rounds: int


def clients(stage: Stage, rounds: int, count: int) -> Clients:
    """`count` requests of each kind in each round."""
    with stage.gatepost("clients") as (process, port, own):
        by_cookie = request_bytes("GET", "/small", FILES, own[FILES])
        by_token = (
            f"GET /small HTTP/1.1\r\nHost: {CLIENTS}\r\nAuthorization: Bearer {own[TOKEN_HOST]}\r\nAccept: */*\r\n\r\n"
        ).encode()
        spent: dict[bytes, list[float]] = {by_cookie: [], by_token: []}
        for number in range(rounds + 1):
            # Each kind goes first in turn; the first round only warms up.
            for request in (by_cookie, by_token) if number % 2 else (by_token, by_cookie):
                before = process.cpu_seconds()
                ping_pong(port, request, b"200", partial(repeat, request, count), answer_bytes=None, connections=16)
                if number:
                    spent[request].append((process.cpu_seconds() - before) / count)
    ratios = [token / cookie for cookie, token in zip(spent[by_cookie], spent[by_token], strict=True)]
    return Clients(
        cookie_cpu=median(spent[by_cookie]), bearer_cpu=median(spent[by_token]), ratio=median(ratios), rounds=rounds
    )


def _play(port: int, cookies: list[str]) -> float:
    """One request per cookie; requests a second."""
    opening = request_bytes("GET", "/small", FILES, cookies[0])

    def requests() -> Iterator[bytes]:
        return (request_bytes("GET", "/small", FILES, cookie) for cookie in cookies)

    return ping_pong(port, opening, b"200", requests, answer_bytes=None, connections=16).rate


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIns:
    """CPU seconds of Gatepost's process per sign-in."""

    cpu_seconds: float
    requests: float
    """Requests of the browser per sign-in."""


def sign_ins(stage: Stage, count: int, *, directory: str | None = None, name: str = "sign-in") -> SignIns:
    """Sign in `count` times as a browser does (its fetching of styles and scripts left out), after two to warm up.

    Everything that Gatepost's process does counts: pages, sessions, passcode, mail, ticket and the forwarded page. The
    relay (it runs here) and the directory do not count. With the local directory the hashing of the password counts,
    but costs almost nothing: its hash has the cheapest possible parameters.
    """

    async def run() -> SignIns:
        phone = Phone()
        await phone.start()
        try:
            with stage.gatepost(name, smtp_port=phone.smtp_port, directory=directory) as (process, port, _):
                for _ in range(2):
                    await _sign_in(phone, port)
                before, requests = process.cpu_seconds(), 0
                for _ in range(count):
                    requests += await _sign_in(phone, port)
                used = process.cpu_seconds() - before
        finally:
            await phone.close()
        return SignIns(cpu_seconds=used / count, requests=requests / count)

    return asyncio.run(run())


@contextmanager
def domain(stage: Stage) -> Iterator[SambaDC]:
    """A throwaway Samba domain. Raises `SambaFailed`, where Samba is not installed too."""
    service = DomainPerson(username=SERVICE, password=PASSWORD)
    person = DomainPerson(
        username=USERNAME,
        password=PASSWORD,
        display_name="Alice Example",
        mail="alice@corp.example",
        mobile="07700 900123",
    )
    group = DomainGroup(name=GROUP, members=[USERNAME])
    # On the load's cores, which this process and its children are bound to.
    with SambaDC(stage.folder / "domain", address=None, persons=[service, person], groups=[group]) as dc:
        yield dc


def domain_sign_ins(stage: Stage, dc: SambaDC, count: int) -> SignIns:
    """As `sign_ins`, over LDAPS."""
    table = (
        '[[directories]]\nname = "corp"\ntype = "active_directory"\ndomain = "corp.example"\n'
        f'servers = ["{dc.url}"]\nca_file = "{dc.ca_file}"\nbind_user = "{SERVICE}@corp.example"\n'
        f'bind_password = "{PASSWORD}"\n'
    )
    return sign_ins(stage, count, directory=table, name="sign-in-ad")


def contest(stage: Stage, dc: SambaDC, *, seconds: float, rounds: int) -> Contest:
    """Sign-ins a second beside bare loops, which run on the proxy's core as Gatepost does."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, stage.cores.proxy)
    try:
        with served_by(dc, THREADS) as directory:
            return compare(dc, directory, seconds=seconds, rounds=rounds, threads=THREADS)
    finally:
        os.sched_setaffinity(0, before)


async def _sign_in(phone: Phone, port: int) -> int:
    """Open the app, type the password, type the passcode, arrive. How many requests that took."""
    browser = _Browser(port)
    before = phone.messages
    page = await asyncio.to_thread(browser.open, f"http://{ECHO}:{port}/")
    fields = {**_fields(page), "username": USERNAME, "password": PASSWORD}
    page = await asyncio.to_thread(browser.send, fields)
    async with asyncio.timeout(10):
        while phone.messages is before:  # noqa: ASYNC110  # it tells its page alone
            await asyncio.sleep(0.001)
    fields = {**_fields(page), "passcode": phone.messages[-1].text[:6]}
    page = await asyncio.to_thread(browser.send, fields)
    browser.close()
    if page != "taken":
        raise WrongAnswer(f"the sign-in led to {page[:200]!r}")
    return browser.requests


def _fields(page: str) -> dict[str, str]:
    """Of the page's first form."""
    form = page.partition("</form>")[0]
    return {name: html.unescape(value) for name, value in _CSRF.findall(form)}


class _Browser:
    """Follows redirects and keeps cookies by host; one kept connection per host."""

    def __init__(self, port: int) -> None:
        self.requests = 0
        self._port = port
        self._url = ""
        self._cookies: dict[str, dict[str, str]] = {}
        self._connections: dict[str, http.client.HTTPConnection] = {}

    def open(self, url: str) -> str:
        return self._follow("GET", url, None)

    def send(self, fields: dict[str, str]) -> str:
        """Post a form to the page that it came from."""
        return self._follow("POST", self._url.partition("?")[0], urlencode(fields))

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()

    def _follow(self, method: str, url: str, body: str | None) -> str:
        for _ in range(10):
            status, location, text = self._ask(method, url, body)
            self._url = url
            if status not in (302, 303):
                if status != 200:
                    raise WrongAnswer(f"{method} {url.partition('?')[0]}: {status} {text[:300]}")
                return text
            method, url, body = "GET", urljoin(url, location), None
        raise WrongAnswer("redirected for ever")

    def _ask(self, method: str, url: str, body: str | None) -> tuple[int, str, str]:
        parts = urlsplit(url)
        host = parts.hostname or ""
        connection = self._connections.setdefault(host, http.client.HTTPConnection("127.0.0.1", self._port, 30))
        jar = self._cookies.setdefault(host, {})
        fields = {"Host": parts.netloc, "Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
        if jar:
            fields["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        if body is not None:
            fields |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{parts.netloc}"}
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, fields)
        answer = connection.getresponse()
        text = answer.read().decode()
        for field in answer.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(field).items():
                jar[name] = morsel.value
        self.requests += 1
        return answer.status, answer.headers.get("Location", ""), text
