"""A check of the search's proof that nothing fits, step by step, against the world.

The proof is made of statements (``statement.py``).  Those at its ends must be facts:
what the user asks for, what candidates demand.  Every other one must follow, by
resolution, from those that it names; and the last one must exclude everything.
The search is not trusted for any of this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from envfit.resolve.provider import Demand, World
from envfit.resolve.statement import ABSENT, Statement, states_of

__all__ = ["proves_impossible"]

_ANY = -1  # what is not said of a name


def proves_impossible(world: World, roots: Sequence[Demand], proof: Statement) -> bool:
    """Tell whether a proof holds: every end a fact, every step sound, and all excluded by the last."""
    check = _Check(world, roots)
    return not proof.states and all(map(check.holds, _walk(proof)))


def _walk(proof: Statement) -> Iterator[Statement]:
    """Yield every statement that a proof rests on, once."""
    pending, seen = [proof], {id(proof)}
    while pending:
        statement = pending.pop()
        yield statement
        for _, below in statement.steps:
            if id(below) not in seen:
                seen.add(id(below))
                pending.append(below)


class _Check:
    def __init__(self, world: World, roots: Sequence[Demand]) -> None:
        self._world = world
        self._roots = roots

    def holds(self, statement: Statement) -> bool:
        """Tell whether a statement is a fact, or follows from those that it names."""
        if statement.steps:
            return self._follows(statement)
        if statement.demander is None:
            return self._is_demanded(statement.states, self._roots)
        demander = statement.demander
        own = statement.states.get(demander, 0)
        if not own or own & ABSENT:
            return False
        return all(
            self._is_demanded(
                {name: states for name, states in statement.states.items() if name != demander},
                self._world.demands(demander, position),
                (demander, position),
            )
            for position in range(own.bit_length() - 1)
            if own & states_of(1 << position)
        )

    def _is_demanded(
        self, states: Mapping[str, int], demands: Sequence[Demand], by: tuple[str, int] | None = None
    ) -> bool:
        """Tell whether demands leave a name none of its excluded states; of a name not given, none at all."""
        if len(states) > 1:
            return False
        allowed: dict[str, int] = {}
        for demand in demands:
            allowed[demand.name] = allowed.get(demand.name, _ANY) & states_of(demand.allowed.bits)
        if states:
            ((name, excluded),) = states.items()
            return name in allowed and not allowed[name] & excluded
        return any(
            not left & (states_of(1 << by[1]) if by is not None and by[0] == name else self._everything(name))
            for name, left in allowed.items()
        )

    def _follows(self, statement: Statement) -> bool:
        """Tell whether all that a statement excludes is excluded by what its steps come to."""
        (_, first), *further = statement.steps
        excluded: dict[str, int] = dict(first.states)
        for name, other in further:
            both = excluded.get(name, _ANY) | other.states.get(name, _ANY)
            excluded = {
                each: excluded.get(each, _ANY) & other.states.get(each, _ANY)
                for each in excluded.keys() | other.states.keys()
            }
            excluded[name] = both
        return all(
            not statement.states.get(name, _ANY) & self._everything(name) & ~states
            for name, states in excluded.items()
        )

    def _everything(self, name: str) -> int:
        """Return all states of a name."""
        return states_of(self._world.candidates(name).all.bits) | ABSENT
