"""By which way in a session began, and how a client that keeps no cookies names its session."""

from __future__ import annotations

from enum import Enum

from config.factors import TYPED, TYPED_BEYOND_APPS, Factor

TOKEN_HOST = "*"  # noqa: S105  # a host's name
"""The host that a token is stored under. No browser asks for it, so no cookie is ever taken for a token, nor the other
way round. A session whose client has no token has one there too, which nobody knows."""


class Way(Enum):
    """The value is what is stored, and the name in `gatepost sessions list --json`."""

    BROWSER = "browser"
    API = "api"
    """By the JSON API: a native client or a script."""
    APP_PASSWORD = "app_password"  # noqa: S105  # a way's name
    SERVICE_TOKEN = "service_token"  # noqa: S105  # a way's name
    SSH = "ssh"
    RADIUS = "radius"

    # Members are singletons: their identity is a hash that costs no call of Python.
    __hash__ = object.__hash__


OF_CREDENTIALS = frozenset({Way.APP_PASSWORD, Way.SERVICE_TOKEN})
"""Nobody signed in: they begin with the use of a credential, again and again, and do not count among a person's
sessions."""

_TYPED_BY = {Way.API: TYPED, Way.SSH: TYPED_BEYOND_APPS, Way.RADIUS: TYPED_BEYOND_APPS}


def provable_by(way: Way) -> frozenset[Factor]:
    """The factors that this way in can ask for: a terminal cannot use a passkey."""
    return _TYPED_BY.get(way, frozenset(Factor))
