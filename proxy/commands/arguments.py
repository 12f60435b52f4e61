"""Arguments that several commands take."""

from __future__ import annotations

import argparse
from ipaddress import ip_address

from config.values import parse_duration


def ip_address_text(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an IP address") from None


def duration(text: str) -> float:
    """Seconds."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
