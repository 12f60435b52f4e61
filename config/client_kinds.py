"""Who may come to an app: browsers, and clients without one."""

from __future__ import annotations

from enum import Enum


class ClientKind(Enum):
    """What a request says who it is by. The value is its name in the configuration."""

    BROWSER = "browser"
    """A session's cookie."""
    BEARER = "bearer"
    """``Authorization: Bearer`` (RFC 6750), a token of the JSON API or a service token."""
    APP_PASSWORD = "app_password"  # noqa: S105  # a kind's name
    """``Authorization: Basic`` (RFC 7617) with a password that the person made for this one app."""

    # Members are singletons: their identity is a hash that costs no call of Python.
    __hash__ = object.__hash__
