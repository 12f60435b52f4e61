"""Which scheme a person signs in by: the first that matches who they are and where they come from."""

from __future__ import annotations

from collections.abc import Iterable

from config.settings import SchemeSettings
from directory.principal import Principal
from proxy.access.networks import is_within, parse_address


def choose_scheme(
    schemes: Iterable[SchemeSettings], principal: Principal, client_address: str
) -> SchemeSettings | None:
    """The first scheme one of whose groups holds the person and one of whose networks holds the address.

    A scheme that names no groups (networks) is for every person (place). An address that cannot be parsed is in
    no network. None: no scheme is meant for them, and so they cannot sign in.
    """
    address = parse_address(client_address)
    return next(
        (
            scheme
            for scheme in schemes
            if (scheme.groups is None or not principal.groups.isdisjoint(scheme.groups))
            and (scheme.networks is None or is_within(address, scheme.networks))
        ),
        None,
    )
