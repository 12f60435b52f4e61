"""Every odd spelling of the framing fields, from clients and from upstreams, and what no log may hold of any of it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from proxy.http.response_head import BrokenResponse, parse_response_head
from tests.forwarding.stage import ALICE_TOKEN, HOST, Stage, StageMaker, get
from tests.support.upstreams import UpstreamSide, answer

SIGNS = {
    "NUL": b"\x00", "BS": b"\x08", "tab": b"\t", "LF": b"\n", "VT": b"\x0b", "FF": b"\x0c", "CR": b"\r", "ESC": b"\x1b",
    "space": b" ", "DEL": b"\x7f", "NEL": b"\x85", "NBSP": b"\xa0", "BOM": b"\xef\xbb\xbf", "ZWSP": b"\xe2\x80\x8b",
    "comma": b",", "semicolon": b";", "quote": b'"',
}  # fmt: skip


def spellings() -> dict[str, bytes]:
    """Lines that some parser somewhere takes for framing, and another does not."""
    lines = {}
    for name, value in ((b"Content-Length", b"6"), (b"Transfer-Encoding", b"chunked")):
        for word, sign in SIGNS.items():
            is_blank = word in ("tab", "space")
            where = {
                "before the name": sign + name + b": " + value,
                "in the name": name[:4] + sign + name[4:] + b": " + value,
                "after the name": name + sign + b": " + value,
                "in the value": name + b": " + value[:1] + sign + value[1:] + b"0",
            }
            if not is_blank:
                where["before the value"] = name + b":" + sign + value
                where["after the value"] = name + b": " + value + sign
            for place, line in where.items():
                lines[f"{name.decode()}, {word} {place}"] = line
    for value in (
        b"6,", b",6", b"6;6", b"6 ,6", b"6\t6", b"6e0", b"1e1", b"0b1", b"0o6", b"6L", b"6h", b"'6'", b'"6"', b"\xb2",
        b"-0", b"+0", b"NaN", b"inf", b"0x", b"0x6", b"18446744073709551616", b"9223372036854775808", b"9" * 40,
    ):  # fmt: skip
        lines[f"Content-Length of {value!r}"] = b"Content-Length: " + value
    for value in (
        b"chunked , identity", b"identity, chunked", b"identity", b"cow", b"chunk", b"chunked;", b"'chunked'",
        b"x=chunked", b"chunked=1", b"trailers", b"deflate, chunked", b",", b"", b", chunked", b"chunked, ",
        b"chun\xe2\x84\xaaed",
    ):  # fmt: skip
        lines[f"Transfer-Encoding of {value!r}"] = b"Transfer-Encoding: " + value
    for one, two in (
        (b"Content-Length: 6", b"Content-Length: 06"),
        (b"content-length: 6", b"CONTENT-LENGTH: 6"),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding:"),
        (b"Transfer-Encoding:", b"Transfer-Encoding: chunked"),
        (b"Content-Length: 0", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: identity", b"Content-Length: 6"),
        (b"Upgrade: x\r\nConnection: upgrade\r\nContent-Length: 6", b"Transfer-Encoding: chunked"),
        (b"Connection: Content-Length\r\nContent-Length: 6", b"Transfer-Encoding: chunked"),
    ):
        lines[f"{one!r} and {two!r}"] = one + b"\r\n" + two
    return lines


async def test_no_odd_spelling_of_a_requests_framing_is_taken(stage: Stage) -> None:
    for name, line in spellings().items():
        raw = get("/x", method="POST").removesuffix(b"\r\n") + line + b"\r\n\r\n0\r\n\r\n" + get("/smuggled")
        async with stage.client() as client:
            response = await client.ask(raw)
            assert response.status in (400, 413), name
            assert await client.is_closed(), name
    assert stage.upstream.requests == []


@pytest.mark.parametrize("name", spellings())
def test_no_odd_spelling_of_an_answers_framing_is_taken(name: str) -> None:
    with pytest.raises(BrokenResponse):
        parse_response_head(b"HTTP/1.1 200 OK\r\n" + spellings()[name] + b"\r\n\r\n")


@pytest.mark.parametrize("value", [b"6", b"06", b"0" * 30 + b"6", b"6 ", b"\t6\t"])
async def test_what_goes_on_is_the_plain_length(stage: Stage, value: bytes) -> None:
    raw = get(method="POST").removesuffix(b"\r\n") + b"Content-Length:" + value + b"\r\n\r\n012345"
    assert (await stage.ask(raw)).status == 200
    assert stage.upstream.requests[0].all("content-length") == [b"6"]
    assert stage.upstream.requests[0].body == b"012345"


RESERVED = (
    b"gatepost", b"__Host-gatepost", b"__HOST-Gatepost", b"gatepost-browser", b"__Host-gatepost-browser", b"GATEPOST",
)  # fmt: skip


async def test_no_spelling_of_set_cookie_or_of_our_names_gets_in(staged: StageMaker) -> None:
    fields = []
    for name in RESERVED:
        for pair in (
            name + b"=x",
            name + b"\t=x",
            b" " + name + b" = x",
            name,
            b"=" + name + b"=x",
            b"= " + name,
            b"\t" + name + b"=",
        ):
            for field in (b"Set-Cookie", b"set-cookie", b"SET-COOKIE"):
                fields.append(field + b":" + pair + b"; Path=/; Domain=corp.example")
    for at in range(0, len(fields), 100):
        raw = (
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n"
            + b"\r\n".join(fields[at : at + 100])
            + b"\r\n\r\n"
        )
        interim = b"HTTP/1.1 103 Early Hints\r\n" + b"\r\n".join(fields[at : at + 100]) + b"\r\n\r\n"
        async with staged(answer(interim + raw)) as stage, stage.client() as client:
            first = await client.ask(get())
            assert (first.status, first.all("set-cookie")) == (103, [])
            second = await client.response()
            assert (second.status, second.all("set-cookie")) == (200, [])
    trailers = b'0\r\nSet-Cookie: gatepost=x\r\nSET-COOKIE: a=b\r\nClear-Site-Data: "*"\r\nX-T: 1\r\n\r\n'
    async with staged(answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + trailers)) as stage:
        assert (await stage.ask(get())).trailers == [(b"X-T", b"1")]


async def test_a_head_that_drips_ends_with_the_first_byte_timeout(staged: StageMaker) -> None:
    async def drips(side: UpstreamSide) -> None:
        await side.request()
        await side.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            await side.send(b"X: y\r\n")
            await asyncio.sleep(0.05)  # what this app does: it drips

    async with staged(drips, app={"first_byte_timeout": 0.5}) as stage:
        assert (await stage.ask(get())).status == 504
        await asyncio.wait_for(stage.upstream.lost.wait(), 5)


async def test_an_answer_that_was_there_before_its_request_is_for_nobody(staged: StageMaker) -> None:
    async def hasty(side: UpstreamSide) -> None:
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil" * 2)
        await side.reader.read()

    async with staged(hasty) as stage:
        first, second = await stage.ask(get()), await stage.ask(get())
        assert {first.status, second.status} <= {200, 502}
        assert stage.upstream.connections >= 2


async def test_trailers_that_only_a_head_may_say_stop_here(stage: Stage) -> None:
    names = (
        b"Remote-User", b"remote_user", b"X-Gatepost-Assertion", b"X.Forwarded.For", b"Forwarded", b"Host", b"Cookie",
        b"Authorization", b"Content-Length", b"content_length", b"Connection", b"Expect", b"Proxy",
    )  # fmt: skip
    for name in names:
        raw = (
            get(method="POST", lines="Transfer-Encoding: chunked\r\n")
            + b"2\r\nhi\r\n0\r\nX-T: 1\r\n"
            + name
            + b": 5\r\n\r\n"
        )
        async with stage.client() as client:
            assert (await client.ask(raw)).status in (200, 400), name
    assert stage.upstream.requests
    for request in stage.upstream.requests:
        assert request.trailers == [(b"X-T", b"1")]


async def test_ten_thousand_tiny_chunks_arrive_in_bounded_pieces(stage: Stage) -> None:
    raw = get(method="POST", lines="Transfer-Encoding: chunked\r\n") + b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n"
    assert (await stage.ask(raw)).status == 200
    assert stage.upstream.requests[0].body == b"x" * 10_000


async def test_no_log_holds_a_cookie_a_ticket_or_a_query(staged: StageMaker, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG, through every kind of refusal and failure."""
    caplog.set_level(logging.DEBUG)
    secret = "TOPSECRETTOPSECRET"
    target = f"/.gatepost/ticket?ticket={secret}"
    lines = f"Authorization: Basic {secret}\r\nReferer: http://x/?{secret}\r\nX-Forwarded-For: {secret}\r\n"
    trouble = [
        get(f"/?{secret}", lines=lines, host=host, token=token, method=method)
        for host in (HOST, "open.corp.example", "down.corp.example", "unknown.example", "signin.corp.example")
        for token in (ALICE_TOKEN, b"B" * 43, b"S" * 43, b"Z" * 43, secret.encode(), None)
        for method in ("GET", "POST", "BREW")
    ]
    trouble += [get(target, lines=lines), get(f"http://evil/{secret}", lines=lines), get(f"/{secret}#{secret}")]
    trouble += [get(f"/?{secret}", lines=lines + line.decode("latin-1") + "\r\n") for line in spellings().values()]
    async with staged(answer(b"HTTP/1.1 " + secret.encode() + b"\r\n\r\n")) as stage:
        for raw in trouble:
            async with stage.client() as client:
                await client.send(raw)
                client.writer.write_eof()
                await client.reader.read()
        events = str(stage.log.events) + caplog.text
    assert len(stage.log.events) > 100
    for hidden in (secret, ALICE_TOKEN.decode(), "B" * 43, "Z" * 43):
        assert hidden not in events


async def test_an_absurd_length_is_refused(stage: Stage) -> None:
    """Beyond 63 bits an upstream's own arithmetic may turn it into another one."""
    async with stage.client() as client:
        assert (await client.ask(get(method="POST", lines=f"Content-Length: {2**63}\r\n"))).status == 413
        assert await client.is_closed()
    assert stage.upstream.connections == 0


async def test_an_app_cannot_sign_a_person_out_by_clearing_cookies(staged: StageMaker) -> None:
    raw = b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nCLEAR-site-data: "cache", "Cookies"\r\nClear-Site-Data: "*"\r\n\r\n'
    async with staged(answer(raw)) as stage:
        assert (await stage.ask(get())).all("clear-site-data") == [b'"cache"']


async def test_interim_answers_without_end_are_cut(staged: StageMaker) -> None:
    async def endless(side: UpstreamSide) -> None:
        await side.request()
        await side.send(b"HTTP/1.1 102 Wait\r\n\r\n" * 30)
        await side.reader.read()  # patient: only a bound ends this

    async with staged(endless) as stage, stage.client() as client:
        statuses = [(await client.ask(get())).status]
        while statuses[-1] < 200:
            statuses.append((await client.response()).status)
        assert statuses == [102] * 16 + [502]
