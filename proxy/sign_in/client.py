"""Who asks, as an adapter of the sign-in knows them: plain values, whatever protocol they came by."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The client side of one step."""

    address: str
    """As limits count it, and as schemes ask where somebody is; a text that is no IP address is in no network."""
    host: str
    """The host on which a credential of the session is valid: a browser's cookie, or what stands for one."""
    browser: str = field(repr=False)
    """What one browser, or one installed program, is known again by; says nothing of who uses it."""
    incident: str
    """What this step is called in the log, and on the page that tells of a refusal."""
