"""What passes through the app on loopback, to a real server and back."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientConnectionError, ClientPayloadError, ClientSession, WSMsgType, WSServerHandshakeError, web
from yarl import URL

from proxy.connect.app_address import read_address
from proxy.connect.local_proxy import LocalProxy
from tests.connect.at_terminal import basic, secret_of

BIG = bytes(range(256)) * 4_000


class PretendSession:
    token = "t0ken"

    def __init__(self) -> None:
        self.uses = 0
        self.refused: list[str] = []

    def used(self) -> None:
        self.uses += 1

    def is_refused(self, token: str) -> None:
        self.refused.append(token)


class AppServer:
    """What the app is asked, and what it answers by path."""

    def __init__(self) -> None:
        self.seen: list[web.Request] = []
        self.go_on = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        match request.path:
            case "/upload":
                digest, size = hashlib.sha256(), 0
                async for piece in request.content.iter_any():
                    digest.update(piece)
                    size += len(piece)
                return web.json_response([digest.hexdigest(), size, request.headers.get("Content-Length")])
            case "/big":
                return web.Response(body=BIG)
            case "/slowly":
                response = web.StreamResponse()
                await response.prepare(request)
                await response.write(b"first")
                await self.go_on.wait()
                await response.write(b"second")
                return response
            case "/broken":
                response = web.StreamResponse(headers={"Content-Length": "100"})
                await response.prepare(request)
                await response.write(b"x" * 10)
                assert request.transport is not None
                request.transport.abort()
                return response
            case "/over":
                challenge = 'Bearer realm="Wiki", error="invalid_token"'
                return web.Response(status=401, text="page of the app", headers={"WWW-Authenticate": challenge})
            case "/own":
                return web.Response(status=401, text="page of the app", headers={"WWW-Authenticate": "Digest x"})
            case "/socket":
                if request.headers.get("Authorization") != "Bearer t0ken":
                    return web.Response(status=401)
                socket = web.WebSocketResponse(protocols=["chat"])
                await socket.prepare(request)
                async for message in socket:
                    if message.type is WSMsgType.BINARY:
                        await socket.send_bytes(message.data)
                    elif message.data == "end":
                        await socket.close(code=4401)
                    else:
                        await socket.send_str(message.data)
                return socket
        return web.Response(status=404 if request.path == "/gone" else 200, text=f"{request.method} {request.raw_path}")


class Place:
    """Where a test is: the proxy's address and secret, and both sides of it."""

    def __init__(self, app: AppServer, session: PretendSession, address: str, client: ClientSession) -> None:
        self.app, self.session, self.client = app, session, client
        self.url, self.secret = secret_of(address)
        self.auth = {"Authorization": basic(self.secret)}


