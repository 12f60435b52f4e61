"""RFC 6238 with SHA-1, six digits and steps of 30 seconds, as `oathtool` computes it."""

from __future__ import annotations

import base64
import subprocess
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.factors.totp.totp import grouped, new_secret, provisioning_uri, qr_svg, steps_of, typed_code

NOW = 1_800_000_000.0
RFC_SECRET = b"12345678901234567890"


def code_of(secret: bytes, at: float) -> str:
    command = ["oathtool", "--totp", f"--now=@{int(at)}", secret.hex()]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(("at", "code"), [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")])
def test_the_vectors_of_rfc_6238(at: int, code: str) -> None:
    """Appendix B; the last six of its eight digits."""
    assert steps_of(RFC_SECRET, code, now=at) == [at // 30]


@pytest.mark.parametrize("steps", range(-3, 4))
def test_one_step_of_drift_either_way(steps: int) -> None:
    secret = new_secret()
    at = NOW + 30 * steps
    found = steps_of(secret, code_of(secret, at), now=NOW)
    assert (int(at) // 30 in found) is (abs(steps) <= 1)


def test_a_secret_has_160_bits_and_no_two_are_the_same() -> None:
    secrets = {new_secret() for _ in range(1000)}
    assert len(secrets) == 1000
    assert {len(secret) for secret in secrets} == {20}


@pytest.mark.parametrize("text", ["123456", " 123 456\n", "123-456", "12 34 56"])
def test_a_code_may_be_typed_with_what_an_app_shows_between_its_digits(text: str) -> None:
    assert typed_code(text) == "123456"


@given(st.text(max_size=12))
def test_anything_else_is_no_code(text: str) -> None:
    typed = typed_code(text)
    assert typed is None or (len(typed) == 6 and typed.isascii() and typed.isdigit())
    assert typed_code("12345") is typed_code("1234567") is typed_code("") is typed_code("٣٣٣٣٣٣") is None


def test_what_an_app_reads_names_issuer_and_login() -> None:
    secret = new_secret()
    parts = urlsplit(provisioning_uri(secret, issuer="Gatepost signin.corp.example", login="anna@corp"))
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == "/Gatepost signin.corp.example:anna@corp"
    query = parse_qs(parts.query)
    assert query["issuer"] == ["Gatepost signin.corp.example"]
    assert base64.b32decode(query["secret"][0]) == secret
    assert query["secret"] == [grouped(secret).replace(" ", "")]
    assert [len(group) for group in grouped(secret).split(" ")] == [4] * 8


def test_the_picture_needs_nothing_that_the_policy_of_pages_forbids() -> None:
    """No style, script or link: `style-src` and `script-src` name our own files alone."""
    svg = ElementTree.fromstring(qr_svg(provisioning_uri(new_secret(), issuer='<"&>', login="</svg><script>")))
    for element in svg.iter():
        assert element.tag in ("svg", "path")
        assert element.attrib.keys() <= {"viewBox", "class", "fill", "stroke", "d"}
