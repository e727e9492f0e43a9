"""Sets of positions do what sets do, complements included."""

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
        assert members(~a) == set(UNIVERSE) - one
        assert (a == b) == (one == other)
        assert a.is_subset(b) == (one <= other)
        assert a.is_superset(b) == (one >= other)
        assert a.is_disjoint(b) == one.isdisjoint(other)
        relation = a.relation(b)
        assert (relation.is_subset, relation.is_disjoint) == (one <= other, one.isdisjoint(other))
        assert hash(a) != hash(b) or a == b


def test_nothing_everything_and_one() -> None:
    assert Positions.empty().is_empty
    assert ~Positions.empty() == Positions.full()
    assert 10_000 in Positions.full()
    assert members(Positions.singleton(5)) == {5}
    assert not (~Positions.full()).bits
    assert Positions.full() != 3
