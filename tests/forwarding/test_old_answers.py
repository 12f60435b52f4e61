"""What answers may look like, after the lists of llhttp, Go and curl: each beside a real nginx.

What nginx, curl, Go and the browsers all read is read here, too, where that is safe: an answer is framed again for its
client. What is refused although nginx reads it says why; what is refused ends at once, although nothing more comes.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.forwarding.stage import StageMaker, get
from tests.support.eventually import eventually
from tests.support.raw_http import raw_client
from tests.support.upstreams import OK, RecordingUpstream, UpstreamSide, recording_upstream

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin")
STATUS = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 2\r\n\r\nhi"
CHUNKED = STATUS + b"Transfer-Encoding: chunked\r\n\r\n"
LAST = b"\r\nhi\r\n0\r\n\r\n"


def with_field(line: bytes) -> bytes:
    return STATUS + line + b"\r\n" + LENGTH


READ = {
    "no reason": b"HTTP/1.1 200\r\n" + LENGTH,
    "an empty reason": b"HTTP/1.1 200 \r\n" + LENGTH,
    "a reason of many words": b"HTTP/1.1 200 All is  well \r\n" + LENGTH,
    "a reason in Latin-1": b"HTTP/1.1 200 Ori\xebntatie\r\n" + LENGTH,
    "a reason with a tab": b"HTTP/1.1 200 O\tK\r\n" + LENGTH,
    "blanks before the status": b"HTTP/1.1   200 OK\r\n" + LENGTH,
    "blanks before the reason": b"HTTP/1.1 200   OK\r\n" + LENGTH,
    "version 1.0": b"HTTP/1.0 200 OK\r\n" + LENGTH,
    "version 1.0, kept": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + LENGTH,
    "no blank behind the colon": with_field(b"X:y"),
    "blanks behind the colon": with_field(b"X: \t  y"),
    "blanks behind the value": with_field(b"X: y \t "),
    "an empty value": with_field(b"X:"),
    "a name with _": with_field(b"X_Y: y"),
    "a name with .": with_field(b"X.Y: y"),
    "a value in Latin-1": with_field(b"X: caf\xe9"),
    "a control character in a value": with_field(b"X: a\x01b"),
    "an escape character in a value": with_field(b"X: a\x1bb"),
    "DEL in a value": with_field(b"X: a\x7fb"),
    "a vertical tab in a value": with_field(b"X: a\x0bb"),
    "a length with zeros": STATUS + b"Content-Length: 002\r\n\r\nhi",
    "a length with blanks": STATUS + b"Content-Length:   2  \r\n\r\nhi",
    "a field named like a length": with_field(b"Content_Length: 5"),
    "more than the length": STATUS + b"Content-Length: 2\r\n\r\nhi there",
    "a coding in capitals": STATUS + b"Transfer-Encoding: CHUNKED\r\n\r\n2" + LAST,
    "a coding with blanks": STATUS + b"Transfer-Encoding:  chunked \r\n\r\n2" + LAST,
    "chunks": CHUNKED + b"2" + LAST,
    "a blank behind a size": CHUNKED + b"2 " + LAST,
    "blanks behind the sizes": CHUNKED + b"2   \r\nhi\r\n0   \r\n\r\n",
    "a tab behind a size": CHUNKED + b"2\t" + LAST,
    "a size with zeros": CHUNKED + b"00000002\r\nhi\r\n0000\r\n\r\n",
    "a size of 16 digits": CHUNKED + b"0000000000000002" + LAST,
    "an extension": CHUNKED + b"2;a=b\r\nhi\r\n0;c\r\n\r\n",
    "a quoted extension": CHUNKED + b'2;a="b;\\"c"' + LAST,
    "several extensions": CHUNKED + b"2;a;b=c;d" + LAST,
    "an extension behind a blank": CHUNKED + b"2 ;a" + LAST,
    "blanks in an extension": CHUNKED + b"2; a = b " + LAST,
    "a trailer": CHUNKED + b"2\r\nhi\r\n0\r\nX-T: y\r\n\r\n",
    "a trailer that is a length": CHUNKED + b"2\r\nhi\r\n0\r\nContent-Length: 9\r\n\r\n",
    "more than the last chunk": CHUNKED + b"2" + LAST + b"more",
    "connection close": with_field(b"Connection: close"),
    "nonsense in Connection": with_field(b"Connection: @@, ,"),
    "an upgrade announced": with_field(b"Upgrade: h2,h2c\r\nConnection: Upgrade"),
    "Keep-Alive": with_field(b"Keep-Alive: timeout=5\r\nConnection: keep-alive"),
    "Proxy-Connection": with_field(b"Proxy-Connection: keep-alive"),
    "a field twice": with_field(b"Content-Type: a/b\r\nContent-Type: c/d"),
    "150 fields": STATUS + b"X: y\r\n" * 150 + LENGTH,
}
UNTIL_CLOSE = {
    "no length": STATUS + b"\r\nhi",
    "no length in version 1.0": b"HTTP/1.0 200 OK\r\n\r\nhi",
}
NOT_READ = {  # by nginx neither
    "a blank before the colon": with_field(b"X : y"),
    "a blank in a name": with_field(b"X Y: y"),
    "a control character in a name": with_field(b"X\x01: y"),
    "no name": with_field(b": y"),
    "a blank before the first name": with_field(b" X: y"),
    "a folded field": with_field(b"X: a\r\n b"),
    "NUL in a value": with_field(b"X: a\x00b"),
    "a bare CR in a value": with_field(b"X: a\rb"),
    "a blank before a size": CHUNKED + b" 2" + LAST,
    "0x before a size": CHUNKED + b"0x2" + LAST,
    "+ before a size": CHUNKED + b"+2" + LAST,
    "- before a size": CHUNKED + b"-2" + LAST,
    "_ in a size": CHUNKED + b"0_2" + LAST,
    "no size": CHUNKED + LAST,
    "a size of 18 digits": CHUNKED + b"f" * 18 + LAST,
    "a size over 63 bits": CHUNKED + b"8000000000000000" + LAST,
    "CR CR LF behind a size": CHUNKED + b"2\r" + LAST,
    "a bare LF in an extension": CHUNKED + b"2;a\nb" + LAST,
    "more than the size": CHUNKED + b"2\r\nhix\r\n0\r\n\r\n",
    "nothing behind the data": CHUNKED + b"2\r\nhi0\r\n\r\n",
}
LF = "a bare LF: Go 1.24 refuses it in sizes, and where one reader sees a line's end another sees none"
GRAMMAR = "no extension by RFC 9112 section 7.1.1; llhttp refuses it"
OLD_HTTP = "nginx passes it on as HTTP/0.9: no status line at all; Go and curl refuse it"
TWO_LENGTHS = "two answers to where the body ends; nginx from 1.23 on refuses it"
CODING = "Go refuses the coding; to nginx it ends with the connection, or not"
REFUSED = {  # although nginx reads it: the reason, and the answer
    "LF for all line ends": (LF, with_field(b"X: y").replace(b"\r\n", b"\n")),
    "LF behind the status line": (LF, b"HTTP/1.1 200 OK\n" + LENGTH),
    "LF at the end of the head": (LF, STATUS + b"Content-Length: 2\r\n\nhi"),
    "LF within a line": (LF, with_field(b"X: a\nY: b")),
    "LF behind a size": (LF, CHUNKED + b"2\nhi\r\n0\r\n\r\n"),
    "LF behind the data": (LF, CHUNKED + b"2\r\nhi\n0\r\n\r\n"),
    "LF for all of the chunks'": (LF, CHUNKED + b"2\nhi\n0\n\n"),
    "LF behind a trailer": (LF, CHUNKED + b"2\r\nhi\r\n0\r\nX-T: y\n\n"),
    "an empty extension": (GRAMMAR, CHUNKED + b"2;" + LAST),
    "empty extensions": (GRAMMAR, CHUNKED + b"2;;" + LAST),
    "an extension of a blank": (GRAMMAR, CHUNKED + b"2; " + LAST),
    "an extension without a name": (GRAMMAR, CHUNKED + b"2;=b" + LAST),
    "an extension without its value": (GRAMMAR, CHUNKED + b"2;a=" + LAST),
    "an extension with an open quote": (GRAMMAR, CHUNKED + b'2;a="b' + LAST),
    "an extension of other signs": (GRAMMAR, CHUNKED + b"2;a@b" + LAST),
    "a control character in an extension": (GRAMMAR, CHUNKED + b"2;a\x01" + LAST),
    "an empty extension of the last chunk": (GRAMMAR, CHUNKED + b"2\r\nhi\r\n0;\r\n\r\n"),
    "text behind a size": ("Go refuses it", CHUNKED + b"2 x" + LAST),
    "a size of 17 digits": ("Go and curl refuse it", CHUNKED + b"00000000000000002" + LAST),
    "version 0.9": (OLD_HTTP, b"HTTP/0.9 200 OK\r\n" + LENGTH),
    "version 01.1": (OLD_HTTP, b"HTTP/01.1 200 OK\r\n" + LENGTH),
    "no version": (OLD_HTTP, b"HTTP 200 OK\r\n" + LENGTH),
    "a version in small letters": (OLD_HTTP, b"http/1.1 200 OK\r\n" + LENGTH),
    "ICY": (OLD_HTTP, b"ICY 200 OK\r\n" + LENGTH),
    "no status line": (OLD_HTTP, b"hello\r\n\r\n"),
    "an empty line first": (OLD_HTTP, b"\r\n" + STATUS + LENGTH),
    "a blank first": (OLD_HTTP, b" " + STATUS + LENGTH),
    "a byte order mark": (OLD_HTTP, b"\xef\xbb\xbf" + STATUS + LENGTH),
    "a tab before the status": (OLD_HTTP, b"HTTP/1.1\t200 OK\r\n" + LENGTH),
    "a tab before the reason": (OLD_HTTP, b"HTTP/1.1 200\tOK\r\n" + LENGTH),
    "a status of two digits": (OLD_HTTP, b"HTTP/1.1 20 OK\r\n" + LENGTH),
    "a status of four digits": (OLD_HTTP, b"HTTP/1.1 2000 OK\r\n" + LENGTH),
    "a signed status": (OLD_HTTP, b"HTTP/1.1 -20 OK\r\n" + LENGTH),
    "version 1.2": ("curl refuses it", b"HTTP/1.2 200 OK\r\n" + LENGTH),
    "a status with a part": ("Go refuses it", b"HTTP/1.1 200.1 OK\r\n" + LENGTH),
    "a control character in the reason": ("RFC 9112 section 4: nothing of it is worth the risk",
                                          b"HTTP/1.1 200 O\x01K\r\n" + LENGTH),
    "the status line twice": ("Go and curl refuse it", STATUS + STATUS + LENGTH),
    "no colon": ("Go and curl refuse it", with_field(b"Xy")),
    "brackets in a name": ("Go refuses it", with_field(b"X[Y]: y")),
    "a name in Latin-1": ("Go refuses it", with_field(b"X\xe9: y")),
    "CR CR LF behind a value": ("a browser may see two line ends", with_field(b"X: y\r")),
    "the length twice": (TWO_LENGTHS, with_field(b"Content-Length: 2")),
    "two lengths": (TWO_LENGTHS, with_field(b"Content-Length: 3")),
    "a list of lengths": (TWO_LENGTHS, STATUS + b"Content-Length: 2, 2\r\n\r\nhi"),
    "a length with a sign": (TWO_LENGTHS, STATUS + b"Content-Length: +2\r\n\r\nhi"),
    "an empty length": (TWO_LENGTHS, STATUS + b"Content-Length:\r\n\r\nhi"),
    "a length in words": (TWO_LENGTHS, STATUS + b"Content-Length: 2 bytes\r\n\r\nhi"),
    "a length of 20 digits": (TWO_LENGTHS, STATUS + b"Content-Length: 99999999999999999999\r\n\r\nhi"),
    "length and coding": (TWO_LENGTHS, STATUS + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2" + LAST),
    "the coding twice": (CODING, STATUS + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2" + LAST),
    "identity": (CODING, STATUS + b"Transfer-Encoding: identity\r\n" + LENGTH),
    "gzip, chunked": (CODING, STATUS + b"Transfer-Encoding: gzip, chunked\r\n\r\n2" + LAST),
    "chunked, chunked": (CODING, STATUS + b"Transfer-Encoding: chunked, chunked\r\n\r\n2" + LAST),
    "an empty coding": (CODING, STATUS + b"Transfer-Encoding:\r\n" + LENGTH),
    "a coding with a comma": (CODING, STATUS + b"Transfer-Encoding: chunked,\r\n\r\n2" + LAST),
    "chunks in version 1.0": ("Go passes the sizes on as a body",
                              b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2" + LAST),
}  # fmt: skip
ALL = {**READ, **UNTIL_CLOSE, **NOT_READ, **{name: raw for name, (_, raw) in REFUSED.items()}}
NAMES = list(ALL)


async def answers_as_asked(side: UpstreamSide) -> None:
    """The answer that the target numbers. The connection stays open behind it, but for those that it has to end."""
    while True:
        name = NAMES[int((await side.request()).start.split(b" ")[1][1:])]
        await side.send(ALL[name])
        if name in UNTIL_CLOSE:
            return
        await side.reader.read(1)


async def outcome(address: tuple[str, int], request: bytes) -> bytes | None:
    """The body that a client gets; None for 502, for an answer that breaks off, and for none at all."""
    async with raw_client(address) as client:
        try:
            response = await client.ask(request)
        except (asyncio.IncompleteReadError, AssertionError, ConnectionError, ValueError, IndexError):
            return None
    return None if response.status == 502 else response.body


@pytest.mark.parametrize("name", NAMES)
async def test_an_answer_is_read_or_refused_at_once(staged: StageMaker, name: str) -> None:
    """No time-out plays a part: the app's are longer than the test may take."""
    patient = {"first_byte_timeout": 600.0, "idle_timeout": 600.0}
    async with staged(answers_as_asked, app=patient) as stage:
        body = await outcome(stage.address, get(f"/{NAMES.index(name)}"))
    assert body == (b"hi" if name in READ or name in UNTIL_CLOSE else None)


