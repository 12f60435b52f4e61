"""A head that was read stays as it is."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from proxy.http.head_reading import parse_request_head
from proxy.http.plain_head import read_head
from proxy.http.request_head import RequestHead

RAW = b"GET /a HTTP/1.1\r\nHost: wiki.corp.example\r\nX-Own: 1\r\nCookie: a=b\r\n\r\n"
HEADS = [read_head(RAW), parse_request_head(RAW), read_head(RAW).repeated(b"POST", b"/b")]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", ["method", "cookie", "lines", "held", "anything"])
def test_nothing_of_it_can_be_changed(head: RequestHead, name: str) -> None:
    before = dict(vars(head))
    with pytest.raises(FrozenInstanceError):
        setattr(head, name, b"x")
    with pytest.raises(FrozenInstanceError):
        delattr(head, name)
    assert vars(head) == before
    assert isinstance(head.lines, tuple)


def test_a_head_with_other_values_leaves_the_first_alone() -> None:
    head = read_head(RAW)
    other = head.with_values(cookie=None, held=(b"X: 1",))
    assert (other.cookie, other.held, other.lines, other.target) == (None, (b"X: 1",), head.lines, head.target)
    assert (head.cookie, head.held) == (b"a=b", ())
