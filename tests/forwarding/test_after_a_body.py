"""An app that ignores bodies, a real `http.server`, never gets to run one as somebody's request ("CL.0")."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from config.settings import PathRuleSettings
from proxy.sessions.kept_requests import KeptRequest
from proxy.upstreams.connection import CLOSED
from proxy.upstreams.pool import ENDING_SECONDS
from tests.forwarding.stage import ALICE_TOKEN, BOB_TOKEN, HOST, NOW, StageMaker, get
from tests.support.eventually import eventually
from tests.support.upstreams import OK, UpstreamSide

PUBLIC = PathRuleSettings(path="/public/", public=True)
WHOLE = b"GET /admin/delete?all HTTP/1.1\r\nHost: x\r\nRemote-User: admin\r\n\r\n"
BEGUN = b"GET /admin/delete?all HTTP/1.1\r\nX-Rest: "


@dataclass
class IgnoringApp:
    """Python's own server, HTTP/1.1, with the simplest handler there is: no body is ever read."""

    url: str = ""
    seen: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and ``Remote-User`` of each request that it ran."""


@asynccontextmanager
async def ignoring_app() -> AsyncIterator[IgnoringApp]:
    """When it is left, every request that it was going to run has been run."""
    app = IgnoringApp()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            app.seen.append((self.path, self.headers.get("Remote-User")))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else b"ok")

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False  # so that `server_close` waits for them

    server = Server(("127.0.0.1", 0), Handler)
    app.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield app
    finally:
        server.shutdown()
        thread.join()
        await asyncio.to_thread(server.server_close)


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


BODIES = {
    **{
        f"{method}, a {name} request": (method, "", f"Content-Length: {len(hidden)}\r\n", hidden)
        for method in ("POST", "GET", "HEAD", "DELETE", "PUT")
        for name, hidden in (("whole", WHOLE), ("begun", BEGUN))
    },
    "chunked": ("POST", "", "Transfer-Encoding: chunked\r\n", chunked(WHOLE)),
    "after an expectation": ("POST", "", f"Expect: 100-continue\r\nContent-Length: {len(WHOLE)}\r\n", WHOLE),
    "with an upgrade": ("GET", "", f"Upgrade: x\r\nConnection: upgrade\r\nContent-Length: {len(WHOLE)}\r\n", WHOLE),
    "with trailers": ("POST", "", f"TE: trailers\r\nConnection: te\r\nContent-Length: {len(WHOLE)}\r\n", WHOLE),
    "keep-alive": ("POST", "", f"Connection: keep-alive\r\nContent-Length: {len(WHOLE)}\r\n", WHOLE),
}
SENDERS = {"a stranger on a public path": None, "another person": BOB_TOKEN, "the same person": ALICE_TOKEN}


@pytest.mark.parametrize("token", SENDERS.values(), ids=SENDERS)
@pytest.mark.parametrize(("method", "target", "lines", "body"), BODIES.values(), ids=BODIES)
async def test_a_body_that_an_app_ignores_is_never_run(
    staged: StageMaker, method: str, target: str, lines: str, body: bytes, token: bytes | None
) -> None:
    async with ignoring_app() as app:
        settings = {"upstream": app.url, "groups": None, "rules": (PUBLIC,)}
        async with staged(app=settings) as stage, stage.client() as attacker, stage.client() as victim:
            assert (await victim.ask(get("/before"))).status == 200
            sent = get("/public/x", token=token, method=method, lines=lines) + body
            await attacker.send(sent)
            answer = await attacker.response(method.encode())
            while answer.status == 100:
                answer = await attacker.response(method.encode())
            assert answer.status == 200
            for _ in range(3):
                assert (await victim.ask(get("/after"))).status == 200
    assert {path for path, _ in app.seen} == {"/before", "/public/x", "/after"}
    assert [user for path, user in app.seen if path == "/after"] == ["alice"] * 3


async def test_a_kept_form_that_is_sent_on_gets_a_connection_of_its_own(staged: StageMaker) -> None:
    async with ignoring_app() as app, staged(app={"upstream": app.url}) as stage, stage.client() as client:
        kept = KeptRequest(owner="guid-alice", host=HOST, target="/form", lines=(), cookie=b"", body=WHOLE, kept_at=NOW)
        kept_requests = stage.plane.context.kept_requests
        sending = kept_requests.sending(await kept_requests.keep(kept), "id-of-alice")
        body = f"gatepost-kept={sending.token}&proof={sending.proof}".encode()
        lines = (
            f"Accept: text/html\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
        )
        assert (await client.ask(get("/form", method="POST", lines=lines) + body)).status == 200
        assert (await client.ask(get("/after"))).status == 200
    assert app.seen == [("/form", "alice"), ("/after", "alice")]


async def fields_upstream(staged: StageMaker, raw: bytes, **app: object) -> list[bytes]:
    async with staged(app=app) as stage:
        assert (await stage.ask(raw)).status == 200
        values: list[bytes] = stage.upstream.requests[0].all("connection")
    return values


async def test_only_a_request_with_a_body_says_that_it_is_the_last(staged: StageMaker) -> None:
    """Python's http.server knows "close" only where the field names nothing else."""
    with_body = get(method="POST", lines="TE: trailers\r\nConnection: te\r\nContent-Length: 2\r\n") + b"hi"
    assert await fields_upstream(staged, with_body) == [b"close"]
    assert await fields_upstream(staged, with_body, reuse_after_body=True) == [b"TE"]
    for without in (get(), get(method="POST", lines="Content-Length: 0\r\n")):
        assert await fields_upstream(staged, without) == []


