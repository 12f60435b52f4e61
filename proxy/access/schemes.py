"""Which scheme a person signs in by: the first that matches who they are and where they come from."""

from __future__ import annotations

from collections.abc import Iterable

from config.settings import SchemeSettings
from directory.principal import Principal
from proxy.access.networks import is_within, parse_address


def choose_scheme(
    schemes: Iterable[SchemeSettings], principal: Principal, client_address: str, *, first_factor: str = "password"
) -> SchemeSettings | None:
    """The first scheme one of whose groups holds the person and one of whose networks holds the address.

    Only those are looked at that begin with the factor that was proven, so that none stands for another.

    A scheme that names no groups (networks) is for every person (place). An address that cannot be parsed is in
    no network. None: no scheme is meant for them, and so they cannot sign in.
    """
    address = parse_address(client_address)
    return next(
        (
            scheme
            for scheme in schemes
            if scheme.factors[0] == first_factor
            and (scheme.groups is None or not principal.groups.isdisjoint(scheme.groups))
            and (scheme.networks is None or is_within(address, scheme.networks))
        ),
        None,
    )


def is_offered(schemes: Iterable[SchemeSettings], first_factor: str, client_address: str) -> bool:
    """Whether some scheme begins with this factor for somebody at this address; who they are is not known yet."""
    address = parse_address(client_address)
    return any(
        scheme.factors[0] == first_factor and (scheme.networks is None or is_within(address, scheme.networks))
        for scheme in schemes
    )
