"""What ways in beside the browser are called where sessions are listed, by `Way.value`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from proxy.languages.current import N_
from proxy.languages.current import gettext as _

_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "api": N_("Native client or script"),
        "app_password": N_("App password"),
        "service_token": N_("Service token"),
        "ssh": "SSH",
        "radius": "VPN (RADIUS)",
    }
)


def way_in_words(way: str) -> str:
    """Empty for a browser, which is described by its own name."""
    return _(_NAMES.get(way, ""))


def ways_in_words(ways: Iterable[str]) -> str:
    """What of several sessions is no browser's, such as ``SSH, App password``; empty if all are browsers'."""
    return ", ".join(dict.fromkeys(name for way in ways if (name := way_in_words(way))))
