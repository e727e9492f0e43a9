"""The engines, and nothing else: demands in, pins or a proof of failure out.

resolvelib runs first.  It can answer wrongly (a false "impossible", upstream
issue 206; a broken or endless result on dependency cycles), so its pins are
closed over and checked here, and whenever it fails, raises or returns pins that
do not hold, a complete search (nab-resolver, PubGrub) runs on the same world.
Only that search may say "impossible".  Budgets count decisions, never seconds.

Where something had to give, resolvelib pins a name again instead of going back
for it, and what gives depends on luck.  So its answer stands only where every
name that the user asked for has the best candidate that rules allow; else the
complete search, which decides names in the order asked, says what gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nab_resolver.errors import ResolutionError as ProvedImpossible
from nab_resolver.errors import ResolutionTerminatedError
from nab_resolver.ranges import Range
from nab_resolver.resolver import BaseProvider, Resolver
from nab_resolver.types import RootRequirement
from resolvelib import AbstractProvider, BaseReporter
from resolvelib.resolvers import Resolution, ResolutionImpossible, ResolutionTooDeep

from envfit.resolve.provider import Demand, World

if TYPE_CHECKING:
    from nab_resolver.types import RangeProtocol

__all__ = ["Impossible", "Outcome", "Solved", "Undecided", "solve"]

#: Rounds after which resolvelib's backtracking is left for the search that learns.
ENGINE_ROUNDS = 3_000
#: Decisions and conflicts after which the complete search gives up undecided.
SEARCH_BUDGET = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A set of pins that satisfies every demand that it reaches, by name."""

    pins: Mapping[str, int]
    engine: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Impossible:
    """Proved: no set of pins satisfies the demands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """Neither found nor excluded within the budget."""

    reason: str


Outcome = Solved | Impossible | Undecided


def solve(
    world: World,
    roots: Sequence[Demand],
    *,
    engine_rounds: int = ENGINE_ROUNDS,
    search_budget: int = SEARCH_BUDGET,
) -> Outcome:
    """Find pins for all demands, or prove that there are none, or say that neither was done."""
    quick: Solved | None = None
    pins = _quick(world, roots, engine_rounds)
    if pins is not None:
        closed = _closed(world, roots, pins)
        if closed is not None:
            quick = Solved(pins=closed, engine="resolvelib")
            if _nothing_gave(world, roots, closed):
                return quick
    found = _complete(world, roots, search_budget)
    # A checked answer that is not the best one is better than none.
    return quick if quick is not None and not isinstance(found, Solved) else found


def _nothing_gave(world: World, roots: Sequence[Demand], pins: Mapping[str, int]) -> bool:
    """Tell whether every root has the first candidate that no rule about the target refuses."""
    return all(
        all(
            any(not known.allowed for known in world.known_demands(demand.name, better) or ())
            for better in demand.allowed
            if better < pins[demand.name]
        )
        for demand in roots
    )


def _closed(world: World, roots: Sequence[Demand], pins: Mapping[str, int]) -> Mapping[str, int] | None:
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


# -- resolvelib ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pick:
    name: str
    position: int


class _QuickProvider(AbstractProvider[Demand, _Pick, str]):
    """resolvelib's questions, answered by the world."""

    def __init__(self, world: World, roots: Sequence[Demand]) -> None:
        self._world = world
        self._asked = {demand.name: order for order, demand in reversed(list(enumerate(roots)))}

    def identify(self, requirement_or_candidate: Demand | _Pick) -> str:
        return requirement_or_candidate.name

    def get_preference(
        self,
        identifier: str,
        resolutions: Mapping[str, _Pick],
        candidates: Mapping[str, Iterator[_Pick]],
        information: Mapping[str, Iterator[Any]],
        backtrack_causes: Sequence[Any],
    ) -> tuple[object, ...]:
        """Return a key; the name with the lowest is decided next.

        Facts first, for they cannot be chosen.  Then what the last conflict was
        about, what the user asked for in the order asked (before its own
        dependencies, or a conflict between two of them would be met late and jumped
        back over), what leaves one candidate, and the name, so that results are stable.
        """
        del resolutions, candidates
        # After backtracking the engine may ask about a name that nobody demands any more.
        fewest = min((len(item.requirement.allowed) for item in information[identifier]), default=0)
        return (
            not identifier.startswith("__"),
            not any(
                identifier in (cause.requirement.name, cause.parent.name if cause.parent else None)
                for cause in backtrack_causes
            ),
            self._asked.get(identifier, len(self._asked)),
            fewest > 1,
            identifier,
        )

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[Demand]],
        incompatibilities: Mapping[str, Iterator[_Pick]],
    ) -> Iterable[_Pick]:
        everything = frozenset(range(len(self._world.candidates(identifier))))
        allowed = everything.intersection(*(demand.allowed for demand in requirements[identifier]))
        excluded = {pick.position for pick in incompatibilities[identifier]}
        return [_Pick(identifier, position) for position in sorted(allowed - excluded)]

    def is_satisfied_by(self, requirement: Demand, candidate: _Pick) -> bool:
        return candidate.position in requirement.allowed

    def get_dependencies(self, candidate: _Pick) -> Iterable[Demand]:
        return self._world.demands(candidate.name, candidate.position)


