"""A fuzz target for all that reads bytes from strangers: `python -m tests.http.fuzz_reading INPUTS [SEED]`.

`one_input` may as well be given to a coverage-guided fuzzer. It raises on any exception but a refusal, and
wherever the plane and an independent strict reader disagree about what was accepted.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from random import Random

from proxy.forwarding.cookies import split_cookies
from proxy.http.bodies import BrokenBody, ChunkedBody
from proxy.http.head_reading import parse_request_head
from proxy.http.request_head import RefusedHead
from proxy.http.response_head import BrokenResponse, parse_response_head, sets_reserved_cookie
from tests.http.mutations import TOKEN, corpus, mutate, pipeline
from tests.http.strict_http import Incomplete, Malformed, read_request

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nSet-Cookie: gatepost=x\r\nConnection: keep-alive\r\n\r\n"


def one_input(data: bytes) -> None:
    head = data + b"\r\n\r\n"
    head = head[: head.find(b"\r\n\r\n") + 4]
    _request(head)
    _chunks(data)
    with suppress(BrokenResponse):
        answer = parse_response_head(head)
        for line in answer.lines:
            name, _, value = line.partition(b": ")
            assert b"\r" not in line
            assert b"\n" not in line
            assert name.lower() != b"set-cookie" or not sets_reserved_cookie(value)
    cookies = split_cookies(data + b"; gatepost=" + TOKEN, "http")
    assert b"gatepost=" + TOKEN not in cookies.others.split(b"; ")


def _request(head: bytes) -> None:
    try:
        ours = parse_request_head(head)
    except RefusedHead:
        return
    body = b"0\r\n\r\n" if ours.fields.is_chunked else b"x" * min(ours.fields.content_length or 0, 100_000)
    try:
        theirs, end = read_request(head + body)
    except Incomplete:
        assert (ours.fields.content_length or 0) > 100_000
        return
    except Malformed as exc:
        raise AssertionError(f"taken, but malformed: {head!r}") from exc
    assert (theirs.method, theirs.target, end) == (ours.method, ours.target, len(head + body))


def _chunks(data: bytes) -> None:
    """Whole, and byte by byte: the same reading."""
    readings = []
    for step in (len(data) or 1, 1, 3):
        body, read = ChunkedBody(extensions=False), b""
        try:
            for at in range(0, len(data), step):
                if not body.is_over:
                    read += b"".join(body.feed(data[at : at + step]))
        except BrokenBody:
            readings.append(None)
        else:
            readings.append((read, body.is_over, tuple(body.trailers)))
    assert readings[0] == readings[1] == readings[2], (data, readings)


def run(inputs: int, seed: int) -> None:
    random, seeds = Random(seed), [*corpus().values(), ANSWER]
    for number in range(inputs):
        data = pipeline(random) if random.random() < 0.3 else random.choice(seeds)
        data = mutate(random, data, random.randint(0, 5))
        for piece in (data, data.partition(b"\r\n\r\n")[2]):
            try:
                one_input(piece)
            except BaseException:
                print(f"seed {seed}, input {number}: {piece!r}", file=sys.stderr)
                raise


if __name__ == "__main__":
    chosen = int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns()
    run(int(sys.argv[1]), chosen)
    print(sys.argv[1], "inputs were read, seed", chosen)
