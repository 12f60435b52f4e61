"""`tells_session_end`: the app's pages read in each answer when the session ends, and from Gatepost alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.forwarding.stage import NOW, StageMaker, get
from tests.support.upstreams import answer

NAME = "gatepost-session-ends"
TELLS: dict[str, Any] = {"tells_session_end": True}


COPIES = b"Gatepost-Session-Ends: 9999999999\r\nGATEPOST-SESSION-ENDS: 1\r\n"
with_copies = answer(b"HTTP/1.1 200 OK\r\n" + COPIES + b"Content-Length: 2\r\n\r\nok")


@pytest.mark.parametrize("handler", [None, with_copies])
async def test_each_answer_says_it_once(staged: StageMaker, handler: Any) -> None:
    async with staged(*([handler] if handler else []), app=TELLS) as stage, stage.client() as client:
        for _ in range(3):  # looked up, known, and by the memory of its connection
            told = await client.ask(get())
            assert (told.status, told.all(NAME)) == (200, [b"%d" % (NOW + 1800)])
        head = await client.ask(get(method="HEAD"), b"HEAD")
        assert head.all(NAME) == [b"%d" % (NOW + 1800)]


async def test_nobody_else_says_it(staged: StageMaker) -> None:
    async with staged(with_copies) as stage:
        told = await stage.ask(get(lines="Gatepost-Session-Ends: 5\r\n"))
        assert (told.status, told.all(NAME)) == (200, [])
        (request,) = stage.upstream.requests
        assert request.all(NAME) == []


async def test_an_answer_to_nobody_says_nothing(staged: StageMaker) -> None:
    rules = [{"path": "/open", "public": True}, {"path": "/", "groups": ["Wiki Users"]}]
    async with staged(app=TELLS | {"groups": None, "rules": rules}) as stage:
        told = await stage.ask(get("/open", token=None))
        assert (told.status, told.all(NAME)) == (200, [])
