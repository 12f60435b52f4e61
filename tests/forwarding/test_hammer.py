"""Many persons on one worker at once, with pipelining, aborts and ended sessions: each sees only their own answers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import pytest

from tests.forwarding.stage import ALICE_TOKEN, BOB_TOKEN, Stage, StageMaker, get, session_of
from tests.support.raw_http import RawClient
from tests.support.upstreams import UpstreamSide

CLIENTS = 40
TOKENS = {ALICE_TOKEN: b"alice", BOB_TOKEN: b"bob", None: b""}
ANSWERS, REFUSALS, CUTS = 400, 100, 20
"""Enough to mix them up: so much of each kind is waited for, of each person."""
ANSWERS_BEFORE_AN_END = 10
ENDS = ANSWERS // ANSWERS_BEFORE_AN_END
CEILING_SECONDS = 100.0
"""A few seconds' work; so long a busy machine may take."""


@dataclass
class Tally:
    """What all of them have seen so far, by who asked; nobody is b""."""

    answers: Counter[bytes] = field(default_factory=Counter)
    refusals: Counter[bytes] = field(default_factory=Counter)
    ends: Counter[bytes] = field(default_factory=Counter)
    cuts: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition, repr=False)

    async def count(self, counter: Counter[bytes], user: bytes) -> None:
        async with self._changed:
            counter[user] += 1
            self._changed.notify_all()

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(is_so)

    async def more(self, count: int, counter: Counter[bytes], user: bytes) -> None:
        wanted = counter[user] + count
        await self.until(lambda: counter[user] >= wanted)

    def is_enough(self, *, sessions_end: bool) -> bool:
        persons = list(filter(None, TOKENS.values()))
        seen = self.refusals[b""] >= REFUSALS and all(self.answers[user] >= ANSWERS for user in persons)
        ended = self.cuts >= CUTS and all(self.ends[user] >= ENDS for user in persons)
        return seen and (ended or not sessions_end)


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

    def __init__(self, stage: Stage, tally: Tally, number: int) -> None:
        self.stage = stage
        self.tally = tally
        self.number = number
        self.random = Random(number)
        self.count = 0

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
                    await self.tally.count(self.tally.refusals, user)
                    if answer.get("connection") == b"close":
                        return
                    continue
                assert answer.status == 200, answer
                assert user, "nobody was let in"
                assert answer.body == user + b"|assertion-" + user + b"-Open|" + what
                await self.tally.count(self.tally.answers, user)

    async def run(self, *, sessions_end: bool) -> None:
        while True:
            async with self.stage.client() as client:
                try:
                    await self.talk(client, sessions_end=sessions_end)
                except (ConnectionError, asyncio.IncompleteReadError):
                    self.tally.cuts += 1
                    assert sessions_end


async def end_sessions(stage: Stage, tally: Tally, token: bytes) -> None:
    """As a sign-out does it: not found any more, what is open cut, signed in again once somebody was refused.

    In step with the answers, however slow the machine is: refusals cannot crowd them out.
    """
    user = TOKENS[token]
    while True:
        await tally.more(ANSWERS_BEFORE_AN_END, tally.answers, user)
        old = stage.sessions.by_token.pop(token)
        stage.sessions.warm.discard(token)
        stage.plane.end_session(old.session_id)
        await tally.more(1, tally.refusals, user)
        await tally.count(tally.ends, user)
        name = user.decode()
        stage.sessions.by_token[token] = session_of(name, session_id=f"{name}-{tally.ends[user]}")


@pytest.mark.parametrize("sessions_end", [False, True])
async def test_nobody_sees_the_answer_of_another(staged: StageMaker, sessions_end: bool) -> None:
    async with staged(echo) as stage:
        tally = Tally()
        try:
            async with asyncio.timeout(CEILING_SECONDS), asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(Person(stage, tally, number).run(sessions_end=sessions_end))
                    for number in range(CLIENTS)
                ]
                if sessions_end:
                    tasks += [group.create_task(end_sessions(stage, tally, each)) for each in (ALICE_TOKEN, BOB_TOKEN)]
                await tally.until(lambda: tally.is_enough(sessions_end=sessions_end))
                for task in tasks:
                    task.cancel()
        finally:
            print(tally)  # pytest shows it when the test fails
        assert sessions_end == (tally.cuts > 0)
        async with asyncio.timeout(5):
            await stage.plane.until_empty()
