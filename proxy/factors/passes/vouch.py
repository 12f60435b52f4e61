"""A manager's vouch: what somebody asks their manager for, who that is, and what became of it. Pure.

Instants are epoch seconds. A yes makes a pass (`given_pass`) that only the sign-in goes on by that asked for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from directory.managers import ManagerLine
from directory.principal import Principal
from proxy.factors.passes.given_pass import Approver, GivenPass

ASKED_SECONDS = 600.0
"""How long the manager has to answer."""


class VouchAnswer(Enum):
    """What became of a request, once and for all. Values are stored, and the log's words."""

    YES = "yes"
    NO = "no"
    WRONG_WORDS = "wrong_words"


@dataclass(frozen=True, slots=True, kw_only=True)
class VouchRequest:
    """A person has one: the newest."""

    vouch_id: str
    """128 random bits, URL-safe. Names it in forms; knowing it opens nothing."""
    session_id: str = field(repr=False)
    """The sign-in that asks, with the password proven: no other one goes on by the answer."""
    guid: str
    realm: str
    username: str
    name: str
    """As the person is called."""
    asked_of: Approver
    """Whom the directory named as their manager when they asked."""
    apps: tuple[str, ...]
    reason: str
    hours: int
    words: str = field(repr=False)
    """Two, which the page of that sign-in shows."""
    offered: tuple[str, ...] = field(repr=False)
    """The pairs that the manager chooses from."""
    asked_at: float
    expires_at: float
    answer: VouchAnswer | None = None
    """None: it waits."""


class NoVouch(Enum):
    """Why nobody can vouch for a person. Values are the log's words."""

    NO_MANAGER = "no_manager"
    """The directory names none, or nobody whom it has as a person."""
    OWN_MANAGER = "own_manager"
    """It names the person themselves."""
    LOOP = "managers_in_a_loop"
    """Somebody in the line above them is their own manager in the end."""
    CANNOT_SIGN_IN = "manager_cannot_sign_in"
    """The manager's account is disabled, locked or expired."""
    HAS_PASS = "has_a_pass"  # noqa: S105  # a reason
    """The help desk gave the person one that lives: they type that."""


def new_vouch_id() -> str:
    return secrets.token_urlsafe(16)


def who_vouches(guid: str, line: ManagerLine | None, living: Iterable[GivenPass]) -> Principal | NoVouch:
    """Who may vouch for this person, or why nobody can. `line`: as the directory says it at this moment; None: it names
    no managers at all. `living`: the person's passes."""
    if line is None or not line.guids:
        return NoVouch.NO_MANAGER
    if line.guids[0] == guid:
        return NoVouch.OWN_MANAGER
    if line.has_loop(guid):
        return NoVouch.LOOP
    if line.manager is None:
        return NoVouch.CANNOT_SIGN_IN
    if any(not each.is_vouched for each in living):
        return NoVouch.HAS_PASS
    return line.manager
