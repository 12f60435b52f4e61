"""Who may use what is served on loopback: pure.

Every user of this machine reaches it, and so does every page in a browser here: by an address of its own that it lets
lead to 127.0.0.1 (DNS rebinding), or by a form.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from enum import Enum

from proxy.http.fetch_metadata import is_own_request


class WhyNotHere(Enum):
    HOST = "This is served for its own address alone."
    ORIGIN = "A page of another site may not use this."
    SECRET = "Use the address that gatepost connect has printed: it holds the secret of this run."  # noqa: S105


def judge_visitor(
    *,
    own_origin: str,
    secret: str,
    hosts: Sequence[str],
    origin: str | None,
    referer: str | None,
    fetch_site: str | None,
    authorization: str,
    cookie: str,
) -> WhyNotHere | None:
    """None: welcome. `own_origin`: ``http://127.0.0.1:PORT``. `secret` empty: none is asked for. `hosts`: all values of
    ``Host``. `cookie`: the value of ours."""
    if list(hosts) != [own_origin.removeprefix("http://")]:
        return WhyNotHere.HOST
    if not is_own_request(origin=origin, referer=referer, fetch_site=fetch_site, own_origin=own_origin):
        return WhyNotHere.ORIGIN
    if secret and not (_is(secret, cookie) or _is(secret, password_of(authorization))):
        return WhyNotHere.SECRET
    return None


def password_of(authorization: str) -> str:
    """Of HTTP Basic (RFC 7617); empty: there is none."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        decoded = base64.b64decode(rest.strip(), validate=True)
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(b":")[2].decode(errors="replace")


def _is(secret: str, given: str) -> bool:
    return hmac.compare_digest(secret.encode(), given.encode(errors="replace"))
