"""Names beyond ASCII, and servers that refuse them: uvicorn with `websockets`, as many Python apps run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.forwarding.stage import ALICE_TOKEN, Stage, StageMaker, get
from tests.forwarding.test_authorize import TRUSTED, nginx
from tests.support.real_apps import WEBSOCKETS, real_app

NAME = "Céline Zoë"
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def become_celine(stage: Stage) -> None:
    alice = stage.sessions.by_token[ALICE_TOKEN]
    principal = replace(alice.principal, display_name=NAME, groups=frozenset({"Wiki Users", "Vue d'été, 1"}))
    stage.sessions.by_token[ALICE_TOKEN] = replace(alice, principal=principal)


@pytest.fixture
async def websocket_app(tmp_path: Path) -> AsyncIterator[str]:
    async with real_app(WEBSOCKETS, tmp_path) as (host, port):
        yield f"http://{host}:{port}"


@pytest.mark.parametrize(
    ("server", "app"),
    [
        ({}, {"identity_encoding": "percent"}),
        ({"identity_encoding": "percent"}, {}),
        ({"identity_encoding": "leave_out"}, {"identity_encoding": "percent"}),
    ],
)
async def test_a_websocket_of_somebody_whose_name_is_not_ascii_opens(
    staged: StageMaker, websocket_app: str, server: dict[str, Any], app: dict[str, Any]
) -> None:
    """The app sends the name that it decoded as the first message."""
    async with staged(server=server, app={**app, "upstream": websocket_app}) as stage:
        become_celine(stage)
        async with asyncio.timeout(10), stage.client() as client:
            client.writer.write(get("/", lines=UPGRADE))
            head = await client.reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 ")
            kind, length = await client.reader.readexactly(2)
            assert (kind, (await client.reader.readexactly(length)).decode()) == (0x81, NAME)


async def test_what_is_left_out_opens_it_too_without_the_name(staged: StageMaker, websocket_app: str) -> None:
    async with staged(app={"identity_encoding": "leave_out", "upstream": websocket_app}) as stage:
        become_celine(stage)
        async with asyncio.timeout(10), stage.client() as client:
            client.writer.write(get("/", lines=UPGRADE))
            assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            kind, length = await client.reader.readexactly(2)
            assert (kind, await client.reader.readexactly(length)) == (0x81, b"nobody")


async def test_utf_8_as_it_is_breaks_the_handshake_of_that_server(staged: StageMaker, websocket_app: str) -> None:
    """Why there is a choice. Should this server learn better one day, the documentation may say so."""
    async with staged(app={"upstream": websocket_app}) as stage:
        become_celine(stage)
        assert (await stage.ask(get("/", lines=UPGRADE))).status in (500, 502)


async def test_the_authorize_endpoint_says_it_as_the_app_wants_it(staged: StageMaker) -> None:
    async with staged(server=TRUSTED, app={"identity_encoding": "percent"}) as stage:
        become_celine(stage)
        answer = await stage.ask(nginx("/page"))
        assert unquote((answer.get("remote-name") or b"").decode("ascii")) == NAME
        groups = (answer.get("remote-groups") or b"").decode("ascii").split(",")
        assert [unquote(group) for group in groups] == ["Vue d'été, 1", "Wiki Users"]
        other = await stage.ask(nginx("/page", host="open.corp.example"))
        assert other.get("remote-name") == NAME.encode()
