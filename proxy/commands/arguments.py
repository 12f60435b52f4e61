"""Arguments that several commands take."""

from __future__ import annotations

import argparse
from ipaddress import ip_address


def ip_address_text(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an IP address") from None
