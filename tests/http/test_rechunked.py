"""A body framed again in the chunked coding says the same, whatever framing and pieces it came in."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.http.bodies import Body, ChunkedBody, LengthBody, Rechunked, UntilCloseBody, as_chunk, last_chunk

PIECES = st.lists(st.binary(min_size=1, max_size=40), max_size=8)


def told(body: Body, pieces: list[bytes]) -> bytes:
    """What `body` makes of `pieces`, which are fed until it is over, as an exchange does."""
    return b"".join(b"".join(body.feed(piece)) for piece in pieces if not body.is_over)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(PIECES, st.integers(min_value=1, max_value=50))
def test_what_is_rechunked_reads_as_what_was_sent(pieces: list[bytes], size: int) -> None:
    sent = b"".join(b"".join(as_chunk(piece)) for piece in pieces) + last_chunk((b"X-Sum: 7",))
    body, reader = Rechunked(ChunkedBody(extensions=False)), ChunkedBody(extensions=False)
    framed = told(body, cut(sent + b"next", size))
    assert body.is_over
    assert told(reader, [framed]) == b"".join(pieces)
    assert reader.is_over
    assert reader.trailers == [b"X-Sum: 7"]
    assert reader.leftover == b""
    assert b"next".startswith(body.leftover)


def test_what_came_behind_a_rechunked_body_is_left_over() -> None:
    body = Rechunked(ChunkedBody(extensions=False))
    assert b"".join(body.feed(b"3\r\nabc\r\n0\r\n\r\nGET /")) == b"3\r\nabc\r\n0\r\n\r\n"
    assert body.leftover == b"GET /"


def test_only_a_body_that_ends_with_its_connection_is_whole_then() -> None:
    until_close, rechunked = UntilCloseBody(), Rechunked(UntilCloseBody())
    assert until_close.end() == ()
    assert until_close.is_over
    assert rechunked.end() == (b"0\r\n\r\n",)
    assert rechunked.is_over
    for cut_off in (LengthBody(3), ChunkedBody(extensions=True), Rechunked(ChunkedBody(extensions=True))):
        assert cut_off.end() is None
        assert not cut_off.is_over
