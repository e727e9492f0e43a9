"""Sets of positions in a list of candidates: one integer, with a bit for each position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["Positions"]


class Positions:
    """An immutable set of positions."""

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
    def singleton(cls, position: int) -> Positions:
        """Return the set of one position."""
        return cls(1 << position)

    def __bool__(self) -> bool:
        return self.bits != 0

    def __contains__(self, position: object) -> bool:
        return isinstance(position, int) and bool(self.bits >> position & 1)

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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Positions) and self.bits == other.bits

    def __hash__(self) -> int:
        return hash(self.bits)

    def __repr__(self) -> str:
        return f"Positions({self.bits:#b})"
