"""The demo's protected app: what it received is on its page, and every kind of traffic works."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator

import aiohttp
import pytest

from proxy.demo.app import start_demo_app


@pytest.fixture
async def url() -> AsyncIterator[str]:
    runner, port = await start_demo_app()
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_the_page_shows_the_headers_as_received(url: str, client: aiohttp.ClientSession) -> None:
    async with client.get(url, headers={"Remote-User": "alice", "Remote-Name": "Zoë <b>", "X-Other": "1"}) as answer:
        html = await answer.text()
    assert "<dt>Remote-User</dt><dd><code>alice</code></dd>" in html
    assert "Zoë &lt;b&gt;" in html
    assert "<dt>X-Other</dt>" in html
    assert 'href="/.gatepost/sign-out"' in html
    assert html.index("Remote-User") < html.index("X-Other")


async def test_a_request_past_gatepost_is_told_apart(url: str, client: aiohttp.ClientSession) -> None:
    async with client.get(url) as answer:
        assert "did not come through Gatepost" in await answer.text()


async def test_the_websocket_echoes_text_and_bytes(url: str, client: aiohttp.ClientSession) -> None:
    async with client.ws_connect(f"{url}/ws") as socket:
        await socket.send_str("hello")
        assert await socket.receive_str(timeout=5) == "hello"
        await socket.send_bytes(b"\x00\xff")
        assert await socket.receive_bytes(timeout=5) == b"\x00\xff"


async def test_a_plain_request_for_the_websocket_is_told_to_upgrade(url: str, client: aiohttp.ClientSession) -> None:
    async with client.get(f"{url}/ws") as answer:
        assert answer.status == 426


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
async def test_an_upload_is_counted_and_hashed(url: str, client: aiohttp.ClientSession, size: int) -> None:
    body = bytes(size)
    async with client.post(f"{url}/upload", data=io.BytesIO(body)) as answer:
        assert await answer.json() == {"bytes": size, "sha256": hashlib.sha256(body).hexdigest()}


async def test_events_keep_coming(url: str, client: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(5), client.get(f"{url}/events") as events:
        assert events.headers["Content-Type"] == "text/event-stream"
        assert (await events.content.readline()).startswith(b"data: ")
        await events.content.readline()
        assert (await events.content.readline()).startswith(b"data: ")


async def test_the_page_allows_no_inline_code(url: str, client: aiohttp.ClientSession) -> None:
    async with client.get(url) as answer:
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        html = await answer.text()
    assert "style=" not in html
    for name, content_type in (("app.css", "text/css"), ("app.js", "text/javascript"), ("app.svg", "image/svg+xml")):
        async with client.get(f"{url}/static/{name}") as answer:
            assert (answer.status, answer.content_type) == (200, content_type)
    async with client.get(f"{url}/static/app.html") as answer:
        assert answer.status == 404


async def test_it_ends_with_streams_and_sockets_open(client: aiohttp.ClientSession) -> None:
    runner, port = await start_demo_app()
    events = await client.get(f"http://127.0.0.1:{port}/events")
    socket = await client.ws_connect(f"http://127.0.0.1:{port}/ws")
    closed = asyncio.create_task(socket.receive(timeout=5))
    async with asyncio.timeout(5):
        await runner.cleanup()
    assert (await closed).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING)
    events.close()
