"""`[password]`: what new passwords have to be, beside what the directory asks."""

from __future__ import annotations

from pathlib import Path

from config.frozen_table import FrozenTable
from config.password_lists import COMMONEST_PASSWORDS


class PasswordSettings(FrozenTable):
    refused_file: Path | None = None
    """A list (`config.password_lists`) of passwords that nobody may choose, beside the commonest ones."""

    @property
    def refused_lists(self) -> tuple[Path, ...]:
        return (COMMONEST_PASSWORDS, *filter(None, (self.refused_file,)))
