"""A pending second factor: what is known about a passcode that was sent, without the passcode itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from config.factors import ChannelKind, Factor


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """Used up atomically in the store: accepted once, dead after its attempts or its expiry."""

    challenge_id: str = field(repr=False)
    """At least 128 random bits, URL-safe; also what the passcode is derived from, together with the master key."""
    session_id: str = field(repr=False)
    """The first-factor session it belongs to: no other session can answer it."""
    guid: str
    digest: bytes = field(repr=False)
    """HMAC-SHA256 of challenge id, guid and passcode under the server's key."""
    masked_destination: str
    created_at: float
    expires_at: float
    attempts_left: int
    last_sent_at: float
    return_to: str = field(default="", repr=False)
    """Where the person wanted to go: an absolute URL that was already judged, or empty for the start page."""
    start_digest: str = field(default="", repr=False)
    """Binds the ticket to the browser on the app's host that started; empty if the sign-in page was opened by hand."""
    factor: Factor
    """What a right answer proves, even if the session asks for something else by then."""
    kind: ChannelKind | None
    """What its passcode may go by. A mail can prove "sms", where it stands in for a number; None: nothing is sent."""
    number_digest: bytes = field(default=b"", repr=False)
    """Which number (`proxy.factors.passcode.known_numbers`) or mail address it goes to: never to a second one."""
