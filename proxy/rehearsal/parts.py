"""Parts of an app: requests that stand for all that fall under the same rules, before and after. Pure.

A rehearsal does not look at what no request here stands for. So the path of each rule is tried with every method that
some rule names and with one that none does, and with every word that another rule has in its path.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from proxy.access.rules import PathRule

_ANY_WORD = "any-other"
_ANY_METHOD = b"OTHER"
_MOST_WORDS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A request that stands for all that fall under the same rules: a path, decoded, and a method."""

    method: bytes
    path: str

    @property
    def target(self) -> bytes:
        return quote(self.path, safe="/~!$&'()*+,=:@").encode("ascii")


def parts_for(rules: Sequence[PathRule], among: Sequence[PathRule]) -> Iterator[tuple[PathRule, Part]]:
    """Requests that each rule was written for; another rule may come first. `among`: all rules that may."""
    named = {method for rule in among for method in rule.methods or ()}
    methods = sorted(named | {b"GET", _ANY_METHOD}, key=lambda each: (each != b"GET", each))
    words = sorted({word for rule in among for word in rule.written.split("/") if word and "*" not in word})
    for rule in rules:
        for path in _paths(rule.written, [_ANY_WORD, *words[:_MOST_WORDS]]):
            for method in methods:
                if rule.methods is None or method in rule.methods:
                    yield rule, Part(method=method, path=path)


def _paths(written: str, words: Sequence[str]) -> Iterator[str]:
    """Of a path, or of a pattern as `access.rules` reads it."""
    if "*" in written:
        if "**" in written:
            yield written.replace("/**", "").replace("*", _ANY_WORD) or "/"
            yield written.replace("**", f"{_ANY_WORD}/{_ANY_WORD}").replace("*", _ANY_WORD)
        for word in words:
            yield written.replace("**", word).replace("*", word)
        return
    yield written
    if written.endswith("/"):
        yield f"{written}{_ANY_WORD}/{_ANY_WORD}"
        for word in words:
            yield written + word
