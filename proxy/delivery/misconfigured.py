"""What stops passcode delivery altogether. What a relay does is no error but a `Delivery`."""

from __future__ import annotations

from collections.abc import Iterable


class DeliveryError(Exception):
    """Never raised itself."""


class DeliveryMisconfigured(DeliveryError):
    """The settings can't work as they stand; `problems` holds a sentence for each, naming table and key."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class UnsafeNumber(DeliveryError):
    """A number that is not plain digits was about to become an address. Holds no evidence: it is personal."""

    def __init__(self) -> None:
        super().__init__("the number is not a plus sign and 7 to 15 digits")