def _quick(world: World, roots: Sequence[Demand], rounds: int) -> Mapping[str, int] | None:
    resolution: Resolution[Demand, _Pick, str] = Resolution(_QuickProvider(world, roots), BaseReporter())
    try:
        # Not Resolver.resolve: building its result recurses without end on some cycles.
        state = resolution.resolve(list(roots), max_rounds=rounds)
    except (ResolutionImpossible, ResolutionTooDeep, RecursionError):
        return None
    return {name: pick.position for name, pick in state.mapping.items()}


# -- the complete search ------------------------------------------------------


class _CompleteProvider(BaseProvider[str, int]):
    """nab-resolver's questions, answered by the world; versions are positions, best first."""

    def __init__(self, world: World, roots: Sequence[Demand]) -> None:
        self._world = world
        self._asked = {demand.name: order for order, demand in reversed(list(enumerate(roots)))}
        self._ranges: dict[frozenset[int], Range[int]] = {}

    def range_of(self, allowed: frozenset[int]) -> Range[int]:
        found = self._ranges.get(allowed)
        if found is None:
            found = self._ranges[allowed] = Range.from_versions(sorted(allowed))
        return found

    def choose_version(self, package: str, version_range: RangeProtocol[int]) -> int | None:
        for position in range(len(self._world.candidates(package))):
            if position in version_range:
                return position
        return None

    def has_satisfying_version(self, package: str, version_range: RangeProtocol[int]) -> bool:
        return self.choose_version(package, version_range) is not None

    def get_dependencies(self, package: str, version: int) -> Mapping[str, RangeProtocol[int]]:
        ranges: dict[str, Range[int]] = {}
        for demand in self._world.demands(package, version):
            wanted = self.range_of(demand.allowed)
            known = ranges.get(demand.name)
            ranges[demand.name] = wanted if known is None else known & wanted
        return ranges

    def prioritize(
        self,
        package: str,
        version_range: RangeProtocol[int],
        conflict_counts: Mapping[str, int],
        culprit_counts: Mapping[str, int] | None = None,
    ) -> tuple[object, ...]:
        """Return a key; the name with the lowest is decided next.

        What the user asked for in the order asked, so that a later name gives way to
        an earlier one; then what was most in conflict, and the name.
        """
        del version_range, culprit_counts
        return (
            not package.startswith("__"),
            self._asked.get(package, len(self._asked)),
            -conflict_counts.get(package, 0),
            package,
        )

    def widen_decision(self, package: str, version: int) -> RangeProtocol[int] | None:
        del package, version
        return None


def _complete(world: World, roots: Sequence[Demand], budget: int) -> Outcome:
    provider = _CompleteProvider(world, roots)
    resolver: Resolver[str, int] = Resolver(provider, max_iterations=budget)
    requirements = [RootRequirement(demand.name, provider.range_of(demand.allowed)) for demand in roots]
    try:
        pins = resolver.resolve(requirements)
    except ResolutionTerminatedError as error:
        return Undecided(reason=str(error))
    except ProvedImpossible as error:
        return Impossible() if error.incompatibility is not None else Undecided(reason=str(error))
    closed = _closed(world, roots, pins)
    if closed is None:
        return Undecided(reason="the complete search returned pins that do not hold")
    return Solved(pins=closed, engine="nab-resolver")
