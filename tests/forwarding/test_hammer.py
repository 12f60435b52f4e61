"""Many persons on one worker at once, with pipelining, aborts and ended sessions: each sees only their own answers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random

import pytest

from tests.forwarding.stage import ALICE_TOKEN, BOB_TOKEN, Stage, StageMaker, get, session_of
from tests.support.raw_http import RawClient
from tests.support.upstreams import UpstreamSide

SECONDS = 3.0
CLIENTS = 40
TOKENS = {ALICE_TOKEN: b"alice", BOB_TOKEN: b"bob", None: b""}


async def echo(side: UpstreamSide) -> None:
    """Answers with who Gatepost says it is and what was asked, in odd pieces and framings."""
    while True:
        request = await side.request()
        target = request.start.split(b" ")[1]
        user, assertion = request.get("remote-user") or b"", request.get("x-gatepost-assertion") or b""
        body = b"|".join((user, assertion, target, request.body))
        number = sum(target) % 4
        if number == 0:
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        elif number == 1:
            await side.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for at in range(0, len(body), 30):
                await side.send(b"%x\r\n%b\r\n" % (len(body[at : at + 30]), body[at : at + 30]))
                await asyncio.sleep(0)
            await side.send(b"0\r\n\r\n")
        elif number == 2:
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(body))
            await asyncio.sleep(0)
            await side.send(b"\r\n" + body)
        else:
            await side.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
            return


class Person:
    """One client among many: it changes its session from request to request, as nobody does."""

    def __init__(self, stage: Stage, number: int) -> None:
        self.stage = stage
        self.number = number
        self.random = Random(number)
        self.count = 0
        self.answers = 0
        self.refusals = 0
        self.broken = 0

    def question(self) -> tuple[bytes, bytes, bytes]:
        """The bytes, who asks, and what the answer must say was asked."""
        token = self.random.choice((ALICE_TOKEN, BOB_TOKEN, ALICE_TOKEN, BOB_TOKEN, None))
        self.count += 1
        target = f"/{self.number}/{self.count}"
        if token is not None and self.random.random() < 0.3:
            body = b"body-of-%d-%d" % (self.number, self.count)
            lines = f"Content-Length: {len(body)}\r\nRemote-User: root\r\n"
            raw = get(target, token=token, host="open.corp.example", lines=lines, method="POST") + body
        else:
            body = b""
            raw = get(target, token=token, host="open.corp.example", lines="Remote-User: root\r\n")
        return raw, TOKENS[token], target.encode() + b"|" + body

    async def talk(self, client: RawClient, *, sessions_end: bool) -> None:
        while True:
            asked = [self.question() for _ in range(self.random.randint(1, 5))]
            await client.send(b"".join(raw for raw, _, _ in asked))
            if self.random.random() < 0.05:
                client.abort()
                return
            for _, user, what in asked:
                answer = await client.response()
                if answer.status == 401 and (not user or sessions_end):
                    self.refusals += 1
                    if answer.get("connection") == b"close":
                        return
                    continue
                assert answer.status == 200, answer
                assert user, "nobody was let in"
                assert answer.body == user + b"|assertion-" + user + b"-Open|" + what
                self.answers += 1

    async def run(self, *, sessions_end: bool) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + SECONDS
        while loop.time() < end:
            with suppress(TimeoutError):
                async with self.stage.client() as client:
                    try:
                        async with asyncio.timeout_at(end):
                            await self.talk(client, sessions_end=sessions_end)
                    except (ConnectionError, asyncio.IncompleteReadError):
                        self.broken += 1
                        assert sessions_end


@pytest.mark.parametrize("sessions_end", [False, True])
async def test_nobody_sees_the_answer_of_another(staged: StageMaker, sessions_end: bool) -> None:
    async with staged(echo) as stage:
        persons = [Person(stage, number) for number in range(CLIENTS)]

        async def end_sessions() -> None:
            """As a sign-out does it: not found any more, what is open cut, later signed in anew."""
            for number in range(10_000):
                await asyncio.sleep(0.01)
                token, name = ((ALICE_TOKEN, "alice"), (BOB_TOKEN, "bob"))[number % 2]
                old = stage.sessions.by_token.pop(token)
                stage.sessions.warm.discard(token)
                stage.plane.end_session(old.session_id)
                await asyncio.sleep(0.005)
                stage.sessions.by_token[token] = session_of(name, session_id=f"{name}-{number}")

        ending = asyncio.create_task(end_sessions()) if sessions_end else None
        async with asyncio.timeout(SECONDS * 5):
            await asyncio.gather(*(person.run(sessions_end=sessions_end) for person in persons))
        if ending is not None:
            ending.cancel()
        answers = sum(person.answers for person in persons)
        print(answers, "answers,", sum(person.refusals for person in persons), "refusals")
        assert answers > 50  # enough to mix them up, on the slowest machine
        assert sessions_end == any(person.broken for person in persons)
        async with asyncio.timeout(5):
            await stage.plane._until_empty()
