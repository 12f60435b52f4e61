"""`[admin]`: who may open the admin pages. Without groups there are no such pages."""

from __future__ import annotations

from typing import Annotated

from config.addresses import Network
from config.frozen_table import FrozenTable
from config.values import NotEmpty, Text


class AdminSettings(FrozenTable):
    groups: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """Any one of these admits; None: nobody, and there are no pages."""
    networks: Annotated[tuple[Network, ...], NotEmpty] | None = None
    """From elsewhere nobody is admitted; None: from anywhere."""
    scheme: Text | None = None
    """A session must have proven every factor of this scheme; None: of what a sign-in from no app asks for."""

    @property
    def is_on(self) -> bool:
        return self.groups is not None
