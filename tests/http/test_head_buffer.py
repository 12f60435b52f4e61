"""Heads are told apart the same way, however their bytes arrive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http.head_buffer import HeadBuffer
from proxy.http.problem import Problem
from proxy.http.request_head import RefusedHead

HEAD = b"GET / HTTP/1.1\r\nHost: wiki.corp.example\r\n\r\n"


def heads(buffer: HeadBuffer, *pieces: bytes) -> list[bytes]:
    found = []
    for piece in pieces:
        buffer.data += piece
        while buffer.data:
            head = buffer.next_head()
            if head is None:
                break
            found.append(head)
    return found


@given(st.integers(min_value=1, max_value=4), st.lists(st.integers(min_value=1, max_value=60), max_size=12))
def test_pipelined_heads_are_the_same_however_they_arrive(count: int, sizes: list[int]) -> None:
    sent, pieces = HEAD * count + b"GE", []
    for size in sizes:
        pieces.append(sent[:size])
        sent = sent[size:]
    buffer = HeadBuffer(1024)
    assert heads(buffer, *pieces, sent) == [HEAD] * count
    assert buffer.is_partial
    assert buffer.take() == b"GE"


def test_one_empty_line_before_a_request_is_passed_over() -> None:
    assert heads(HeadBuffer(1024), b"\r\n" + HEAD) == [HEAD]
    assert heads(HeadBuffer(1024), b"\r\n\r\n" + HEAD) == [b"\r\n" + HEAD]  # for the reader of heads to refuse


def test_an_empty_line_by_itself_begins_no_head() -> None:
    buffer = HeadBuffer(1024)
    assert heads(buffer, b"\r\n") == []
    assert not buffer.is_partial
    assert not buffer.data


def test_a_head_may_be_as_long_as_the_limit_and_no_longer() -> None:
    assert heads(HeadBuffer(len(HEAD)), HEAD) == [HEAD]
    for pieces in ([HEAD], [HEAD[:-1], HEAD[-1:]]):
        with pytest.raises(RefusedHead) as refused:
            heads(HeadBuffer(len(HEAD) - 1), *pieces)
        assert refused.value.problem is Problem.HEAD_TOO_LARGE


def test_it_is_full_once_as_much_waits_as_the_largest_head() -> None:
    buffer = HeadBuffer(8)
    buffer.data = b"1234567"
    assert not buffer.is_full
    buffer.data += b"8"
    assert buffer.is_full
