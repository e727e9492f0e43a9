"""A minimal set of what the user says and what the machine is that already excludes every solution.

Members are the user's requirements, the user's constraints and the facts that rules read.  A
requirement or a constraint is dropped by leaving it away, a fact by passing over every
rule that reads it.  Each test is a complete search, so that "impossible" is proved; a
test that ends undecided counts as possible, and its member stays.

The members are halved instead of tried one by one (QuickXplain: Junker, AAAI 2004): of 200
requirements two that conflict take some thirty searches.
"""

from __future__ import annotations

from collections.abc import Sequence

from envfit.frozen import frozen
from envfit.knowledge.facts import fact_of, fact_package
from envfit.knowledge.model import CAPABILITY
from envfit.requirement import Requirement
from envfit.resolve.provider import Demand, World
from envfit.resolve.solver import Impossible, solve
from envfit.target import Fact, FactState, Target

__all__ = ["Core", "minimal_core"]

#: Of each search; what takes more is left in.
_BUDGET = 200_000

_Member = Requirement | Fact


@frozen
class Core:
    """What conflicts, the world in which nothing else speaks, and the demands in it."""

    requirements: tuple[Requirement, ...]
    constraints: tuple[Requirement, ...]
    facts: tuple[Fact, ...]
    world: World
    demands: tuple[Demand, ...]


def minimal_core(world: World, roots: Sequence[Demand]) -> Core:
    """Return a minimal core of demands that were proved impossible in a world.

    Where requirements exclude each other on any machine, no fact is part of it, and where they do
    so without the user's constraints, none of those is.
    """
    tests = _Tests(world, roots)
    asked = dict.fromkeys(demand.requirement for demand in roots)
    members: list[_Member] = [*asked, *tests.constraints, *tests.facts]
    for without in ([*tests.facts, *tests.constraints], tests.facts, tests.constraints):
        fewer = [one for one in members if one not in without]
        if without and tests.are_impossible(fewer):
            members = fewer
            break
    core = _conflict(tests, [], members, grown=False)
    # A search that ended undecided may have misled the halving: then what is proved stands.
    if not tests.are_impossible(core):
        core = members
    return tests.core_of(core)


def _conflict(
    tests: _Tests, background: list[_Member], members: list[_Member], *, grown: bool
) -> list[_Member]:
    """Return a minimal part of the members that is impossible together with the background.

    ``grown`` says whether the background has members that were not tested with it yet.
    """
    if grown and tests.are_impossible(background):
        return []
    if len(members) == 1:
        return members
    half = len(members) // 2
    first, second = members[:half], members[half:]
    of_second = _conflict(tests, [*background, *first], second, grown=bool(first))
    of_first = _conflict(tests, [*background, *of_second], first, grown=bool(of_second))
    return [*of_first, *of_second]


class _Tests:
    """Searches with some of the members; each world is made once."""

    def __init__(self, world: World, roots: Sequence[Demand]) -> None:
        self.constraints = world.constraints
        self.facts = tuple(fact for fact in _facts_of(world.target) if fact.name not in world.passed_over)
        self._whole = world
        self._roots = roots
        self._worlds: dict[tuple[tuple[Requirement, ...], frozenset[str]], World] = {
            (world.constraints, world.passed_over): world
        }

    def are_impossible(self, members: Sequence[_Member]) -> bool:
        """Tell whether members are proved to exclude every solution."""
        world, demands = self._meant(members)
        return isinstance(solve(world, demands, budget=_BUDGET), Impossible)

    def core_of(self, members: Sequence[_Member]) -> Core:
        """Return the core that members are."""
        world, demands = self._meant(members)
        return Core(
            requirements=tuple(dict.fromkeys(demand.requirement for demand in demands)),
            constraints=world.constraints,
            facts=tuple(one for one in members if isinstance(one, Fact)),
            world=world,
            demands=demands,
        )

    def _meant(self, members: Sequence[_Member]) -> tuple[World, tuple[Demand, ...]]:
        chosen = frozenset(members)
        constraints = tuple(one for one in self.constraints if one in chosen)
        passed_over = self._whole.passed_over.union(one.name for one in self.facts if one not in chosen)
        world = self._worlds.get((constraints, passed_over))
        if world is None:
            world = self._worlds[constraints, passed_over] = self._whole.with_less(constraints, passed_over)
        demands = self._roots if world is self._whole else world.root_demands()
        wanted = {demand.requirement for demand in self._roots} & chosen
        return world, tuple(demand for demand in demands if demand.requirement in wanted)


def _facts_of(target: Target) -> tuple[Fact, ...]:
    """Return every fact of a target that a rule may read, by the names that reasons give them."""
    gpus = (fact_of(target, fact_package(CAPABILITY, gpu)) for gpu in target.gpus)
    capabilities = dict.fromkeys(fact for fact in gpus if fact is not None)
    no_gpu = (Fact(name="GPU", state=FactState.ABSENT, source="the target has none"),)
    return (*(capabilities or no_gpu), *target.facts)
