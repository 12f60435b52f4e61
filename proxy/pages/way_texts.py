"""What ways in beside the browser are called where sessions are listed, by `Way.value`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "api": "Native client or script",
        "app_password": "App password",
        "service_token": "Service token",
        "ssh": "SSH",
        "radius": "VPN (RADIUS)",
    }
)


def way_in_words(way: str) -> str:
    """Empty for a browser, which is described by its own name."""
    return _NAMES.get(way, "")


def ways_in_words(ways: Iterable[str]) -> str:
    """What of several sessions is no browser's, such as ``SSH, App password``; empty if all are browsers'."""
    return ", ".join(dict.fromkeys(name for way in ways if (name := way_in_words(way))))