@asynccontextmanager
async def nginx_before(upstream: RecordingUpstream, folder: Path) -> AsyncIterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address: tuple[str, int] = free.getsockname()
    temporary = "".join(f"{kind}_temp_path {kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid nginx.pid; error_log stderr crit; events {{}}\n"
        f"http {{ access_log off; {temporary} server {{ listen 127.0.0.1:{address[1]}; location / {{\n"
        f"proxy_pass {upstream.url}; proxy_http_version 1.1; proxy_set_header Connection close;\n"
        "proxy_read_timeout 300ms; } } }"
    )
    assert NGINX is not None
    process = await asyncio.create_subprocess_exec(
        NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"
    )

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(address) == 0

    try:
        await eventually(listens)
        yield address
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
async def test_the_table_says_of_nginx_what_it_does(tmp_path: Path) -> None:
    """Not of what it takes for HTTP/0.9, nor of what its newer versions refuse: both depend on its version."""
    unsteady = {name for name, (reason, _) in REFUSED.items() if reason in (OLD_HTTP, TWO_LENGTHS, CODING)}
    async with recording_upstream(answers_as_asked) as upstream, nginx_before(upstream, tmp_path) as address:
        asked = [name for name in NAMES if name not in unsteady]
        got = await asyncio.gather(*(passed_on_by_nginx(address, name) for name in asked))
    read = {name for name, is_read in zip(asked, got, strict=True) if is_read}
    assert read == {name for name in asked if name not in NOT_READ}


