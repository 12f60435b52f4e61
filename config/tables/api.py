"""`[api]`: the sign-in as JSON, for native clients and scripts."""

from __future__ import annotations

from config.frozen_table import FrozenTable
from config.values import Flag


class APISettings(FrozenTable):
    """The sign-in as JSON, for native clients and scripts."""

    enabled: Flag = False
    """Whether there is one, below `/.gatepost/api/v1/` on the sign-in host."""
