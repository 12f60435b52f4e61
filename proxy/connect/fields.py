"""Header fields on their way between the client here and the app: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from config.field_kinds import HOP_BY_HOP

OWN_COOKIES = "gatepost-connect-"
"""What the names of cookies begin with that hold the secret of a run."""
Fields = Iterable[tuple[str, str]]
_HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "trailer", *(each.decode("ascii") for each in HOP_BY_HOP)})
_NOT_ON = frozenset({"host", "authorization", "cookie", "expect", "upgrade"})
_NOT_BACK = frozenset({"strict-transport-security", "alt-svc", "upgrade"})
"""They speak of the app's own address."""


def request_fields(fields: Fields, *, own_origin: str, app_origin: str, token: str) -> Iterator[tuple[str, str]]:
    """What the app's Gatepost is sent: as the client sent it, with the token, and without what is between the two.

    `own_origin` becomes the app's, by which the app knows its own pages.
    """
    fields = list(fields)
    dropped = _of_one_hop(fields) | _NOT_ON
    for name, value in fields:
        lower = name.lower()
        if lower == "cookie":
            others = [pair for pair in value.split(";") if not _is_own_cookie(pair)]
            if kept := ";".join(others).strip():
                yield name, kept
        elif lower in ("origin", "referer"):
            yield name, _moved(value, own_origin, app_origin)
        elif lower not in dropped and not lower.startswith("sec-websocket-"):
            yield name, value
    yield "Authorization", f"Bearer {token}"


def response_fields(fields: Fields, *, own_origin: str, app_origin: str) -> Iterator[tuple[str, str]]:
    fields = list(fields)
    dropped = _of_one_hop(fields) | _NOT_BACK
    for name, value in fields:
        lower = name.lower()
        if lower == "set-cookie":
            if not _is_own_cookie(value):
                yield name, _cookie_here(value)
        elif lower in ("location", "content-location", "access-control-allow-origin"):
            yield name, _moved(value, app_origin, own_origin)
        elif lower not in dropped:
            yield name, value


def _of_one_hop(fields: Fields) -> frozenset[str]:
    """RFC 9110 section 7.6.1: with those that ``Connection`` names."""
    named = (
        each.strip().lower() for name, value in fields if name.lower() == "connection" for each in value.split(",")
    )
    return _HOP_BY_HOP.union(named)


def _is_own_cookie(pair: str) -> bool:
    """This run's, or another's: a browser sends cookies to every port of a host (RFC 6265 section 8.5)."""
    return pair.strip().startswith(OWN_COOKIES)


def _moved(url: str, from_origin: str, to_origin: str) -> str:
    rest = url.removeprefix(from_origin)
    return to_origin + rest if rest != url and rest[:1] in ("", "/", "?", "#") else url


def _cookie_here(value: str) -> str:
    """For this host and http, where its name lets it: a browser keeps no other here (RFC 6265bis section 5.6)."""
    pair, *attributes = value.split(";")
    is_bound = pair.lstrip().startswith(("__Host-", "__Secure-"))
    not_here = {"domain"} if is_bound else {"domain", "secure"}
    kept = [each for each in attributes if each.strip().partition("=")[0].lower() not in not_here]
    return ";".join([pair, *kept])
