"""What an Access-Accept tells the client of a person, by their groups. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from config.settings import RADIUSAttributesSettings
from directory.principal import Principal

Attribute = tuple[int | tuple[int, int], bytes]
"""Its type, or a vendor and the vendor's own type; and its value as sent."""


@dataclass(frozen=True, slots=True)
class AttributesByGroup:
    entries: Sequence[RADIUSAttributesSettings]

    def of(self, principal: Principal) -> tuple[Attribute, ...]:
        """Of each attribute the values of the first entry that is for this person and names it."""
        found: dict[tuple[int, int], list[bytes]] = {}
        for entry in self.entries:
            if entry.groups is not None and principal.groups.isdisjoint(entry.groups):
                continue
            own: dict[tuple[int, int], list[bytes]] = {}
            for each in entry.send:
                own.setdefault(each.kind, []).append(each.value)
            found = own | found
        return tuple(
            (number if not vendor else (vendor, number), value)
            for (vendor, number), values in found.items()
            for value in values
        )


def digest_of(attributes: Sequence[Attribute]) -> str:
    """What tells two of those answers apart, whatever the order of their attributes."""
    return sha256(repr(sorted(map(repr, attributes))).encode()).hexdigest()
