"""A factor that was proven, and when. Instants are epoch seconds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from config.factors import Choice, Factor


@dataclass(frozen=True, slots=True)
class Proof:
    factor: Factor
    at: float


def with_proof(proven: tuple[Proof, ...], factor: Factor, now: float) -> tuple[Proof, ...]:
    """`proven` once `factor` was proven (again) at `now`; its place among the others stays."""
    if any(proof.factor is factor for proof in proven):
        return tuple(Proof(factor, now) if proof.factor is factor else proof for proof in proven)
    return (*proven, Proof(factor, now))


def missing_of_own(asked: tuple[Choice, ...], proven: frozenset[Factor]) -> tuple[Choice, ...]:
    """As `missing_choices`, of the scheme that somebody signed in by: a remembered browser stands for the second
    factors of that one, and never for the first."""
    return missing_choices(asked[:1] if Factor.REMEMBERED in proven else asked, proven)


def missing_choices(asked: Iterable[Choice], proven: frozenset[Factor]) -> tuple[Choice, ...]:
    """The entries of a scheme of which nothing is proven, in the scheme's order."""
    return tuple(choice for choice in asked if proven.isdisjoint(choice))
