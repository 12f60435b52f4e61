"""The values that the rules of an app choose requests by: paths, patterns, methods."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator

from config.values import matching


def _check_rule_path(value: str) -> str:
    """Written as rules are matched: decoded, in the one form that a request may have (`proxy.access.paths`)."""
    segments = value.split("/")[1:]
    if not value.startswith("/") or not value.isprintable():
        raise ValueError('not a path: write "/admin/" for all below it, or "/admin/users" for exactly that')
    if any(sign in value for sign in "\\%;?#") or unicodedata.normalize("NFC", value) != value:
        raise ValueError("must be written decoded, without query, parameters, backslashes and percent signs")
    if "" in segments[:-1] or any(segment.endswith((".", " ")) for segment in segments):
        raise ValueError("has an empty segment, or one that ends in a dot or a blank: no request gets so far")
    return value


def _check_rule_pattern(value: str) -> str:
    segments = _check_rule_path(value).split("/")
    if "*" not in value:
        raise ValueError('has no "*": write it as path')
    if segments.count("**") > 1 or any(segment.count("*") > 1 for segment in segments if segment != "**"):
        raise ValueError('may hold one "*" in each segment, and one "**" that is a segment of its own')
    return value


def _check_plain_rule_path(value: str) -> str:
    if "*" in value:
        raise ValueError('holds a "*": write it as pattern')
    return _check_rule_path(value)


def has_one_folding(text: str) -> bool:
    """Whether everybody who ignores case reads this text alike: a dotless i or a sharp s, for two, has several."""
    return text.isascii() or all(sign.isascii() or _is_folded_alike(sign) for sign in text)


def _is_folded_alike(sign: str) -> bool:
    folded = sign.casefold()
    return len(folded) == 1 and not folded.isascii() and folded == sign.lower() == sign.upper().lower()


Method = Annotated[str, matching(r"[A-Z][A-Z-]{0,31}", 'not a method: write it in capitals, such as "GET"')]
RulePath = Annotated[str, AfterValidator(_check_plain_rule_path)]
RulePattern = Annotated[str, AfterValidator(_check_rule_pattern)]
