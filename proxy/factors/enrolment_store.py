"""What is kept of enrolments: until they are removed, durably. Methods raise `StoreUnavailable`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from config.factors import Factor
from proxy.factors.enrolment import Enrolment


class EnrolmentStore(Protocol):
    async def put_enrolments(
        self,
        enrolments: Sequence[Enrolment],
        *,
        in_place_of: Factor | None = None,
        seen: Collection[str] | None = None,
    ) -> bool:
        """Keep these of one person, at least one: all or none. False, and nothing written, if a `lookup` is taken.

        `in_place_of`: all that the person had of this factor, in this realm, go in the same step. `seen`: ids; False,
        too, and nothing written, if they are not all that the person has of the new ones' factor, in this realm. So
        of many who decide by what they have seen, one does.
        """
        ...

    async def enrolments(self, guid: str) -> tuple[Enrolment, ...]:
        """All of this GUID, the oldest first, in whatever realm (see `is_of`); without those that this version cannot
        read."""
        ...

    async def enrolment_by(self, lookup: bytes) -> Enrolment | None: ...

    async def use_enrolment(self, enrolment_id: str, *, counter: int, now: float) -> bool:
        """Note a use, atomically: True only if `counter` is greater than the one before, or both are 0.

        So of many who use the same counter at the same time, one does. False, too, if there is no such enrolment.
        """
        ...

    async def rename_enrolment(self, guid: str, enrolment_id: str, name: str) -> bool:
        """False if this person has no such enrolment."""
        ...

    async def remove_enrolments(self, guid: str, ids: Collection[str] | None = None) -> int:
        """Remove these of a person's, or all (None); how many there were."""
        ...

    async def reseal_enrolment(self, enrolment_id: str, *, was: bytes, sealed: bytes) -> bool:
        """Replace what is sealed. False, and nothing written, if it is not what it `was` any more."""
        ...

    async def guids_with_enrolments(self) -> Collection[str]:
        """Everybody who has any."""
        ...
