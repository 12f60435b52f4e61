"""What clients without a browser are told, in JSON, and who comes with a browser where only they may."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClientTexts:
    """``{name}`` marks what is filled in with `str.format`; nothing here is HTML."""

    other_app: str = "This password or token opens only {apps}."
    limited: str = "This password or token is not good for such requests, or not from this network."
    no_browsers: str = "It is open to programs with an app password or a token, not to browsers."


CLIENT_WORDS = ClientTexts()
