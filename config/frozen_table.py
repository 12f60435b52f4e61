"""What every table of the configuration is: frozen, without unknown keys, and silent about values in its errors."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class FrozenTable(BaseModel):
    """A TOML table: frozen, and every key in it must be known."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
