"""The solver: demands in, pins or a proof of failure out.

The search (``search.py``) is complete, and not trusted: its pins are closed over from
the roots and checked here, and "impossible" is said only where its proof was checked (``proof.py``).

Names that the user asked for are decided in the order asked, best candidate
first, before anything else that can be chosen.  So the first named keeps the
best candidate that any solution has, the second the best that any solution with
that one has, and so on.  The budget counts decisions and conflicts, never
seconds: an answer does not depend on how busy the machine is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envfit.frozen import frozen
from envfit.resolve.proof import proves_impossible
from envfit.resolve.provider import Demand, World
from envfit.resolve.search import BudgetSpentError, Contradiction, Search

__all__ = ["BUDGET", "Impossible", "Outcome", "Solved", "Undecided", "solve"]

#: Decisions and conflicts after which the search gives up undecided.
BUDGET = 1_000_000


@frozen
class Solved:
    """A set of pins that satisfies every demand that it reaches, by name."""

    pins: Mapping[str, int]


@frozen
class Impossible:
    """Proved: no set of pins satisfies the demands."""


@frozen
class Undecided:
    """Neither found nor excluded."""

    reason: str


Outcome = Solved | Impossible | Undecided


def solve(world: World, roots: Sequence[Demand], *, budget: int = BUDGET) -> Outcome:
    """Find the best pins for all demands, or prove that there are none, or say that neither was done."""
    search = Search(world, roots, budget=budget)
    try:
        pins = search.run()
    except BudgetSpentError:
        return Undecided(reason=f"{budget} decisions were not enough; --budget allows more")
    except Contradiction as found:
        if not proves_impossible(world, roots, found.proof):
            return Undecided(
                reason="the search found nothing, and its proof that there is nothing does not hold"
            )
        return Impossible()
    closed = closure(world, roots, pins)
    if closed is None:
        return Undecided(reason="the search returned pins that do not hold")
    return Solved(pins=closed)


def closure(world: World, roots: Sequence[Demand], pins: Mapping[str, int]) -> Mapping[str, int] | None:
    """Return the pins that the roots reach, or None where one of their demands does not hold."""
    reached: dict[str, int] = {}
    pending = list(roots)
    while pending:
        demand = pending.pop()
        position = pins.get(demand.name)
        if position is None or position not in demand.allowed:
            return None
        if demand.name not in reached:
            reached[demand.name] = position
            pending.extend(world.demands(demand.name, position))
    return reached