async def test_a_body_that_an_app_sends_to_head_is_nobodys_answer(staged: StageMaker) -> None:
    """The app sends it apart from the head, as Python's http.server does where ``do_HEAD`` is ``do_GET``."""
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"

    async def answers_late(side: UpstreamSide) -> None:
        if (await side.request()).start.startswith(b"HEAD"):
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(forged))
            await side.reader.read(1)
            await side.send(forged)
        else:
            await side.send(OK)

    async with staged(answers_late, app={"groups": None, "rules": (PUBLIC,)}) as stage:
        assert (await stage.ask(get("/public/upload", token=None, method="HEAD"), b"HEAD")).status == 200
        assert (await stage.ask(get("/after"))).body == b"ok"
        assert stage.upstream.connections == 2


async def test_an_answer_to_head_that_announces_no_body_ends_no_connection(staged: StageMaker) -> None:
    async def empty(side: UpstreamSide) -> None:
        while True:
            await side.request()
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with staged(empty) as stage:
        for _ in range(2):
            assert (await stage.ask(get(method="HEAD"), b"HEAD")).status == 200
        assert stage.upstream.connections == 1


async def connections_after(staged: StageMaker, *requests: bytes, **app: object) -> int:
    """How many connections the app got for these requests, one after the other, each on its own client connection."""
    async with staged(app={"groups": None, "rules": (PUBLIC,), **app}) as stage:
        for request in requests:
            assert (await stage.ask(request)).status == 200
        connections: int = stage.upstream.connections
    return connections


def post(token: bytes | None, target: str = "/") -> bytes:
    return get(target, token=token, method="POST", lines="Content-Length: 2\r\n") + b"hi"


REUSED = {
    "bodiless requests of two persons": ((get(), get(token=BOB_TOKEN)), 1),
    "a session after its own body": ((post(ALICE_TOKEN), get(), post(ALICE_TOKEN)), 1),
    "another one after it": ((post(ALICE_TOKEN), get(token=BOB_TOKEN)), 2),
    "its body after a body of another": ((post(ALICE_TOKEN), post(BOB_TOKEN)), 2),
    "the first again after another": ((post(ALICE_TOKEN), get(token=BOB_TOKEN), get()), 2),
    "nobody after a session": ((post(ALICE_TOKEN), get("/public/", token=None)), 2),
    "a session after nobody's body": ((post(None, "/public/"), get()), 2),
    "nobody after nobody's body": ((post(None, "/public/"), get("/public/", token=None)), 2),
}


@pytest.mark.parametrize(("requests", "expected"), REUSED.values(), ids=REUSED)
async def test_with_reuse_after_body_a_connection_serves_the_session_that_sent_it(
    staged: StageMaker, requests: tuple[bytes, ...], expected: int
) -> None:
    assert await connections_after(staged, *requests, reuse_after_body=True) == expected


