"""What was decided about somebody's access, as a rehearsal replays it: a value, and who is told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from config.factors import Factor
from directory.principal import Principal
from proxy.sessions.session import Session
from proxy.sessions.way import Way


@dataclass(slots=True, kw_only=True, unsafe_hash=True)
class DecidedAccess:
    """One person, one app, from one place. Nothing in it is as secret as a number, but all of it is personal.

    Its fields are final, and so it is frozen to the type checker alone: one is made for each session that a worker
    meets, and `frozen=True` takes as long as all else that is done for it.
    """

    realm: Final[str] = field(repr=False)
    guid: Final[str] = field(repr=False)
    username: Final[str] = field(repr=False)
    app: Final[str] = ""
    """By name; empty: a sign-in, whatever it was for."""
    rule: Final[str] = ""
    """The path or pattern of the app's rule that decided; empty: none did."""
    scheme: Final[str] = ""
    """By which they signed in; empty: by none."""
    factors: Final[tuple[Factor, ...]] = ()
    """What was proven, in its order."""
    way: Final[Way] = Way.BROWSER
    address: Final[str] = field(repr=False)
    """Where the session began."""
    reason: Final[str] = ""
    """Why they were not let in, in the log's words; empty: they were."""


NoteDecision = Callable[[Callable[[], DecidedAccess]], None]
"""Is handed what makes the value, so that none is made where none is kept. Returns at once, and never raises."""


def not_noted(made: Callable[[], DecidedAccess]) -> None:
    """Where no decisions are kept."""


def decided_on(session: Session, *, app: str = "", rule: str = "", reason: str = "") -> DecidedAccess:
    principal = session.principal
    return DecidedAccess(
        realm=principal.realm,
        guid=principal.guid,
        username=principal.username,
        app=app,
        rule=rule,
        scheme=session.scheme,
        factors=tuple([proof.factor for proof in session.proven]),
        way=session.way,
        address=session.client_address,
        reason=reason,
    )


def refused_after_first(principal: Principal, *, factor: Factor, way: Way, address: str, reason: str) -> DecidedAccess:
    """A sign-in that stopped once it was proven who it is."""
    return DecidedAccess(
        realm=principal.realm,
        guid=principal.guid,
        username=principal.username,
        factors=(factor,),
        way=way,
        address=address,
        reason=reason,
    )
