"""A head that was read stays as it is."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError

import pytest

from proxy.forwarding.verdict import Forward
from proxy.http.plain_head import read_head
from proxy.http.request_head import RequestHead

RAW = b"GET /a HTTP/1.1\r\nHost: wiki.corp.example\r\nX-Own: 1\r\nCookie: a=b\r\n\r\n"


@pytest.mark.parametrize("name", ["cookie", "held", "anything"])
def test_nothing_of_its_fields_can_be_changed(name: str) -> None:
    fields = read_head(RAW).fields
    with pytest.raises((FrozenInstanceError, TypeError)):
        setattr(fields, name, b"x")
    with pytest.raises((FrozenInstanceError, TypeError)):
        delattr(fields, name)
    assert (fields.cookie, fields.held) == (b"a=b", ())


def test_nothing_may_assign_to_a_head_or_a_verdict() -> None:
    """They are shared by the requests of a connection. What may be done to them, the type checker knows."""
    for kind in (RequestHead, Forward):
        if not hasattr(kind, "__annotations__"):  # compiled, and so nobody can
            for name in kind.__slots__:
                with pytest.raises(AttributeError):
                    setattr(kind.__new__(kind), name, None)
            continue
        assert all(str(annotation).startswith("Final[") for annotation in kind.__annotations__.values())
        assert set(kind.__annotations__) == set(kind.__slots__)


def test_it_shows_nothing_of_itself() -> None:
    head = read_head(RAW.replace(b"/a", b"/.gatepost/ticket?ticket=secret"))
    assert not re.search("secret|wiki|a=b", repr(head) + repr(head.fields))
