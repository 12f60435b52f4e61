"""A server that can lose nothing: each request is one step on one dictionary. What breaks are answers, and the order.

For checking those who put the real one under stress: whatever is found here is their own fault.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import parse_qs

from proxy.operations.store_errors import StoreUnavailable
from tests.stress.house import APP_HOST, APP_URL, SIGN_IN_HOST, SIGN_IN_URL, Person
from tests.support.plain_browser import Address
from tests.support.raw_http import Message, read_message
from tests.support.smtp_sink import Received

LONGEST_SECONDS = 0.15
"""Before and after the one step."""
FAULTS = 0.08
"""How often an answer is lost, before the step or after it, and as often it is "away"."""
PASSCODE = "123456"
SIGN_IN, PASSCODE_PATH, SIGN_OUT, TICKET = (
    f"/.gatepost/{name}" for name in ("sign-in", "passcode", "sign-out", "ticket")
)


class _Lost(Exception):
    """The connection breaks instead of an answer."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int = 200
    body: str = ""
    location: str = ""
    cookie: str = ""


@dataclass(slots=True)
class PretendHouse:
    """`address` is set once it listens."""

    people: Sequence[Person]
    chance: random.Random
    address: Address = ("", 0)
    is_faultless: bool = False
    sessions: dict[str, Person] = field(default_factory=dict)
    """By the token of their cookie, the same on both hosts."""
    _pending: dict[str, Person] = field(default_factory=dict)
    """Challenges, each named as the cookie of its half sign-in."""
    _messages: asyncio.Queue[Received] = field(default_factory=asyncio.Queue)
    _names: Iterator[int] = field(default_factory=count)

    @property
    def sink(self) -> PretendHouse:
        return self

    @property
    def operators(self) -> PretendHouse:
        return self

    async def next_message(self, timeout: float = 10) -> Received:
        return await self._messages.get()

    def new_session(self, person: Person) -> str:
        token = f"session-{next(self._names)}"
        self.sessions[token] = person
        return token

    async def end_sessions_of(self, guid: str) -> int:
        """As the store of the operator's command. Raises `StoreUnavailable`, and has done it or not."""
        try:
            await self._meanwhile()
            ended = [token for token, person in self.sessions.items() if person.principal.guid == guid]
            for token in ended:
                del self.sessions[token]
            await self._meanwhile()
        except _Lost as exc:
            raise StoreUnavailable("lost") from exc
        return len(ended)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, as `asyncio.start_server` calls it."""
        with closing(writer):
            try:
                while True:
                    request = await read_message(reader, is_response=False)
                    await self._meanwhile()
                    answer = self._step(request)
                    await self._meanwhile()
                    writer.write(_to_bytes(answer))
            except (_Lost, EOFError, OSError):
                return

    async def _meanwhile(self) -> None:
        """Others have their turns. Raises `_Lost` now and then."""
        await asyncio.sleep(self.chance.uniform(0, LONGEST_SECONDS))
        if not self.is_faultless and self.chance.random() < FAULTS:
            raise _Lost

    def _step(self, request: Message) -> _Answer:
        method, target, _ = request.start.decode().split(" ")
        path, _, query = target.partition("?")
        host = (request.get("host") or b"").decode().partition(":")[0]
        token = (request.get("cookie") or b"").decode().partition("=")[2]
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        person = self.sessions.get(token)
        if not self.is_faultless and self.chance.random() < FAULTS:
            return _Answer(503)
        if host == APP_HOST:
            if path == TICKET:
                return _Answer(302, location=f"{APP_URL}/", cookie=query)
            return _Answer(302, location=SIGN_IN_URL + SIGN_IN) if person is None else _Answer(body=person.username)
        assert host == SIGN_IN_HOST, request.start
        match method, path:
            case "GET", "/.gatepost/sign-in":
                return _page() if person is None else _Answer(302, location=f"{APP_URL}{TICKET}?{token}")
            case "POST", "/.gatepost/sign-in":
                return self._begin(form["username"])
            case "GET", "/.gatepost/passcode":
                return _page(challenge=token)
            case "POST", "/.gatepost/passcode":
                if form["passcode"] != PASSCODE or form["challenge"] not in self._pending:
                    return _page()
                whose = self._pending.pop(form["challenge"])
                return _Answer(303, location=f"{APP_URL}/", cookie=self.new_session(whose))
            case "GET", "/.gatepost/sign-out":
                return _page() if person is None else _page(csrf_token="any")
            case _:
                assert (method, path) == ("POST", SIGN_OUT)
                self.sessions.pop(token, None)
                return _page()

    def _begin(self, username: str) -> _Answer:
        (person,) = (each for each in self.people if each.username == username)
        challenge = f"challenge-{next(self._names)}"
        self._pending[challenge] = person
        text = f"Subject: {PASSCODE} is your code\n\n".encode()
        recipients = (f"{person.number}@sms.example",)
        self._messages.put_nowait(
            Received(sender="", recipients=recipients, content=text, encrypted=False, login=None, helo="")
        )
        return _Answer(303, location=SIGN_IN_URL + PASSCODE_PATH, cookie=challenge)


def _page(**hidden: str) -> _Answer:
    fields = "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in hidden.items())
    return _Answer(body=f"<html>{fields}</html>")


def _to_bytes(answer: _Answer) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} X", f"Content-Length: {len(answer.body)}"]
    if answer.location:
        lines.append(f"Location: {answer.location}")
    if answer.cookie:
        lines.append(f"Set-Cookie: gatepost={answer.cookie}; Path=/")
    return "\r\n".join([*lines, "", answer.body]).encode()
