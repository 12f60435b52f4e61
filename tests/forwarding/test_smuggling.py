"""Malformed and ambiguous requests: refused, the connection closed, and nothing of them seen by an upstream."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.http.bodies import BrokenBody, ChunkedBody
from proxy.http.head_reading import parse_request_head
from proxy.http.request_head import RefusedHead
from tests.forwarding.stage import ALICE_TOKEN, HOST, Stage, get

COOKIE = b"Cookie: gatepost=" + ALICE_TOKEN + b"\r\n"
HOST_LINE = f"Host: {HOST}\r\n".encode()
SMUGGLED = get("/smuggled")


def head(lines: bytes, start: bytes = b"POST / HTTP/1.1\r\n") -> bytes:
    return start + HOST_LINE + COOKIE + lines + b"\r\n"


FRAMING = {
    "CL.TE": b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
    "TE.CL": b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
    "TE.CL of 0": b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
    "TE.TE": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "TE.TE identity": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "TE.TE other first": b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n",
    "TE identity": b"Transfer-Encoding: identity\r\n",
    "TE gzip": b"Transfer-Encoding: gzip\r\n",
    "TE gzip, chunked": b"Transfer-Encoding: gzip, chunked\r\n",
    "TE chunked, gzip": b"Transfer-Encoding: chunked, gzip\r\n",
    "TE chunked, chunked": b"Transfer-Encoding: chunked, chunked\r\n",
    "TE ,chunked": b"Transfer-Encoding: ,chunked\r\n",
    "TE chunked,": b"Transfer-Encoding: chunked,\r\n",
    "TE xchunked": b"Transfer-Encoding: xchunked\r\n",
    "TE chunkedx": b"Transfer-Encoding: chunkedx\r\n",
    "TE quoted": b'Transfer-Encoding: "chunked"\r\n',
    "TE parameter": b"Transfer-Encoding: chunked;q=1\r\n",
    "TE empty": b"Transfer-Encoding:\r\n",
    "TE vertical tab": b"Transfer-Encoding:\x0bchunked\r\n",
    "TE NUL": b"Transfer-Encoding: chunked\x00\r\n",
    "TE colon blank": b"Transfer-Encoding : chunked\r\n",
    "TE folded": b"Transfer-Encoding:\r\n chunked\r\n",
    "TE bare LF": b"X: y\nTransfer-Encoding: chunked\r\n",
    "TE bare CR": b"X: y\rTransfer-Encoding: chunked\r\n",
    "CL twice": b"Content-Length: 6\r\nContent-Length: 6\r\n",
    "CL twice, different": b"Content-Length: 6\r\nContent-Length: 0\r\n",
    "CL list": b"Content-Length: 6, 6\r\n",
    "CL signed": b"Content-Length: +6\r\n",
    "CL negative": b"Content-Length: -6\r\n",
    "CL hex": b"Content-Length: 0x6\r\n",
    "CL blank inside": b"Content-Length: 6 6\r\n",
    "CL underscore": b"Content-Length: 1_0\r\n",
    "CL empty": b"Content-Length:\r\n",
    "CL fraction": b"Content-Length: 6.0\r\n",
    "CL overflow": b"Content-Length: 18446744073709551622\r\n",
    "CL colon blank": b"Content-Length : 6\r\n",
    "CL folded": b"Content-Length: 6\r\n 6\r\n",
    "CL other digits": "Content-Length: ٦\r\n".encode(),
}


@pytest.mark.parametrize("lines", FRAMING.values(), ids=FRAMING)
async def test_ambiguous_framing_is_refused_and_the_connection_closed(stage: Stage, lines: bytes) -> None:
    async with stage.client() as client:
        response = await client.ask(head(lines) + b"0\r\n\r\n" + SMUGGLED)
        assert response.status == 400
        assert response.get("connection") == b"close"
        assert await client.is_closed()
    assert stage.upstream.requests == []


HEADS = {
    "bare LF": head(b"").replace(b"\r\n", b"\n") + b"\r\n\r\n",
    "bare LF in a line": head(b"X: a\nY: b\r\n"),
    "bare CR in a line": head(b"X: a\rY: b\r\n"),
    "obs-fold": head(b"X: a\r\n b\r\n"),
    "obs-fold by tab": head(b"X: a\r\n\tb\r\n"),
    "fold before the first field": b"GET / HTTP/1.1\r\n X: a\r\n" + HOST_LINE + b"\r\n",
    "blank before the colon": head(b"X : a\r\n"),
    "no colon": head(b"X\r\n"),
    "no name": head(b": x\r\n"),
    "NUL in a value": head(b"X: a\x00b\r\n"),
    "control character in a value": head(b"X: a\x01b\r\n"),
    "DEL in a value": head(b"X: a\x7fb\r\n"),
    "bracket in a name": head(b"X(: a\r\n"),
    "non-ASCII name": head(b"X\xe9: a\r\n"),
    "no Host": b"GET / HTTP/1.1\r\n" + COOKIE + b"\r\n",
    "no Host in 1.0": b"GET / HTTP/1.0\r\n" + COOKIE + b"\r\n",
    "two Hosts": head(HOST_LINE),
    "two different Hosts": head(b"host: signin.corp.example\r\n"),
    "empty Host": b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "user in Host": b"GET / HTTP/1.1\r\nHost: a@" + HOST_LINE[6:] + b"\r\n",
    "path in Host": b"GET / HTTP/1.1\r\nHost: " + HOST.encode() + b"/x\r\n\r\n",
    "list in Host": b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "blank in Host": b"GET / HTTP/1.1\r\nHost: " + HOST.encode() + b" x\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/0.9 spelled out": head(b"", b"GET / HTTP/0.9\r\n"),
    "two blanks before the target": head(b"", b"GET  / HTTP/1.1\r\n"),
    "two blanks after the target": head(b"", b"GET /  HTTP/1.1\r\n"),
    "blank after the version": head(b"", b"GET / HTTP/1.1 \r\n"),
    "blank in the target": head(b"", b"GET /a b HTTP/1.1\r\n"),
    "tab": head(b"", b"GET\t/\tHTTP/1.1\r\n"),
    "blank before the method": head(b"", b" GET / HTTP/1.1\r\n"),
    "field within the target": head(b"", b"GET /\nRemote-User:root HTTP/1.1\r\n"),
    "field within the target, by CR": head(b"", b"GET /\rRemote-User:root HTTP/1.1\r\n"),
    "LF first": b"\n" + get(),
    "CR first": b"\r" + get(),
    "LF after an empty line": b"\r\n\n" + get(),
    "many line ends first": b"\n\r\n\r" + get(),
    "empty lines first": b"\r\n\r\n" + get(),
    "lower-case version": head(b"", b"GET / http/1.1\r\n"),
    "other protocol": head(b"", b"GET / RTSP/1.0\r\n"),
    "long version": head(b"", b"GET / HTTP/1.10\r\n"),
    "fragment": head(b"", b"GET /#x HTTP/1.1\r\n"),
    "fragment in absolute form": head(b"", f"GET http://{HOST}/#x HTTP/1.1\r\n".encode()),
    "control character in the target": head(b"", b"GET /\x01 HTTP/1.1\r\n"),
    "NUL in the target": head(b"", b"GET /\x00 HTTP/1.1\r\n"),
    "non-ASCII target": head(b"", b"GET /\xe9 HTTP/1.1\r\n"),
    "relative target": head(b"", b"GET x HTTP/1.1\r\n"),
    "asterisk for GET": head(b"", b"GET * HTTP/1.1\r\n"),
    "absolute form, other host": head(b"", b"GET http://signin.corp.example/ HTTP/1.1\r\n"),
    "absolute form with a user": head(b"", f"GET http://x@{HOST}/ HTTP/1.1\r\n".encode()),
    "absolute form, other scheme": head(b"", f"GET ftp://{HOST}/ HTTP/1.1\r\n".encode()),
    "TE in 1.0": head(b"Transfer-Encoding: chunked\r\n", b"POST / HTTP/1.0\r\n") + b"0\r\n\r\n",
}


@pytest.mark.parametrize("raw", HEADS.values(), ids=HEADS)
async def test_a_malformed_head_is_refused_and_the_connection_closed(stage: Stage, raw: bytes) -> None:
    async with stage.client() as client:
        response = await client.ask(raw + SMUGGLED)
        assert response.status == 400
        assert await client.is_closed()
    assert stage.upstream.requests == []
    assert stage.portal.requests == []


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (head(b"", b"GET / HTTP/2.0\r\n"), 505),
        (head(b"", b"CONNECT wiki.corp.example:443 HTTP/1.1\r\n"), 501),
        (head(b"", b"CONNECT / HTTP/1.1\r\n"), 501),
        (head(b"", b"TRACE / HTTP/1.1\r\n"), 501),
        (head(b"", b"BREW / HTTP/1.1\r\n"), 501),
        (head(b"", b"get / HTTP/1.1\r\n"), 501),
        (head(b"", b"PRI * HTTP/2.0\r\n"), 505),
        (head(b"Expect: 200-ok\r\n"), 501),
        (head(b"X: y\r\n" * 200), 431),
        (head(b"X: " + b"y" * 40_000 + b"\r\n"), 431),
        (b"GET /" + b"y" * 40_000, 431),
        (head(b"", b"GET /" + b"y" * 20_000 + b" HTTP/1.1\r\n"), 414),
    ],
)
async def test_what_nobody_offers_is_refused(stage: Stage, raw: bytes, status: int) -> None:
    async with stage.client() as client:
        assert (await client.ask(raw)).status == status
        assert await client.is_closed()
    assert stage.upstream.requests == []


async def test_absolute_form_is_forwarded_in_origin_form(stage: Stage) -> None:
    assert (await stage.ask(get(f"http://{HOST.upper()}:80/a%2Fb?x"))).status == 200
    assert (await stage.ask(get(f"http://{HOST}?x"))).status == 200
    starts = [request.start for request in stage.upstream.requests]
    assert starts == [b"GET /a%2Fb?x HTTP/1.1", b"GET /?x HTTP/1.1"]


async def test_one_empty_line_before_a_request_is_passed_over(stage: Stage) -> None:
    async with stage.client() as client:
        assert (await client.ask(b"\r\n" + get())).status == 200
        assert (await client.ask(b"\r\n" + get())).status == 200


async def test_second_spellings_of_framing_headers_are_not_forwarded(stage: Stage) -> None:
    await stage.ask(head(b"Content_Length: 5\r\nTransfer_Encoding: chunked\r\nHost_: x\r\n", b"GET / HTTP/1.1\r\n"))
    names = {name.lower() for name, _ in stage.upstream.requests[0].fields}
    assert not names & {b"content_length", b"transfer_encoding"}


BAD_CHUNKS = {
    "extension": b"5;x=1\r\nhello\r\n0\r\n\r\n",
    "extension with LF": b"5;x\n\r\nhello\r\n0\r\n\r\n",
    "bare LF": b"5\nhello\n0\n\n",
    "signed": b"+5\r\nhello\r\n0\r\n\r\n",
    "negative": b"-5\r\nhello\r\n0\r\n\r\n",
    "prefixed": b"0x5\r\nhello\r\n0\r\n\r\n",
    "blank before": b" 5\r\nhello\r\n0\r\n\r\n",
    "blank after": b"5 \r\nhello\r\n0\r\n\r\n",
    "underscore": b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
    "empty": b"\r\nhello\r\n0\r\n\r\n",
    "overflow": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "letters": b"xyz\r\nhello\r\n0\r\n\r\n",
    "too short": b"4\r\nhello\r\n0\r\n\r\n",
    "other signs after data": b"5\r\nhelloXY0\r\n\r\n",
    "LF after data": b"5\r\nhello\n0\r\n\r\n",
    "CR after data": b"5\r\nhello\r0\r\n\r\n",
    "trailer folded": b"0\r\nX: a\r\n b\r\n\r\n",
    "trailer without colon": b"0\r\nX\r\n\r\n",
    "trailer with NUL": b"0\r\nX: \x00\r\n\r\n",
    "trailer with bare LF": b"0\r\nX: a\nY: b\r\n\r\n",
    "long size line": b"0" * 2000,
    "long trailers": b"0\r\n" + b"X: " + b"y" * 9000,
}


@pytest.mark.parametrize("body", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
async def test_broken_chunks_end_both_connections(stage: Stage, body: bytes) -> None:
    async with stage.client() as client:
        response = await client.ask(head(b"Transfer-Encoding: chunked\r\n") + body + SMUGGLED)
        assert response.status == 400
        assert await client.is_closed()
    await asyncio.wait_for(stage.upstream.lost.wait(), 5)
    assert stage.upstream.requests == []


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.data())
def test_chunks_are_read_the_same_however_they_arrive(chunks: list[bytes], data: st.DataObject) -> None:
    raw = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\nX: 1\r\n\r\nrest"
    body, read = ChunkedBody(extensions=False), b""
    at = 0
    while at < len(raw) and not body.is_over:
        step = data.draw(st.integers(1, 20))
        read += b"".join(body.feed(raw[at : at + step]))
        at += step
    assert body.is_over
    assert read == b"".join(chunks)
    assert body.trailers == [b"X: 1"]
    assert body.leftover + raw[at:] == b"rest"


@given(st.binary(max_size=80))
def test_any_bytes_are_chunks_or_are_refused(raw: bytes) -> None:
    body = ChunkedBody(extensions=False)
    with contextlib.suppress(BrokenBody):
        body.feed(raw)


WORDS = rb"GET|POST| |/|/a#|HTTP/1.1|Host: |X: y|:|Content-Length: |5|Transfer-Encoding: |chunked|Connection: |upgrade"
PIECES = st.sampled_from((*WORDS.split(b"|"), HOST.encode(), b"\r\n", b"\n", b"\r", b"\x00", b"\xe9"))


@given(st.lists(PIECES, max_size=25))
@settings(max_examples=500)
def test_any_head_is_read_or_refused_and_never_anything_else(pieces: list[bytes]) -> None:
    raw = b"".join(pieces).split(b"\r\n\r\n")[0] + b"\r\n\r\n"
    try:
        read = parse_request_head(raw)
    except RefusedHead:
        return
    assert raw.startswith(read.method + b" ")
    assert read.target[:1] in (b"/", b"*")
    assert not (read.is_chunked and read.content_length is not None)
