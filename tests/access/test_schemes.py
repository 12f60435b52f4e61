"""The first scheme that matches the person and the place is used, and none means no way in."""

from ipaddress import ip_network
from typing import Any

import pytest

from config.settings import SchemeSettings
from proxy.access.schemes import choose_scheme
from tests.support.people import principal


def scheme(name: str, *, networks: tuple[str, ...] | None = None, groups: tuple[str, ...] | None = None) -> Any:
    return SchemeSettings.model_construct(
        name=name,
        factors=("password",),
        groups=groups,
        networks=None if networks is None else tuple(ip_network(each) for each in networks),
    )


ADMINS = scheme("admins", groups=("Gatepost Admins", "Owners"), networks=("127.0.0.0/8", "2001:db8::/32"))
BROWSER = scheme("browser")


@pytest.mark.parametrize(
    ("groups", "address", "name"),
    [
        ({"Owners"}, "127.0.0.1", "admins"),
        ({"Owners"}, "2001:db8::1", "admins"),
        ({"Owners"}, "::ffff:127.0.0.1", "admins"),
        ({"Owners"}, "128.0.0.1", "browser"),
        ({"owners"}, "127.0.0.1", "browser"),
        (set(), "127.0.0.1", "browser"),
        ({"Owners"}, "unknown", "browser"),
        ({"Owners"}, "", "browser"),
    ],
)
def test_the_first_that_matches_person_and_place_is_used(groups: set[str], address: str, name: str) -> None:
    chosen = choose_scheme([ADMINS, BROWSER], principal(groups=frozenset(groups)), address)
    assert chosen is not None
    assert chosen.name == name


def test_order_decides() -> None:
    assert choose_scheme([BROWSER, ADMINS], principal(groups=frozenset({"Owners"})), "127.0.0.1") is BROWSER


def test_no_match_is_no_way_in() -> None:
    assert choose_scheme([ADMINS], principal(), "127.0.0.1") is None
    assert choose_scheme([], principal(), "127.0.0.1") is None


def test_empty_conditions_match_nobody() -> None:
    assert choose_scheme([scheme("x", groups=())], principal(), "127.0.0.1") is None
    assert choose_scheme([scheme("x", networks=())], principal(), "127.0.0.1") is None
