"""Which URLs of Redis and Valkey servers are understood, and as what."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.tables.store import RedisURL, parse_store_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost", RedisURL(addresses=(("localhost", 6379),))),
        ("valkey://10.0.0.1:7000/3", RedisURL(addresses=(("10.0.0.1", 7000),), database=3)),
        ("rediss://r.corp.example/", RedisURL(is_tls=True, addresses=(("r.corp.example", 6379),))),
        ("valkeys://[::1]:6380", RedisURL(is_tls=True, addresses=(("::1", 6380),))),
        ("unix:/run/redis.sock", RedisURL(path=Path("/run/redis.sock"))),
        ("unix:///run/redis.sock", RedisURL(path=Path("/run/redis.sock"))),
        (
            "rediss+sentinel://a,b:26380/mymaster/1",
            RedisURL(is_tls=True, addresses=(("a", 26379), ("b", 26380)), service="mymaster", database=1),
        ),
    ],
)
def test_a_url_says_where_the_server_is(url: str, expected: RedisURL) -> None:
    assert parse_store_url(url) == expected


@given(st.sampled_from(["redis:", "rediss://", "unix:", "redis+sentinel://", ""]), st.text(max_size=30))
def test_a_url_is_understood_or_refused_without_being_quoted(start: str, rest: str) -> None:
    said = ""
    try:
        parse_store_url(start + "s3cret" + rest)
    except ValueError as error:
        said = str(error)
    assert "s3cret" not in said
