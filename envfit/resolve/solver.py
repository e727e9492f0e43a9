"""The engine, and nothing else: demands in, pins or a proof of failure out.

nab-resolver (PubGrub) searches: it learns from conflicts, so it is complete.
It is not trusted: its pins are closed over from the roots and checked here, and
"impossible" is said only where its proof was checked (``proof.py``).

Names that the user asked for are decided in the order asked, best candidate
first, before anything else that can be chosen.  So the first named keeps the
best candidate that any solution has, the second the best that any solution with
that one has, and so on.  The budget counts decisions and conflicts, never
seconds: an answer does not depend on how busy the machine is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from nab_resolver.errors import ResolutionError as ProvedImpossible
from nab_resolver.errors import ResolutionLimitError, ResolutionTerminatedError
from nab_resolver.resolver import BaseProvider, Resolver
from nab_resolver.types import RootRequirement

from envfit.frozen import frozen
from envfit.resolve.proof import proves_impossible
from envfit.resolve.provider import Demand, World, base_name
from envfit.selection.positions import Positions

if TYPE_CHECKING:
    from nab_resolver.types import RangeProtocol

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
    provider = _Provider(world, roots)
    resolver: Resolver[str, int] = Resolver(provider, max_iterations=budget, range_type=Positions)
    try:
        pins = resolver.resolve([RootRequirement(demand.name, demand.allowed) for demand in roots])
    except ResolutionLimitError:
        return Undecided(reason=f"{budget} decisions were not enough; --budget allows more")
    except ResolutionTerminatedError as error:
        return Undecided(reason=str(error))
    except ProvedImpossible as error:
        if error.incompatibility is None or not proves_impossible(world, roots, error.incompatibility):
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


class _Provider(BaseProvider[str, int]):
    """The engine's questions, answered by the world; versions are positions, best first."""

    def __init__(self, world: World, roots: Sequence[Demand]) -> None:
        self._world = world
        self._asked = {demand.name: order for order, demand in reversed(list(enumerate(roots)))}

    def choose_version(self, package: str, version_range: RangeProtocol[int]) -> int | None:
        return next(iter(self._left(package, version_range)), None)

    def has_satisfying_version(self, package: str, version_range: RangeProtocol[int]) -> bool:
        return self.choose_version(package, version_range) is not None

    def get_dependencies(self, package: str, version: int) -> Mapping[str, Positions]:
        ranges: dict[str, Positions] = {}
        for demand in self._world.demands(package, version):
            ranges[demand.name] = ranges.get(demand.name, demand.allowed) & demand.allowed
        return ranges

    def prioritize(
        self,
        package: str,
        version_range: RangeProtocol[int],
        conflict_counts: Mapping[str, int],
        culprit_counts: Mapping[str, int] | None = None,
    ) -> tuple[object, ...]:
        """Return a key; the name with the lowest is decided next.

        What the user asked for in the order asked, so that a later name gives way to an
        earlier one.  Then, so that little is fetched in vain: facts and choices, what
        was most in conflict, what has the fewest candidates left; last the name, so
        that results are stable.  A name with an extra comes before the name without: it
        leaves one candidate of that, while the other way round all of its own would be
        fetched to find that only the same one will do.
        """
        del culprit_counts
        left = len(self._left(package, version_range))
        plain = base_name(package)
        return (
            self._asked.get(plain, len(self._asked)),
            plain in self._asked and package == plain,
            not package.startswith("__"),
            -conflict_counts.get(package, 0),
            left,
            plain,
            package == plain,
            package,
        )

    def widen_decision(self, package: str, version: int) -> RangeProtocol[int] | None:
        del package, version
        return None

    def _left(self, package: str, version_range: RangeProtocol[int]) -> Positions:
        """Return the candidates that a range of the engine leaves."""
        return self._world.candidates(package).all & cast("Positions", version_range)
