"""What the portal's server cannot read is refused in our words: nothing of it is echoed or logged."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.end_to_end.home import Home, open_home
from tests.support.eventually import eventually
from tests.support.raw_http import Message, raw_client

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = b"SECRETTICKET"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Home]:
    async with open_home(tmp_path_factory.mktemp("home")) as home:
        yield home


def request(target: bytes = b"/.gatepost/sign-in", fields: bytes = b"", *, method: bytes = b"GET") -> bytes:
    return method + b" " + target + b" HTTP/1.1\r\nHost: signin.localhost\r\n" + fields + b"\r\n"


def post(body: bytes, fields: bytes = FORM) -> bytes:
    return request(fields=fields + b"Content-Length: %d\r\n" % len(body), method=b"POST") + body


UNREADABLE = {
    "a ticket of 8,200 bytes": (request(b"/.gatepost/ticket?ticket=" + SECRET + b"x" * 8_200), 404),
    "a ticket of 16,000 bytes": (request(b"/.gatepost/ticket?ticket=" + SECRET + b"x" * 16_000), 404),
    "a long field": (request(fields=b"X: " + SECRET + b"x" * 30_000 + b"\r\n"), 200),
    "a hundred fields": (request(fields=b"X: y\r\n" * 98 + b"Y: " + SECRET + b"\r\n"), 200),
    "a field twice": (request(fields=b"User-Agent: " + SECRET + b"\r\nUser-Agent: b\r\n"), 400),
    "a field of an old WebSocket": (request(fields=b"Sec-WebSocket-Key1: " + SECRET + b"\r\n"), 400),
    "no path of ours": (request(b"//[::" + SECRET), 404),
    "escapes that are none": (request(b"/.gatepost/" + SECRET + b"%ff%zz"), 404),
    "a bad cookie": (request(fields=b'Cookie: \xff=;;=;"' + SECRET + b"\r\n"), 200),
    "a bad content type": (post(SECRET, b"Content-Type: ;;\xff=\r\n"), 400),
    "a form that is no UTF-8": (post(SECRET + b"=%ff"), 400),
    "a packed form": (post(SECRET + b"\xff", FORM + b"Content-Encoding: gzip\r\n"), 400),
    "a form in another coding": (post(SECRET + b"\xff", FORM + b"Content-Encoding: br\r\n"), 400),
    "too many form fields": (post(b"&".join(b"a%d=" % number + SECRET for number in range(20))), 400),
    "too large a form": (post(SECRET + b"x" * 200_000), 413),
    "a bad chunk": (
        request(fields=FORM + b"Transfer-Encoding: chunked\r\n", method=b"POST") + b"zz\r\n" + SECRET + b"\r\n",
        400,
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
async def test_nothing_of_it_is_echoed_or_logged(home: Home, caplog: pytest.LogCaptureFixture, case: str) -> None:
    caplog.set_level(logging.DEBUG)
    raw, status = UNREADABLE[case]
    async with raw_client(("127.0.0.1", home.port)) as client:
        answer: Message = await client.ask(raw, raw.split(b" ")[0])
    assert answer.status == status
    if status != 200:
        assert (answer.get("Content-Type") or b"").startswith(b"application/json")
        assert b'"incident"' in answer.body
    everything = repr(answer) + home.log_text + caplog.text
    assert SECRET.decode() not in everything
    assert "Traceback" not in home.log_text + caplog.text


async def test_a_form_that_breaks_off_is_no_error_of_ours(home: Home) -> None:
    before = home.log_text.count("request.broken_off")
    reader, writer = await asyncio.open_connection("127.0.0.1", home.port)
    writer.write(request(fields=FORM + b"Expect: 100-continue\r\nContent-Length: 100\r\n", method=b"POST") + SECRET)
    assert (await reader.readline()).startswith(b"HTTP/1.1 100"), "the portal has begun to read"
    writer.close()
    await eventually(lambda: home.log_text.count("request.broken_off") > before)
    assert "portal.failed" not in home.log_text
    assert SECRET.decode() not in home.log_text


async def test_the_admin_listener_echoes_and_logs_nothing_either(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for raw in (SECRET + b" no HTTP\r\n\r\n", b"GET /" + SECRET + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", home.admin_port)
        writer.write(raw)
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.")
        assert answer[9:12] in (b"400", b"431")
        assert SECRET not in answer
    assert SECRET.decode() not in home.log_text + caplog.text
