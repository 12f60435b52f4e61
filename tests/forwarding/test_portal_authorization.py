"""A client's ``Authorization`` reaches the portal where tickets or tokens are taken, and nowhere else."""

import pytest

from proxy.access.networks import ClientPlace
from proxy.forwarding.upstream_lines import portal_block
from proxy.http.head_reading import parse_request_head


@pytest.mark.parametrize(
    ("target", "more", "arrives"),
    [
        (b"/.gatepost/kerberos", b"", True),
        (b"/.gatepost/kerberos?return_to=x", b"", True),
        (b"/.gatepost/kerberos/", b"", False),
        (b"/.gatepost/api/v1/session", b"", True),
        (b"/.gatepost/api/v1/session/", b"", False),
        (b"/.gatepost/api/v1/sign-in", b"", False),
        (b"/.gatepost/api/v1/x/../session", b"", False),
        (b"/.gatepost/sign-in", b"", False),
        (b"/.gatepost/sign-in?/.gatepost/kerberos", b"", False),
        (b"/.gatepost/KERBEROS", b"", False),
        (b"/.gatepost/kerberos", b"Connection: Authorization\r\n", False),
    ],
)
def test_a_ticket_or_token_reaches_the_portal_on_its_own_path_alone(target: bytes, more: bytes, arrives: bool) -> None:
    head = parse_request_head(
        b"GET "
        + target
        + b" HTTP/1.1\r\nHost: signin.corp.example\r\nAuthorization: Negotiate YQ==\r\n"
        + more
        + b"\r\n"
    )
    place = ClientPlace(address="192.0.2.7", is_https=True, proxies=())
    assert (b"\r\nAuthorization: Negotiate YQ==" in portal_block(place, head, "incident")) is arrives
    assert not any(line.lower().startswith(b"authorization") for line in head.lines)
