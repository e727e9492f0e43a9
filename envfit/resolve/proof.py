"""A check of the engine's proof that nothing fits, step by step, against the world.

The proof is a tree of statements "these cannot all be".  Its leaves must be
facts: what a root asks for, what candidates demand, that no candidate is left.
Every other statement must follow from the two below it, and the last one must
exclude the roots themselves.  The search is not trusted for any of this.

A statement excludes one state of each name that it speaks of.  The states of a
name are its absence and its positions, one bit each, absence lowest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_
from typing import cast

from nab_resolver.root import ROOT
from nab_resolver.types import Incompatibility, IncompatibilityCause, Term

from envfit.resolve.provider import Demand, World
from envfit.selection.positions import Positions

__all__ = ["proves_impossible"]

_ABSENT = 1
_ROOT_STATES = 0b111  # the root is at position 1
_ANY = -1

#: For each name the states that the statement is about; together they cannot be.
_Statement = Mapping[object, int]


def proves_impossible(world: World, roots: Sequence[Demand], proof: Incompatibility[object, int]) -> bool:
    """Tell whether a proof holds: every leaf a fact, every step sound, and the end excludes the roots."""
    check = _Check(world, roots)
    end = check.statement(proof)
    return end.keys() <= {ROOT} and bool(end.get(ROOT, _ANY) & 1 << 2) and all(map(check.holds, proof.walk()))


class _Check:
    def __init__(self, world: World, roots: Sequence[Demand]) -> None:
        self._world = world
        self._roots = roots

    def holds(self, node: Incompatibility[object, int]) -> bool:
        """Tell whether a statement is a fact, or follows from those below it."""
        if node.cause is IncompatibilityCause.DERIVED:
            below = [self.statement(item) for item in (node.cause_left, node.cause_right) if item is not None]
            return self._follows(self.statement(node), below)
        if node.cause is IncompatibilityCause.ROOT:
            return self._is_demanded(node.terms, {1: self._roots}, ROOT)
        if node.cause is IncompatibilityCause.DEPENDENCY:
            name = cast("str", node.terms[0].package)
            states = self.states(node.terms[0]) >> 1
            demands = {
                position: self._world.demands(name, position)
                for position in range(states.bit_length())
                if states >> position & 1
            }
            return self._is_demanded(node.terms, demands, name)
        if node.cause is IncompatibilityCause.NO_VERSIONS:
            return any(not self.states(term) for term in node.terms)
        return False

    def statement(self, node: Incompatibility[object, int]) -> _Statement:
        """Return the states that a node of the proof excludes together."""
        found: dict[object, int] = {}
        for term in node.terms:
            found[term.package] = found.get(term.package, _ANY) & self.states(term)
        return found

    def states(self, term: Term[object, int]) -> int:
        """Return the states of a name in which a term holds."""
        everything = self._everything(term.package)
        inside = cast("Positions", term.constraint).bits << 1 & everything & ~_ABSENT
        return inside if term.is_positive() else everything & ~inside

    def _everything(self, name: object) -> int:
        if name is ROOT:
            return _ROOT_STATES
        return (2 << len(self._world.candidates(cast("str", name)))) - 1

    def _follows(self, statement: _Statement, below: Sequence[_Statement]) -> bool:
        """Tell whether all that a statement excludes is excluded by one or the other of those below."""
        outside = [
            {name for name in {*statement, *other} if self._of(statement, name) & ~other.get(name, _ANY)}
            for other in below
        ]
        if not all(outside):
            return True
        # A state outside of one by one name and of the other by another name is outside of both.
        names = set().union(*outside)
        if len(names) > 1 or not names:
            return False
        (name,) = names
        return not self._of(statement, name) & ~(below[0].get(name, _ANY) | below[-1].get(name, _ANY))

    def _of(self, statement: _Statement, name: object) -> int:
        return statement.get(name, self._everything(name))

    def _is_demanded(
        self, terms: Sequence[Term[object, int]], demands: Mapping[int, Sequence[Demand]], name: object
    ) -> bool:
        """Tell whether every position demands something that none of the states of the second term is.

        With one term, a position demands of its own name something that it is not.
        """
        for position, made in demands.items():
            wanted = name if len(terms) == 1 else terms[1].package
            excluded = 2 << position if len(terms) == 1 else self.states(terms[1])
            allowed = [demand.allowed.bits << 1 for demand in made if demand.name == wanted]
            if not allowed or reduce(and_, allowed) & excluded:
                return False
        return True
