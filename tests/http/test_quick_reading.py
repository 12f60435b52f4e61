"""What is read the quick way is read exactly as llhttp would have it: by table, by memory, by either."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.addresses import PublicURL
from proxy.access.rules import PathRule
from proxy.forwarding.head_memory import MOST_BLOCKS, HeadMemory
from proxy.forwarding.routes import create_routes
from proxy.forwarding.verdict import Forward
from proxy.http import plain_head, response_head
from proxy.http.bodies import LengthBody
from proxy.http.field_names import PLAIN_LINES, RequestField
from proxy.http.head_reading import MAX_TARGET_BYTES, parse_request_head
from proxy.http.plain_head import MOST_BLOCK_BYTES, read_head
from proxy.http.request_head import HeadFields, RefusedHead, RequestHead
from proxy.http.response_head import BrokenResponse, parse_response_head
from proxy.upstreams.upstream import portal_upstream

RESPONSE_NAMES = (
    b"Content-Length", b"content-length", b"Transfer-Encoding", b"Connection", b"Upgrade", b"Set-Cookie",
    b"Clear-Site-Data", b"Keep-Alive", b"Proxy-Connection", b"Date", b"Server", b"X", b"X-App", b"Trailer", b"TE",
    b"", b"X ", b" X", b"X\t", b"X:", b"\xe9", b"X\x00",
)  # fmt: skip
VALUES = (
    b"", b"0", b"5", b"05", b"5 ", b" 5", b"+5", b"-1", b"5, 5", b"5\t", b"0x5", b"9" * 15, b"9" * 25,
    b"chunked", b"Chunked", b"gzip, chunked", b"chunked ", b"chunked, chunked", b"identity",
    b"close", b"keep-alive", b"Keep-Alive", b"close, X-App", b"Content-Length", b"upgrade", b"websocket",
    b"a=b; Path=/", b"gatepost=x", b"__Host-gatepost=x; Secure", b'"cookies", "cache"', b'"*"', b"timeout=5",
    b"text/html", b"caf\xe9", b"a\x00b", b"a\rb", b"a\nb", b"a\x7fb", b"a\tb", b"x" * 300,
)  # fmt: skip


def lines_of(names: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    usual = st.builds(
        lambda name, colon, value: name + colon + value,
        st.sampled_from(names),
        st.sampled_from((b": ", b": ", b": ", b":", b":  ", b" : ", b"")),
        st.sampled_from(VALUES),
    )
    return usual | st.binary(max_size=12)


status_lines = st.sampled_from(
    (
        *(b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 No Content", b"HTTP/1.1 304 x"),
        *(b"HTTP/1.1 103 Early Hints", b"HTTP/1.1 101 Switching", b"HTTP/1.1 404", b"HTTP/1.1 99 x", b"HTTP/2 200"),
    )
)


def response_as_read(read: object, raw: bytes) -> object:
    try:
        head = read(raw, may_set_reserved_cookies=False)  # type: ignore[operator]
        if read is response_head.read_by_llhttp:
            head.finish()
    except BrokenResponse:
        return "broken"
    names = ("status", "status_line", "is_http_1_1", "content_length", "is_chunked", "closes", "upgrade", "lines")
    return [getattr(head, name) for name in names]


@given(status_lines, st.lists(lines_of(RESPONSE_NAMES), max_size=6))
@example(b"HTTP/1.1 200 OK", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
@example(b"HTTP/1.1 200 OK", [b"Content-Length: 5", b"Content-Length: 5"])
@example(b"HTTP/1.1 200 OK", [b"X: a", b" folded"])
def test_a_response_head_read_by_lines_is_as_llhttp_reads_it(status_line: bytes, lines: list[bytes]) -> None:
    raw = b"\r\n".join((status_line, *lines, b"\r\n"))
    raw = raw[: raw.find(b"\r\n\r\n") + 4]
    if raw.count(b"\r\n") > response_head.MAX_FIELDS:
        return
    by_llhttp = response_as_read(response_head.read_by_llhttp, raw)
    for _ in range(2):  # the second time, by what was remembered
        assert response_as_read(parse_response_head, raw) == by_llhttp


def test_each_field_of_a_response_is_read_as_llhttp_reads_it_however_often_its_name_was_seen() -> None:
    names = (*RESPONSE_NAMES, b"Proxy-Authenticate", b"Gatepost-Session-Ends", b"Strict-Transport-Security")
    for name, value in product(names, VALUES):
        for more in (b"", b"Content-Length: 5\r\n", b"X-App: 1\r\nSet-Cookie: gatepost=y\r\n"):
            raw = b"HTTP/1.1 200 OK\r\n%bX: 1\r\n%b: %b\r\n\r\n" % (more, name, value)
            assert response_as_read(parse_response_head, raw) == response_as_read(response_head.read_by_llhttp, raw)


def test_an_answer_is_whole_where_its_body_ends_with_the_data_that_came_with_its_head() -> None:
    framings = (b"", b"Content-Length: 0\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n")
    for status, method, framing, size in product((200, 204, 304, 404), (b"GET", b"HEAD"), framings, (0, 4, 5, 6)):
        head = parse_response_head(b"HTTP/1.1 %d x\r\n%b\r\n" % (status, framing))
        body = head.body(method)
        is_whole = isinstance(body, LengthBody) and 0 < body.remaining == size
        assert head.ends_with(b"x" * size, method) is is_whole


def test_an_answer_as_servers_write_it_is_plain() -> None:
    """Where the pattern refused it, every answer would be read the slow way, and nothing else would tell."""
    lines = (b"Server: nginx/1.22.1", b"Content-Length: 95", b"Connection: keep-alive", b'ETag: "65-5f"', b"X-A: a b")
    for number in range(len(lines) + 1):
        raw = b"\r\n".join((b"", *lines[:number], b"\r\n"))
        assert PLAIN_LINES.fullmatch(raw)
        assert not PLAIN_LINES.fullmatch(raw[:-2] + b" folded\r\n\r\n")


def test_what_is_remembered_of_responses_is_bounded_and_impersonal() -> None:
    secret = b"Location: /cb?code=493817"
    for number in range(3 * response_head.MOST_LINES):
        parse_response_head(b"HTTP/1.1 302 x\r\nAge: %d\r\nSet-Cookie: a=%d\r\n%b\r\n\r\n" % (number, number, secret))
    parse_response_head(b"HTTP/1.1 200 x\r\nDate: " + b"x" * 300 + b"\r\n\r\n")
    assert 0 < len(response_head.seen_lines) <= response_head.MOST_LINES
    names = {line.partition(b":")[0].lower() for line in response_head.seen_lines}
    assert not names & {b"set-cookie", b"location"}
    assert max(map(len, response_head.seen_lines)) <= response_head.MOST_LINE_BYTES


def test_what_is_remembered_of_response_names_is_bounded() -> None:
    for number in range(3 * response_head.MOST_LINES):
        name = b"X-%d" % number
        parse_response_head(b"HTTP/1.1 200 OK\r\n%b: secret\r\n%b: secret\r\n\r\n" % (name, name * 99))
    assert 0 < len(response_head.passing_names) <= response_head.MOST_LINES
    assert max(map(len, response_head.passing_names)) <= response_head.MOST_NAME_BYTES


REQUEST_NAMES = (
    b"Host", b"Host", b"Cookie", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Upgrade", b"Expect", b"TE",
    b"Authorization", b"Accept", b"X-Forwarded-For", b"X_Forwarded_For", b"Remote-User", b"X", b"X-App", b"X ", b"\xe9",
)  # fmt: skip
REQUEST_VALUES = (*VALUES, b"wiki.corp.example", b"wiki.corp.example", b"100-continue", b"trailers", b"h2c", b"::1")
request_lines = st.builds(
    lambda method, target, version: b" ".join((method, target, version)),
    st.sampled_from((b"GET", b"GET", b"POST", b"OPTIONS", b"HEAD", b"CONNECT", b"PRI", b"SOURCE", b"get", b"", b"G T")),
    st.sampled_from(
        (
            *(b"/", b"/", b"/a%2Fb?x=1", b"/#", b"*", b"http://wiki.corp.example/a", b"http://other.example/", b"//x"),
            *(b"/\xe9", b"/a b", b"/\x7f", b"/\x00", b"/\t", b'/!"$~[]{}|\\^`<>', b"", b"a", b"/?a=/#"),
        )
    )
    | st.binary(max_size=6).map(lambda tail: b"/" + tail),
    st.sampled_from((b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ")),
)


def request_as_read(head: RequestHead) -> dict[str, object]:
    return asdict(replace(head.fields, shape=b"")) | {"method": head.method, "target": head.target, "lines": head.lines}


def read_or_refusal(raw: bytes, read: Callable[[bytes], RequestHead] = parse_request_head) -> object:
    try:
        return request_as_read(read(raw))
    except RefusedHead as refused:
        return refused.problem, refused.reason


ROUTE = create_routes((), PublicURL.parse("http://signin.corp.example"), portal_upstream(Path("/p")))[
    b"signin.corp.example"
]
FORWARD = Forward(route=ROUTE, fields=b"")


@given(request_lines, request_lines, st.lists(lines_of(REQUEST_NAMES), max_size=6))
@example(b"GET / HTTP/1.1", b"GET http://other.example/ HTTP/1.1", [b"Host: wiki.corp.example"])
@example(b"GET / HTTP/1.1", b"GET / HTTP/1.0", [b"Host: wiki.corp.example", b"Transfer-Encoding: chunked"])
@example(b"GET / HTTP/1.1", b"GET /# HTTP/1.1", [b"Host: wiki.corp.example"])
def test_a_remembered_request_head_is_as_read_again(first: bytes, second: bytes, lines: list[bytes]) -> None:
    memory = HeadMemory()
    block = b"\r\n".join((*lines, b"\r\n"))
    with suppress(RefusedHead):
        memory.keep(read_head(first + b"\r\n" + block), FORWARD)
    raw = second + b"\r\n" + block
    if raw.find(b"\r\n\r\n") + 4 != len(raw):
        return
    recalled = memory.recall(raw)
    if recalled is not None:
        assert request_as_read(recalled) == read_or_refusal(raw)


blocks = st.lists(lines_of(REQUEST_NAMES), max_size=6)


@given(st.lists(st.tuples(request_lines, st.integers(0, 2), blocks, blocks), min_size=2, max_size=6), st.data())
def test_heads_of_one_connection_are_read_as_if_each_were_the_first(
    sent: list[tuple[bytes, int, list[bytes], list[bytes]]], data: st.DataObject
) -> None:
    """Most have lines in common with one before, in the same order or in another."""
    memory = HeadMemory()
    lines: list[bytes] = []
    for request_line, position, new, changed in sent:
        kept = data.draw(st.permutations(lines)) if position == 2 else lines
        lines = (
            [*kept[:position], b"Host: wiki.corp.example", *kept[position:], *new] if position else [*lines, *changed]
        )
        raw = b"\r\n".join((request_line, *lines, b"\r\n"))
        raw = raw[: raw.find(b"\r\n\r\n") + 4]
        recalled = memory.recall(raw)
        if recalled is not None:
            assert request_as_read(recalled) == read_or_refusal(raw)
        assert read_or_refusal(raw, memory.read) == read_or_refusal(raw)
        with suppress(RefusedHead):
            memory.keep(memory.read(raw), FORWARD)


PASSED = st.lists(
    st.sampled_from((b"X-App: 1", b"X-App: 2", b"Referer: http://a/", b"If-None-Match: x")), min_size=1, max_size=4
)
MEANING = (
    b"Host: wiki.corp.example",
    b"Accept: text/html",
    b"Cookie: a=b",
    b"Content-Length: 5",
    b"X-Forwarded-For: ::1",
)


@given(st.permutations(MEANING), st.lists(PASSED, min_size=2, max_size=4), st.booleans())
def test_what_is_passed_on_changes_nothing_of_what_a_head_means(
    meaning: list[bytes], sent: list[list[bytes]], names_app: bool
) -> None:
    memory, read = HeadMemory(), []
    for passed in sent:
        lines = [*passed[:2], *meaning, *passed[2:], *([b"Connection: X-App"] if names_app else ())]
        raw = b"\r\n".join((b"POST / HTTP/1.1", *lines, b"\r\n"))
        head = memory.read(raw)
        assert request_as_read(head) == read_or_refusal(raw)
        memory.keep(head, FORWARD)
        read.append(head.fields)
    if not names_app:
        assert all(fields is read[0] for fields in read)


@pytest.mark.parametrize("field", [field for field in RequestField if isinstance(field.value, bytes)])
def test_a_line_that_means_something_is_read_as_it_is_now(field: RequestField) -> None:
    memory = HeadMemory()
    for value in (b"", b"1", b"2", b"100-continue", b"trailers", b"chunked", b"close", b"upgrade", b"h2c", b"1"):
        lines = [b"Host: wiki.corp.example", b"X-App: 1", *([field.value + b": " + value] if value else ())]
        raw = b"\r\n".join((b"POST / HTTP/1.1", *lines, b"\r\n"))
        assert read_or_refusal(raw, memory.read) == read_or_refusal(raw)
        with suppress(RefusedHead):
            memory.keep(memory.read(raw), FORWARD)


@given(request_lines, st.lists(lines_of(REQUEST_NAMES), max_size=6), st.booleans())
@example(b"POST / HTTP/1.1", [b"Content-Length: 5", b"Content-Length: 5"], True)
@example(b"POST / HTTP/1.1", [b"Content-Length: 5", b"Transfer-Encoding: chunked"], True)
@example(b"GET / HTTP/1.1", [b"X: a", b" folded"], True)
def test_a_request_head_read_by_lines_is_as_llhttp_reads_it(line: bytes, lines: list[bytes], has_host: bool) -> None:
    raw = b"\r\n".join((line, *([b"Host: wiki.corp.example"] if has_host else ()), *lines, b"\r\n"))
    raw = raw[: raw.find(b"\r\n\r\n") + 4]
    for _ in range(2):  # the second time, by what was remembered
        assert read_or_refusal(raw, read_head) == read_or_refusal(raw)


def test_what_is_remembered_of_request_lines_is_bounded_and_impersonal() -> None:
    for number in range(3 * plain_head.MOST_LINES):
        read_head(
            b"GET / HTTP/1.1\r\nHost: a\r\nAccept: %d\r\nCookie: %d\r\nAuthorization: b\r\nX: %d\r\n\r\n"
            % ((number,) * 3)
        )
    assert 0 < len(plain_head.seen_lines) <= plain_head.MOST_LINES
    assert {seen.partition(b":")[0] for seen in plain_head.seen_lines} <= {b"Host", b"Accept", b"Connection", b"TE"}


def test_a_head_is_recalled_only_whole_and_alone() -> None:
    memory = HeadMemory()
    block = b"Host: wiki.corp.example\r\n\r\n"
    memory.keep(read_head(b"GET /a HTTP/1.1\r\n" + block), FORWARD)
    recalled = memory.recall(b"POST /b?c HTTP/1.1\r\n" + block)
    assert recalled is not None
    assert (recalled.method, recalled.target, recalled.host) == (b"POST", b"/b?c", b"wiki.corp.example")
    assert memory.recall(b"GET /b HTTP/1.1\r\n" + block + b"GET /c HTTP/1.1\r\n") is None
    assert memory.recall(b"GET /b HTTP/1.1\r\n" + block[:-2]) is None
    assert memory.recall(b"\r\nGET /b HTTP/1.1\r\n" + block) is None
    assert memory.recall(b"GET /" + b"b" * MAX_TARGET_BYTES + b" HTTP/1.1\r\n" + block) is None


def test_what_a_connection_remembers_of_requests_is_bounded() -> None:
    memory = HeadMemory()
    sent: list[RequestHead] = []
    for number in range(50):
        head = read_head(b"GET /a HTTP/1.1\r\nHost: wiki.corp.example\r\nX: %d\r\n\r\n" % number)
        memory.keep(head, FORWARD)
        sent.append(head)
        recalled = [memory.recall(b"GET /a HTTP/1.1\r\n" + each.block) is not None for each in sent]
        assert recalled[-1]
        assert sum(recalled) <= MOST_BLOCKS
    fields: list[HeadFields] = []
    raw = b"GET /a HTTP/1.1\r\nHost: wiki.corp.example\r\nCookie: %d\r\nX: %d\r\n\r\n"
    for number in range(50):
        head = memory.read(raw % (number, 0))
        memory.keep(head, FORWARD)
        fields.append(head.fields)
        again = [memory.read(raw % (each, 1)).fields for each in range(number + 1)]
        assert 0 < sum(one is other for one, other in zip(fields, again, strict=True)) <= MOST_BLOCKS
    assert read_head(b"GET /a HTTP/1.1\r\nHost: a\r\nX: " + b"x" * MOST_BLOCK_BYTES + b"\r\n\r\n").block == b""


def test_what_a_connection_remembers_takes_no_more_memory_the_longer_it_lasts() -> None:
    memory = HeadMemory()
    raw = b"GET /a HTTP/1.1\r\nHost: wiki.corp.example\r\nCookie: %03000d\r\n\r\n"
    tracemalloc.start()
    try:
        sizes = []
        for number in range(300):
            memory.keep(memory.read(raw % number), FORWARD)
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert max(sizes[100:]) < 2 * max(sizes[:100])
    assert sizes[-1] < 20 * MOST_BLOCKS * 3000


def test_what_was_sent_is_recalled_for_the_same_identity_and_route_alone() -> None:
    memory = HeadMemory()
    head = read_head(b"GET /a HTTP/1.1\r\nHost: wiki.corp.example\r\n\r\n")
    alice = b"Remote-User: alice"
    rule = PathRule(
        key=("Wiki", 0), matches=lambda path: True, methods=None, groups=None, scheme="", factors=frozenset(),
        networks=None, is_public=False,
    )  # fmt: skip
    kept = Forward(route=ROUTE, fields=b"fields of alice", session_id="a", rule=rule, identity_block=alice)
    memory.keep(head, kept)
    assert memory.known(head, ROUTE, rule, alice, "a") is kept
    assert memory.known(head, ROUTE, rule, b"Remote-User: bob", "a") is None
    assert memory.known(head, replace(ROUTE, host_name="x"), rule, alice, "a") is None
    assert memory.known(head, ROUTE, None, alice, "a") is None
    assert memory.known(head, ROUTE, rule, alice, "b") is None
