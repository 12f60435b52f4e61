"""How far a mail got with a relay when an answer came."""

from __future__ import annotations

from enum import Enum


class Stage(Enum):
    """What was under way. The value completes "while ..."."""

    CONNECTING = "connecting"
    LOGIN = "logging in"
    SENDER = "naming the sender"
    RECIPIENT = "naming the recipient"
    DATA = "announcing the message"
    END_SENT = "waiting for the answer to the whole message"
    """The final dot has been handed to the transport: from here on the relay may have the message."""


JUDGED_LATE = frozenset((Stage.RECIPIENT, Stage.DATA, Stage.END_SENT))
"""The stages at which a refusal may be about this recipient or message, or about us."""
