"""Hosts beyond ASCII are taken as they are typed, and are what browsers and DNS make of them (IDNA 2008)."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from config.addresses import LDAPServer, PublicURL, UpstreamURL, parse_host, parse_machine


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("wiki.bücher.example", "wiki.xn--bcher-kva.example"),
        ("WIKI.BÜCHER.example.", "wiki.xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),  # not "fass": IDNA 2008, as all browsers do
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("wiki.corp.example", "wiki.corp.example"),
    ],
)
def test_a_host_is_taken_as_it_is_typed(typed: str, host: str) -> None:
    assert parse_host(typed) == host
    assert parse_machine(typed.removesuffix(".")) == host
    assert PublicURL.parse(f"https://{typed}:8443").host == host
    assert UpstreamURL.parse(f"http://{typed.removesuffix('.')}").host == host


def test_a_domain_controller_is_named_as_dns_has_it() -> None:
    servers = TypeAdapter(LDAPServer)
    assert servers.validate_python("ldaps://dc1.faß.example:636") == "ldaps://dc1.xn--fa-hia.example:636"
    assert servers.validate_python("ldap://DC1.corp.example") == "ldap://DC1.corp.example"


@pytest.mark.parametrize(
    "typed", ["bü cher.example", "☃.example", "a\u2044b.example", "-ü.example", "ü" * 70, "ü..example"]
)
def test_what_dns_cannot_have_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_host(typed)


@pytest.mark.parametrize(
    "typed",
    [
        *("https://bücher.example/ü", "https://ü@host.example", "https://host.example\uff0fx", "ü", "https://[::1"),
        *("https://host.example:99999", "https://host.example:ü", "https://host.example:x"),
    ],
)
def test_a_url_with_more_than_a_host_beyond_ascii_is_refused_in_our_words(typed: str) -> None:
    with pytest.raises(ValueError, match=r"not a|must not have") as refused:
        PublicURL.parse(typed)
    assert "NFKC" not in str(refused.value)
    assert "cast" not in str(refused.value)
