"""Pipelines of valid requests, and what an attacker makes of them: pure, driven by a source of randomness."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from random import Random

HOST = b"wiki.corp.example"
TOKEN = b"A" * 43
CORPUS = Path(__file__).parent / "corpus"
SMUGGLED = (
    b"GET /smuggled HTTP/1.1\r\nHost: " + HOST + b"\r\nCookie: gatepost=" + TOKEN + b"\r\nRemote-User: root\r\n\r\n"
)
FIELDS = (
    b"Remote-User: root", b"remote_groups: root", b"X-Forwarded-For: 6.6.6.6", b"X.Gatepost.Assertion: root",
    b"Connection: Remote-User", b"Connection: keep-alive, x-y", b"X-Y: z", b"Accept: */*", b"TE: trailers",
    b"Cookie: a=b", b"Authorization: Basic cm9vdA==", b"Upgrade: h2c", b"Forwarded: for=root", b"X-Long: " + b"y" * 300,
    b"Content_Length: 3", b"Transfer_Encoding: chunked", b"Expect: 100-continue",
)  # fmt: skip
NASTY = (
    b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\n\n", b"\x00", b" ", b"\t", b"\x0b", b"\xa0", b"0", b"5", b":", b",", b";",
    b"+", b"-", b"0x", b"_", b"chunked", b"identity", b"\r\n ", b"0\r\n\r\n", b"5\r\nhello\r\n",
    b"ffffffffffffffff\r\n",
    b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Content-Length: +5\r\n", b"Content-Length : 5\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\n", b"Transfer-Encoding:\x0bchunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n", b"Connection: close\r\n", b"Host: evil\r\n", b"Upgrade: websocket\r\n",
    b"Connection: upgrade\r\n", b"GET ", b" HTTP/1.1", b"HTTP/1.0", b"#", b"http://evil", SMUGGLED,
)  # fmt: skip


def body_of(random: Random, size: int) -> bytes:
    if random.random() < 0.3:
        return SMUGGLED
    return bytes(random.choice(b"0123abc\r\n:;") for _ in range(size))


def request(random: Random, number: int, *, is_last: bool) -> bytes:
    """A valid request whose target names its place in the pipeline."""
    lines = [b"Host: " + HOST, b"Cookie: gatepost=" + TOKEN]
    lines += random.sample(FIELDS[:-1], random.randint(0, 3))
    if is_last:
        lines.append(b"Connection: close")
    kind = random.choice(("none", "none", "length", "chunked", "chunked"))
    body = b""
    if kind == "length":
        body = body_of(random, random.randint(0, 40))
        lines.append(b"Content-Length: %d" % len(body))
    elif kind == "chunked":
        lines.append(b"Transfer-Encoding: chunked")
        for _ in range(random.randint(0, 3)):
            piece = body_of(random, random.randint(1, 40))
            body += b"%x\r\n%b\r\n" % (len(piece), piece)
        body += b"0\r\n" + random.choice((b"", b"", b"X-T: 1\r\n", b"Remote-User: root\r\n")) + b"\r\n"
    random.shuffle(lines)
    method = b"GET" if kind == "none" else b"POST"
    return method + b" /%d HTTP/1.1\r\n" % number + b"\r\n".join(lines) + b"\r\n\r\n" + body


def pipeline(random: Random) -> bytes:
    """Up to five requests; sometimes one after the other says the same fields, as browsers do."""
    count = random.randint(1, 5)
    if random.random() < 0.3:
        same = request(random, 0, is_last=False)
        return b"".join(same.replace(b" /0 ", b" /%d " % number) for number in range(count)) + request(
            random, count, is_last=True
        )
    return b"".join(request(random, number, is_last=number == count - 1) for number in range(count))


def mutate(random: Random, data: bytes, times: int) -> bytes:
    """Insert, replace, remove, repeat and move pieces, most often where lines begin and end."""
    for _ in range(times):
        edges = [at for at in range(len(data)) if data[at] in b"\r\n:, ;"] or [0]
        at = random.choice(edges) + random.randint(0, 2) if random.random() < 0.8 else random.randint(0, len(data))
        end = min(len(data), at + random.randint(1, 12))
        match random.randint(0, 5):
            case 0 | 1:
                data = data[:at] + random.choice(NASTY) + data[at:]
            case 2:
                data = data[:at] + random.choice(NASTY) + data[end:]
            case 3:
                data = data[:at] + data[end:]
            case 4:
                data = data[:end] + data[at:]
            case _:
                to = random.randint(0, len(data))
                data = data[:to] + data[at:end] + data[to:]
    return data


def pieces(random: Random, data: bytes) -> list[bytes]:
    """`data` cut at random places; often right inside a line's end or between requests."""
    chance = random.random()
    if chance < 0.2:
        return [data]
    if chance < 0.4:
        heads = data.split(b"\r\n\r\n")
        return [head + b"\r\n\r\n" for head in heads[:-1]] + ([heads[-1]] if heads[-1] else [])
    ends = [at + 1 for at in range(len(data)) if data[at : at + 1] == b"\r"]
    cuts = {random.randint(0, len(data)) for _ in range(random.randint(0, 6))}
    cuts |= set(random.sample(ends, min(len(ends), random.randint(0, 3))))
    edges = [0, *sorted(cuts), len(data)]
    return [data[one:two] for one, two in pairwise(edges) if one < two]


def corpus() -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted(CORPUS.glob("*.http"))}
