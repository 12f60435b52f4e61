"""What is accepted as a path has exactly one reading; everything else is refused."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.access.paths import Ambiguous, CanonicalPath, canonical_path


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/", "/"),
        (b"/a/b", "/a/b"),
        (b"/a/b/", "/a/b/"),
        (b"/A/b", "/A/b"),
        (b"/a?b=/../%2f;//", "/a"),
        (b"/?a", "/"),
        (b"/style.min.css", "/style.min.css"),
        (b"/.well-known/x", "/.well-known/x"),
        (b"/a%62c", "/abc"),
        (b"/%7Euser", "/~user"),
        (b"/~user", "/~user"),
        (b"/a%20b/c", "/a b/c"),
        (b"/caf%C3%A9", "/café"),
        (b"/caf%c3%a9", "/café"),
        (b"/a:b@c,d=e+f!g$h&i'j(k)*", "/a:b@c,d=e+f!g$h&i'j(k)*"),
        (b"/a%3Ab", "/a:b"),
        (b'/{a}|b^`<>"', '/{a}|b^`<>"'),
    ],
)
def test_a_path_with_one_reading_is_decoded_once(target: bytes, path: str) -> None:
    assert canonical_path(target) == CanonicalPath(path)


@pytest.mark.parametrize(
    "target",
    [
        b"", b"a", b"*", b"a/b", b"http://wiki.corp.example/", b"?a",
        b"//", b"//a", b"/a//b", b"/a//",
        b"/.", b"/..", b"/./a", b"/../a", b"/a/.", b"/a/..", b"/a/./b", b"/a/../b", b"/a/...", b"/a/.../b",
        b"/%2e", b"/%2E%2e/a", b"/a/%2e./b", b"/a/.%2e", b"/a/%2e?x",
        b"/a.", b"/a./b", b"/a%2e/b", b"/a%20", b"/a%20/b", b"/a.%20/b",
        b"/a%2fb", b"/a%2Fb", b"/a%5cb", b"/a%5Cb", b"/a\\b", b"/..\\b", b"/a%5c..%5cb",
        b"/a;b", b"/a;/b", b"/a%3bb", b"/a%3Bb", b"/..;/b", b"/a/;/b",
        b"/a#b", b"/a%23b", b"/a%3fb", b"/a%3Fb",
        b"/a%00", b"/a\0", b"/%0a", b"/%0d%0a", b"/%1f", b"/%7f", b"/a\tb", b"/a b", b"/a\x7f",
        b"/%252e%252e/a", b"/a%252fb", b"/a%25", b"/100%25", b"/a%2500",
        b"/a%", b"/a%2", b"/a%zz", b"/a%u002f", b"/a%-1", b"/a%+2",
        b"/\xc3\xa9", b"/a\xff",
        b"/%c0%af", b"/%c0%ae%c0%ae/a", b"/%e0%80%af", b"/%f0%80%80%af", b"/%ff", b"/%c3", b"/%ed%a0%80",
        b"/%f4%90%80%80",
        b"/e%cc%81", b"/%ef%bc%8fa", b"/%ef%bc%8e%ef%bc%8e/a", b"/a%ef%bc%9bb", b"/%e2%80%a4%e2%80%a4/a",
        b"/%c2%85", b"/%e2%80%a8", b"/%e2%80%8b", b"/%e2%80%ae",
    ],
)  # fmt: skip
def test_a_path_with_two_readings_is_refused(target: bytes) -> None:
    found = canonical_path(target)
    assert isinstance(found, Ambiguous)


def as_nginx_routes(path: bytes) -> bytes:
    """ngx_http_parse_complex_uri: decode once, then merge slashes and resolve dot segments."""
    out: list[bytes] = []
    segments = re.sub(rb"/+", b"/", unquote_to_bytes(path)).split(b"/")[1:]
    for position, segment in enumerate(segments):
        is_last = position == len(segments) - 1
        if segment in (b".", b".."):
            if segment == b".." and out:
                out.pop()
            if is_last:
                out.append(b"")
        else:
            out.append(segment)
    return b"/" + b"/".join(out)


def as_tomcat_routes(path: bytes) -> str:
    """Parameters are cut off each segment, then it is decoded and resolved."""
    bare = re.sub(rb";[^/]*", b"", path)
    return re.sub("/+", "/", unquote(bare.decode("latin-1"), encoding="utf-8", errors="surrogateescape"))


def as_windows_routes(text: str) -> str:
    return "/".join(segment.rstrip(". ") for segment in text.replace("\\", "/").split("/"))


def normal(text: str) -> str:
    """`posixpath.normpath`, which forgets a slash at the end."""
    found = posixpath.normpath(text)
    return found + "/" if text.endswith("/") and found != "/" else found


pieces = st.sampled_from(
    [
        *b"/ a admin A . .. %2e %2f %5c \\ ; %3b %25 %252e %00 % %4 %41 %c0%af %c3%a9 # ? %3f %20 %ef%bc%8f".split(),
        b" ",
        b"\0",
        "é".encode(),
    ]
)
targets = st.one_of(
    st.lists(pieces, max_size=12).map(lambda each: b"/" + b"".join(each)),
    st.binary(max_size=40).map(lambda each: b"/" + each),
)


@given(targets)
def test_whatever_is_accepted_reads_the_same_under_every_decoder(target: bytes) -> None:
    found = canonical_path(target)
    if isinstance(found, Ambiguous):
        return
    path = target.split(b"?")[0]
    text = found.text
    assert unquote(path.decode("ascii"), errors="strict") == text
    assert unquote(text, errors="strict") == text, "decoding twice"
    assert normal(text) == text
    assert as_nginx_routes(path).decode() == text
    assert as_tomcat_routes(path) == text
    assert as_windows_routes(text) == text
    assert text.startswith("/")
    assert text.isprintable()
    assert canonical_path(path + b"?x=/..;//") == found, "the query is no part of it"


@given(st.text(alphabet="abcXYZ019._~-/é", max_size=30))
def test_two_spellings_of_one_path_are_one_path(text: str) -> None:
    """Every byte escaped or none: the same path, or both are refused."""
    plain = b"/" + text.encode()
    escaped = re.sub(rb"[^/]", lambda found: b"%%%02X" % found[0][0], plain)
    lower = re.sub(rb"%..", lambda found: found[0].lower(), escaped)
    first, second = canonical_path(escaped), canonical_path(lower)
    assert isinstance(first, Ambiguous) == isinstance(second, Ambiguous)
    if isinstance(first, CanonicalPath):
        assert first == second
        assert first.text == "/" + text
        if text.isascii():
            assert canonical_path(plain) == first
