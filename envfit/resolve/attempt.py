"""One try: what is asked as a world, the search in it, and the independent check of what it found."""

from __future__ import annotations

from collections.abc import Sequence

from envfit.errors import UndecidedError
from envfit.frozen import frozen
from envfit.knowledge.query import Query
from envfit.requirement import Requirement
from envfit.resolve.amendments import Amendments
from envfit.resolve.port import PackageSource
from envfit.resolve.provider import Demand, World
from envfit.resolve.resolution import Resolution, build_resolution
from envfit.resolve.solver import BUDGET, Impossible, Solved, solve
from envfit.resolve.verify import verify
from envfit.selection.preferences import Preferences

__all__ = ["Asked", "attempt", "is_all_there", "resolved", "world_of"]


@frozen
class Asked:
    """Everything that is asked besides the requirements themselves."""

    source: PackageSource
    query: Query
    preferences: Preferences
    constraints: tuple[Requirement, ...] = ()
    amendments: Amendments = Amendments()
    variant_indexes: frozenset[str] = frozenset()  # names of the indexes of variants in use
    budget: int = BUDGET  # of each search, in decisions
    explained: frozenset[str] = frozenset()  # names whose newer releases are accounted for, asked for or not


def world_of(asked: Asked, requirements: Sequence[Requirement]) -> World:
    """Return the world in which requirements are to be met."""
    return World(
        asked.source,
        asked.query,
        requirements,
        asked.preferences,
        asked.constraints,
        amendments=asked.amendments,
    )


def attempt(
    world: World, roots: Sequence[Demand], *, budget: int, explained: frozenset[str] = frozenset()
) -> Resolution | None:
    """Return a checked resolution; None where it is proved that there is none.

    Newer releases of names in ``explained`` are accounted for as of those that the user named.  Raises
    UndecidedError where neither was found within the budget, or where what was found does not hold.
    """
    outcome = solve(world, roots, budget=budget)
    if isinstance(outcome, Impossible):
        return None
    if not isinstance(outcome, Solved):
        raise UndecidedError(f"not decided: {outcome.reason}")
    resolution = build_resolution(world, roots, outcome.pins, explained)
    faults = verify(resolution, world.query, world.source.allowed)
    if faults:
        raise UndecidedError(
            "the solution that was found does not hold, so it is not used: " + "; ".join(faults)
        )
    return resolution


def resolved(asked: Asked, requirements: Sequence[Requirement]) -> Resolution | None:
    """Return what requirements resolve to, for whom a refusal needs no explanation; raises as ``attempt``."""
    while True:
        world = world_of(asked, requirements)
        resolution = attempt(world, world.root_demands(), budget=asked.budget)
        if resolution is None or is_all_there(resolution, asked.source):
            return resolution


def is_all_there(resolution: Resolution, source: PackageSource) -> bool:
    """Tell whether every file that was chosen is there; what is not is not chosen again."""
    chosen = (pin.candidate.distribution for pin in resolution.pins)
    return source.is_there(item for item in chosen if item is not None)
