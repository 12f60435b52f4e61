"""A head that was read stays as it is."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError

import pytest

from proxy.http.head_reading import parse_request_head
from proxy.http.plain_head import read_head
from proxy.http.request_head import RequestHead

RAW = b"GET /a HTTP/1.1\r\nHost: wiki.corp.example\r\nX-Own: 1\r\nCookie: a=b\r\n\r\n"
HEADS = [read_head(RAW), parse_request_head(RAW), read_head(RAW)._replace(method=b"POST", target=b"/b")]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", ["method", "lines", "fields", "anything"])
def test_nothing_of_it_can_be_changed(head: RequestHead, name: str) -> None:
    before = tuple(head)
    with pytest.raises(AttributeError):
        setattr(head, name, b"x")
    with pytest.raises(AttributeError):
        delattr(head, name)
    assert tuple(head) == before
    assert isinstance(head.lines, tuple)


@pytest.mark.parametrize("name", ["cookie", "held", "anything"])
def test_nor_can_anything_of_its_fields(name: str) -> None:
    fields = read_head(RAW).fields
    with pytest.raises((FrozenInstanceError, TypeError)):
        setattr(fields, name, b"x")
    with pytest.raises((FrozenInstanceError, TypeError)):
        delattr(fields, name)
    assert (fields.cookie, fields.held) == (b"a=b", ())


def test_it_shows_nothing_of_itself() -> None:
    head = read_head(RAW.replace(b"/a", b"/.gatepost/ticket?ticket=secret"))
    assert not re.search("secret|wiki|a=b", repr(head) + repr(head.fields))