@asynccontextmanager
async def placed(*, is_open: bool = False) -> AsyncIterator[Place]:
    app, session = AppServer(), PretendSession()
    served = web.Application(client_max_size=2**28)
    served.router.add_route("*", "/{path:.*}", app.handle)
    runner = web.AppRunner(served, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = read_address("http://127.0.0.1:{1}/".format(*runner.addresses[0]))
    try:
        async with ClientSession(auto_decompress=False) as http, ClientSession() as client:
            proxy = LocalProxy(http, address, session, is_open=is_open)
            async with proxy.serving("127.0.0.1", 0) as shown:
                yield Place(app, session, shown, client)
    finally:
        await runner.cleanup()


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with placed() as place:
        yield place


async def test_nobody_without_the_secret_reaches_the_app(place: Place) -> None:
    for headers in ({}, {"Authorization": basic("wrong")}, {"Cookie": "gatepost-connect-1=x"}):
        async with place.client.get(place.url, headers=headers) as answer:
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="gatepost connect"')
    assert place.app.seen == []


async def test_a_foreign_host_or_page_never_reaches_the_app(place: Place) -> None:
    for headers, status in (
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ):
        async with place.client.post(place.url, headers={**place.auth, **headers}) as answer:
            assert answer.status == status
            assert "WWW-Authenticate" not in answer.headers
    with pytest.raises(WSServerHandshakeError):
        await place.client.ws_connect(place.url + "socket", headers={**place.auth, "Origin": "https://evil.example"})
    assert place.app.seen == []


async def test_open_asks_for_no_secret_and_still_refuses_pages_of_others() -> None:
    async with placed(is_open=True) as place:
        assert place.secret == ""
        async with place.client.get(place.url) as answer:
            assert answer.status == 200
        async with place.client.get(place.url, headers={"Origin": "https://evil.example"}) as answer:
            assert answer.status == 403


async def test_what_is_asked_arrives_as_it_was_sent_with_the_token(place: Place) -> None:
    for method, path in (("GET", "a%2Fb/../c?x=%41&y"), ("PROPFIND", "dav/"), ("DELETE", "gone"), ("OPTIONS", "")):
        url = f"{place.url}{path}"
        async with place.client.request(method, URL(url, encoded=True), headers=place.auth) as answer:
            assert (await answer.text()) == f"{method} /{path}"
    assert {each.headers["Authorization"] for each in place.app.seen} == {"Bearer t0ken"}
    assert place.secret not in repr([each.raw_headers for each in place.app.seen])
    assert place.session.uses == 4


async def test_the_secret_is_taken_as_a_cookie_once_it_was_given(place: Place) -> None:
    async with place.client.get(place.url, headers=place.auth) as answer:
        (cookie,) = answer.headers.getall("Set-Cookie")
    pair, *attributes = cookie.split("; ")
    assert attributes == ["Path=/", "HttpOnly", "SameSite=Strict"]
    async with ClientSession() as client, client.get(place.url, headers={"Cookie": pair}) as answer:
        assert answer.status == 200
    assert "Cookie" not in place.app.seen[-1].headers


async def test_bodies_of_any_size_stream_through(place: Place) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(BIG), 65536):
            yield BIG[start : start + 65536]

    expected = hashlib.sha256(BIG).hexdigest()
    async with place.client.put(place.url + "upload", data=BIG, headers=place.auth) as answer:
        assert await answer.json() == [expected, len(BIG), str(len(BIG))]
    async with place.client.put(place.url + "upload", data=pieces(), headers=place.auth) as answer:
        assert await answer.json() == [expected, len(BIG), None]
    async with place.client.get(place.url + "big", headers=place.auth) as answer:
        assert (answer.headers["Content-Length"], await answer.read()) == (str(len(BIG)), BIG)
    async with place.client.head(place.url + "big", headers=place.auth) as answer:
        assert answer.headers["Content-Length"] == str(len(BIG))


async def test_an_answer_is_passed_on_while_it_comes(place: Place) -> None:
    async with place.client.get(place.url + "slowly", headers=place.auth) as answer:
        assert await answer.content.readexactly(5) == b"first"
        place.app.go_on.set()
        assert await answer.content.read() == b"second"


async def test_an_answer_that_breaks_off_is_not_made_whole(place: Place) -> None:
    with pytest.raises((ClientPayloadError, ClientConnectionError)):
        async with place.client.get(place.url + "broken", headers=place.auth) as answer:
            await answer.read()


async def test_web_sockets_pass_with_their_protocol_and_their_end(place: Place) -> None:
    async with place.client.ws_connect(place.url + "socket", headers=place.auth, protocols=["chat"]) as socket:
        assert socket.protocol == "chat"
        await socket.send_str("hello")
        assert await socket.receive_str() == "hello"
        await socket.send_bytes(BIG[:100_000])
        assert await socket.receive_bytes() == BIG[:100_000]
        await socket.send_str("end")
        assert (await socket.receive()).type is WSMsgType.CLOSE
        assert socket.close_code == 4401


async def test_a_session_that_is_over_is_told_of_and_an_apps_own_refusal_is_passed_on(place: Place) -> None:
    async with place.client.get(place.url + "own", headers=place.auth) as answer:
        assert (answer.status, await answer.text()) == (401, "page of the app")
    assert place.session.refused == []
    async with place.client.get(place.url + "over", headers=place.auth) as answer:
        assert answer.status == 401
        assert "terminal" in await answer.text()
        assert "WWW-Authenticate" not in answer.headers, "a browser would ask for a password"
    assert place.session.refused == ["t0ken"]


async def test_an_app_that_is_away_is_said_to_be(place: Place) -> None:
    async with ClientSession() as http, ClientSession() as client:
        proxy = LocalProxy(http, read_address("http://127.0.0.1:1/"), place.session, is_open=True)
        async with proxy.serving("127.0.0.1", 0) as shown, client.get(shown) as answer:
            assert answer.status == 502
            assert "cannot be reached" in await answer.text()
