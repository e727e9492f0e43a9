"""Sets of positions do what sets do."""

from __future__ import annotations

from itertools import product

from envfit.selection.positions import Positions

UNIVERSE = range(70)  # wider than a machine word
SAMPLES = [set(), {0}, {3}, {0, 1, 2}, {2, 3, 69}, set(UNIVERSE)]


def members(positions: Positions) -> set[int]:
    return {position for position in UNIVERSE if position in positions}


def test_operations_are_those_of_sets() -> None:
    for one, other in product(SAMPLES, SAMPLES):
        a, b = Positions.of(one), Positions.of(other)
        assert members(a & b) == one & other
        assert members(a | b) == one | other
        assert members(a - b) == one - other
        assert list(a) == sorted(one)
        assert len(a) == len(one)
        assert bool(a) == bool(one)
        assert (a == b) == (one == other)
        assert hash(a) != hash(b) or a == b


def test_nothing_and_one() -> None:
    assert not Positions.empty()
    assert members(Positions.singleton(5)) == {5}
    assert Positions.singleton(5) != 5
