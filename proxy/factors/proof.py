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


def missing_choices(asked: Iterable[Choice], proven: frozenset[Factor]) -> tuple[Choice, ...]:
    """The entries of a scheme of which nothing is proven, in the scheme's order."""
    return tuple(choice for choice in asked if proven.isdisjoint(choice))