async def test_without_it_no_connection_serves_after_a_body(staged: StageMaker) -> None:
    assert await connections_after(staged, post(ALICE_TOKEN), post(ALICE_TOKEN), get()) == 3


async def test_the_portal_reads_bodies_and_keeps_its_connection(staged: StageMaker) -> None:
    async with staged() as stage:
        for _ in range(2):
            sent = get("/.gatepost/sign-in", token=None, method="POST", lines="Content-Length: 2\r\n") + b"hi"
            assert (await stage.ask(sent)).status == 200
    assert stage.portal.connections == 1
    assert [request.get("connection") for request in stage.portal.requests] == [None, None]


async def test_the_upstream_is_left_to_close_first(staged: StageMaker) -> None:
    """The side that closes first keeps the ports for a minute: at some 470 bodies a second ours would run out."""
    go = asyncio.Event()

    async def closes_as_told(side: UpstreamSide) -> None:
        await side.request()
        await side.send(OK)
        await go.wait()

    async with staged(closes_as_told) as stage:
        assert (await stage.ask(post(ALICE_TOKEN))).status == 200
        (server,) = stage.plane.context.pools["Wiki"].servers
        (connection,) = server.ending
        assert not connection.transport.is_closing()
        assert server.in_flight == 0
        go.set()
        await eventually(lambda: connection.state is CLOSED)
        assert not server.ending


async def test_an_upstream_that_does_not_close_is_not_waited_for(staged: StageMaker) -> None:
    async with staged() as stage:
        assert (await stage.ask(post(ALICE_TOKEN))).status == 200
        stage.pass_seconds(ENDING_SECONDS + 0.1)
        await asyncio.wait_for(stage.upstream.lost.wait(), 5)
        assert not stage.plane.context.pools["Wiki"].servers[0].ending


async def test_what_comes_on_a_connection_that_ends_reaches_nobody(staged: StageMaker) -> None:
    async def says_more(side: UpstreamSide) -> None:
        await side.request()
        await side.send(OK)
        await go.wait()
        await side.send(OK.replace(b"ok", b"no"))
        assert await side.reader.read() == b""

    go = asyncio.Event()
    async with staged(says_more) as stage, stage.client() as client:
        assert (await client.ask(post(ALICE_TOKEN))).status == 200
        go.set()
        await asyncio.wait_for(stage.upstream.lost.wait(), 5)
        assert not stage.plane.context.pools["Wiki"].servers[0].ending


async def test_an_upstream_without_room_is_given_a_new_connection_after_a_body(staged: StageMaker) -> None:
    async with staged(app={"max_connections": 1, "reuse_after_body": True, "groups": None}) as stage:
        for token in (ALICE_TOKEN, BOB_TOKEN, ALICE_TOKEN):
            assert (await stage.ask(post(token))).status == 200
        assert len(stage.plane.context.pools["Wiki"].idle) == 1


@pytest.mark.parametrize("size", [2, 50_000])
async def test_an_early_answer_is_heard_although_the_rest_of_the_body_meets_a_reset(
    staged: StageMaker, size: int
) -> None:
    """As an app refuses an upload that is too large: it was told to close, and does so before it has read all."""
    begun, closed = threading.Event(), threading.Event()

    def answer_and_reset(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(10)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * size)
            begun.wait(10)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        closed.set()  # with the rest unread: by a reset

    with socket.create_server(("127.0.0.1", 0)) as listener:
        app = {"upstream": "http://{}:{}".format(*listener.getsockname())}
        thread = threading.Thread(target=answer_and_reset, args=(listener,))
        thread.start()
        async with staged(app=app) as stage, stage.client() as client:
            await client.send(get(method="POST", lines="Content-Length: 10000000\r\n"))
            (connection,) = stage.plane.connections
            await eventually(lambda: connection.served is not None and connection.served.takes_request_data)
            exchange = connection.served
            assert exchange is not None
            begun.set()
            assert closed.wait(10)  # the event loop stands still: it has not seen the answer when it writes on
            for _ in range(3):
                exchange.on_request_data(bytes(1000))
            response = await client.response()
            assert (response.status, len(response.body)) == (413, size)
        thread.join()
