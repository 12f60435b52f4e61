"""Who asks for a step of a sign-in, and what for: plain values, independent of the protocol."""

from __future__ import annotations

from dataclasses import dataclass, field

from config.factors import Factor
from proxy.factors.confinement import Confinement
from proxy.sessions.way import Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The client side of one step."""

    address: str
    """As limits count it, and as schemes ask where somebody is; a text that is no IP address is in no network."""
    host: str
    """The host on which a credential of the session is valid: a browser's cookie, or what stands for one."""
    browser: str = field(repr=False)
    """Recognises one browser, or one installed program; says nothing about who uses it. Empty: what it sends could be
    sent by anybody."""
    incident: str
    """What this step is called in the log, and on the page that tells of a refusal."""
    languages: str = ""
    """What is asked for, as in ``Accept-Language`` (RFC 9110 section 12.5.4), unread."""
    user_agent: str = field(default="", repr=False)
    remembered: str = field(default="", repr=False)
    """What stands for second factors that were proven in this browser before, in the form of a token; or empty."""
    can_prove: frozenset[Factor] = frozenset(Factor)
    """The factors that this way in can ask for (`sessions.way.provable_by`)."""
    way: Way = Way.BROWSER
    """What a session that begins here is called, and `confined` what it is limited to from the beginning."""
    confined: Confinement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What somebody signs in for."""

    app: str = ""
    """The name of the app that they come from; empty: from none."""
    host: str
    """The app's, or the sign-in's own: what a message says its passcode is for."""
    scheme: str = ""
    """The only scheme that lets anybody in by this way; empty: any that fits."""
    return_to: str = field(default="", repr=False)
    """Opaque: kept with the challenge for the adapter, which alone knows what it means."""
    start: str = field(default="", repr=False)
    """Opaque, too."""
