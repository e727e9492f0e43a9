"""Sets of positions in a list of candidates, for demands and for the engine.

The engine takes any type with these operations.  Its own is made of intervals,
and a set of a thousand separate positions makes it slow; here a set is one
integer, with a bit for each position, and a complement is a negative one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

__all__ = ["Positions", "Relation"]


class Relation(NamedTuple):
    """How the members of one set stand to another."""

    is_subset: bool
    is_disjoint: bool


class Positions:
    """An immutable set of positions, or the complement of one; only sets are iterated and counted."""

    __slots__ = ("bits",)

    def __init__(self, bits: int) -> None:
        self.bits = bits  # never changed

    @classmethod
    def of(cls, positions: Iterable[int]) -> Positions:
        """Return the set of these positions."""
        return cls(sum(1 << position for position in set(positions)))

    @classmethod
    def empty(cls) -> Positions:
        """Return the set of none."""
        return cls(0)

    @classmethod
    def full(cls) -> Positions:
        """Return the set of all."""
        return cls(-1)

    @classmethod
    def singleton(cls, version: int) -> Positions:
        """Return the set of one position."""
        return cls(1 << version)

    @property
    def is_empty(self) -> bool:
        """Whether there is no position in the set."""
        return not self.bits

    def __bool__(self) -> bool:
        return self.bits != 0

    def __contains__(self, version: object) -> bool:
        return isinstance(version, int) and bool(self.bits >> version & 1)

    def __iter__(self) -> Iterator[int]:
        """Yield the positions, lowest first."""
        bits = self.bits
        while bits:
            lowest = bits & -bits
            yield lowest.bit_length() - 1
            bits ^= lowest

    def __len__(self) -> int:
        return self.bits.bit_count()

    def __and__(self, other: object) -> Positions:
        return Positions(self.bits & other.bits) if isinstance(other, Positions) else NotImplemented

    def __or__(self, other: object) -> Positions:
        return Positions(self.bits | other.bits) if isinstance(other, Positions) else NotImplemented

    def __sub__(self, other: object) -> Positions:
        return Positions(self.bits & ~other.bits) if isinstance(other, Positions) else NotImplemented

    def __invert__(self) -> Positions:
        return Positions(~self.bits)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Positions) and self.bits == other.bits

    def __hash__(self) -> int:
        return hash(self.bits)

    def __repr__(self) -> str:
        return f"Positions({self.bits:#b})"

    def is_subset(self, other: Positions) -> bool:
        """Tell whether every position here is there."""
        return not self.bits & ~other.bits

    def is_superset(self, other: Positions) -> bool:
        """Tell whether every position there is here."""
        return other.is_subset(self)

    def is_disjoint(self, other: Positions) -> bool:
        """Tell whether no position here is there."""
        return not self.bits & other.bits

    def relation(self, other: Positions) -> Relation:
        """Say both at once; both hold only of the empty set."""
        return Relation(not self.bits & ~other.bits, not self.bits & other.bits)
