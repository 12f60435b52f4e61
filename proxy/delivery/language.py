"""In which language a message is written: what the browser asks for (RFC 9110 section 12.5.4), among what there is."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LONGEST = 500
_MOST_RANGES = 20
_RANGE = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?)\s*)?", re.ASCII)


def choose_language(accepted: str, available: Sequence[str]) -> str:
    """The best of `available`, lower-case tags, of which the first is the one for everybody else.

    `accepted` is an Accept-Language field. ``de-AT`` is served by "de" (RFC 4647 section 3.4). What cannot be read
    asks for nothing.
    """
    wanted = []
    for position, each in enumerate(accepted[:_LONGEST].split(",")[:_MOST_RANGES]):
        match = _RANGE.fullmatch(each)
        quality = float(match[2] or 1) if match else 0.0
        if match and quality > 0:
            wanted.append((-quality, position, match[1].lower()))
    for _, _, tag in sorted(wanted):
        while tag:
            if tag in available:
                return tag
            tag = tag.rpartition("-")[0]
    return available[0]
