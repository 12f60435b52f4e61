"""A place is remembered for as long as the next request says the same, and no longer."""

from ipaddress import ip_network

from proxy.forwarding.client_places import ClientPlaces
from proxy.forwarding.listeners import Arrival
from proxy.http.head_reading import parse_request_head
from proxy.http.request_head import RequestHead

PROXY = ip_network("10.0.0.0/24")


def places(address: str, *, reads_forwarded: bool = False) -> ClientPlaces:
    return ClientPlaces(
        Arrival(address=address, is_tls=False, is_https=False, trusted=(PROXY,), redirects=False),
        reads_forwarded=reads_forwarded,
    )


def head(*lines: str, host: str = "wiki.corp.example") -> RequestHead:
    fields = "".join(line + "\r\n" for line in (f"Host: {host}", *lines))
    return parse_request_head(f"GET / HTTP/1.1\r\n{fields}\r\n".encode())


def test_a_strangers_word_changes_neither_its_place_nor_what_upstreams_are_told() -> None:
    stranger = places("203.0.113.9")
    assert not stranger.is_peer_trusted
    for said in ("198.51.100.1", "198.51.100.2"):
        assert stranger.of(head(f"X-Forwarded-For: {said}")).address == "203.0.113.9"
        assert said.encode() not in stranger.forwarded(head(f"X-Forwarded-For: {said}"))


def test_behind_a_trusted_proxy_each_request_is_from_its_own_client() -> None:
    behind = places("10.0.0.1")
    for said, scheme in (("198.51.100.1", "https"), ("198.51.100.2", "https"), ("198.51.100.2", "http")):
        request = head(f"X-Forwarded-For: {said}", f"X-Forwarded-Proto: {scheme}")
        assert behind.of(request).address == said
        assert behind.of(request).is_https is (scheme == "https")
        told = behind.forwarded(request)
        assert said.encode() in told
        assert f"X-Forwarded-Proto: {scheme}".encode() in told


def test_upstreams_are_told_the_host_of_each_request() -> None:
    client = places("203.0.113.9")
    for host in ("wiki.corp.example", "docs.corp.example"):
        assert host.encode() in client.forwarded(head(host=host))


def test_only_the_header_that_the_operator_names_is_believed() -> None:
    """A proxy that writes one of them passes on what a client wrote into the other."""
    both = head("Forwarded: for=198.51.100.1;proto=https", "X-Forwarded-For: 198.51.100.2", "X-Forwarded-Proto: http")
    by_default = places("10.0.0.1")
    assert (by_default.of(both).address, by_default.of(both).is_https) == ("198.51.100.2", False)
    told = places("10.0.0.1", reads_forwarded=True)
    assert (told.of(both).address, told.of(both).is_https, told.says_scheme) == ("198.51.100.1", True, True)
    only_other = head("X-Forwarded-For: 198.51.100.2", "X-Forwarded-Proto: http")
    assert (told.of(only_other).address, told.says_scheme) == ("10.0.0.1", False)
    assert places("203.0.113.9", reads_forwarded=True).of(both).address == "203.0.113.9"


def test_forwarded_is_read_for_each_request_and_written_again() -> None:
    behind = places("10.0.0.1", reads_forwarded=True)
    for said, scheme in (("198.51.100.1", "https"), ("198.51.100.2", "http"), ("198.51.100.2", "https")):
        told = behind.forwarded(head(f"Forwarded: for=evil, for={said};proto={scheme};host=evil"))
        assert f'Forwarded: for={said};host="wiki.corp.example";proto={scheme}, for=10.0.0.1'.encode() in told
        assert b"evil" not in told
