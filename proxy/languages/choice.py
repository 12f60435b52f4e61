"""Which language something is said in, among those that the configuration names: what a person chose before, else what
their browser asks for. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from proxy.languages.current import ENGLISH, Language

_LONGEST = 500
_MOST_RANGES = 20
_RANGE = re.compile(
    r"\s*(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*)?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Languages:
    """Those that the pages can be shown in, the default one first."""

    in_order: tuple[Language, ...] = (ENGLISH,)

    @property
    def default(self) -> Language:
        return self.in_order[0]

    def tagged(self, tag: str) -> Language | None:
        return next((each for each in self.in_order if each.tag == tag), None)

    def asked_for(self, accepted: str, chosen: str = "") -> Language:
        """`accepted`: an Accept-Language field. `chosen`: a tag from a person's browser, or anything else."""
        if len(self.in_order) == 1:
            return self.default
        return self.tagged(chosen) or self._of(choose_language(accepted, [each.tag for each in self.in_order]))

    def of_person(self, preferred: str) -> Language:
        """For a message to a person, by what the directory says of them: the default one where it says nothing."""
        return self.asked_for(preferred)

    def beside(self, current: Language) -> tuple[Language, ...]:
        """All but this one."""
        return tuple(each for each in self.in_order if each.tag != current.tag)

    def _of(self, tag: str) -> Language:
        return self.tagged(tag) or self.default


ENGLISH_ALONE = Languages()


def choose_language(accepted: str, available: Sequence[str]) -> str:
    """The best of `available`, lower-case tags, of which the first is the one for everybody else.

    `accepted` is an Accept-Language field (RFC 9110 section 12.5.4), or a `preferredLanguage` of a directory, which is
    written alike (RFC 2798 section 2.7). ``de-AT`` is served by "de" (RFC 4647 section 3.4), and ``*`` by the first one
    that is not ruled out. What cannot be read asks for nothing.
    """
    wanted, unwanted = [], set()
    for position, each in enumerate(accepted[:_LONGEST].split(",")[:_MOST_RANGES]):
        match = _RANGE.fullmatch(each)
        if match is None:
            continue
        tag, quality = match[1].lower(), float(match[2] or 1)
        if quality > 0:
            wanted.append((-quality, position, tag))
        else:
            unwanted.add(tag)
    for _, _, tag in sorted(wanted):
        while tag:
            if tag == "*":
                found = next((each for each in available if each not in unwanted), None)
            else:
                found = tag if tag in available else None
            if found is not None:
                return found
            tag = tag.rpartition("-")[0]
    return available[0]