async def passed_on_by_nginx(address: tuple[str, int], name: str) -> bool:
    """Read loosely: nginx passes on what this suite's own client would not take."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(f"GET /{NAMES.index(name)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return b" 502 " not in head and body in (b"hi", b"2\r\nhi\r\n0\r\n\r\n")


BEGUN = {
    "LF in a head": b"HTTP/1.1 200 OK\nX: y\n",
    "LF in a head's second line": STATUS + b"X: y\nY: ",
    "LF in an interim head": b"HTTP/1.1 100 Continue\n\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "TLS": b"\x15\x03\x03\x00\x02\x02F",
    "a page": b"<html>",
}


@pytest.mark.parametrize("begun", BEGUN.values(), ids=BEGUN)
async def test_what_cannot_become_a_head_is_not_waited_for(staged: StageMaker, begun: bytes) -> None:
    async def begins(side: UpstreamSide) -> None:
        await side.request()
        await side.send(begun)
        await side.reader.read()

    async with staged(begins, app={"first_byte_timeout": 600.0}) as stage:
        assert (await stage.ask(get())).status == 502


async def test_a_begun_head_is_waited_for(staged: StageMaker) -> None:
    async def in_pieces(side: UpstreamSide) -> None:
        await side.request()
        for end in range(len(OK)):
            await side.send(OK[end : end + 1])
            await asyncio.sleep(0)

    async with staged(in_pieces) as stage:
        assert (await stage.ask(get())).body == b"ok"
