"""The kinds of proof there are, and the ways to deliver one."""

from __future__ import annotations

from enum import Enum


class ChannelKind(Enum):
    """What a message proves when it is answered: the phone in somebody's hand, or access to their mail."""

    SMS = "sms"
    EMAIL = "email"
