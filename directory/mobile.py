"""Free text as typed in AD's `mobile` field to an E.164 number: pure, and never guessing."""

from __future__ import annotations

from typing import NewType

E164 = NewType("E164", str)
"""``+`` and 7 to 15 digits (ITU-T E.164), known to be a usable mobile number."""
