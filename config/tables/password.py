"""`[password]`: what new passwords have to be, beside what the directory asks."""

from __future__ import annotations

from pathlib import Path

from config.frozen_table import FrozenTable
from config.password_lists import COMMONEST_PASSWORDS


class PasswordSettings(FrozenTable):
    """What new passwords have to be, beside what the directory asks."""

    refused_file: Path | None = None
    """A list of passwords that nobody may choose, beside the 6,000 commonest: one SHA-1 on each line, sorted. The lists
    of Have I Been Pwned "ordered by hash" have this form."""

    @property
    def refused_lists(self) -> tuple[Path, ...]:
        return (COMMONEST_PASSWORDS, *filter(None, (self.refused_file,)))
