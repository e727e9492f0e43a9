"""Why something cannot be: reasons as values, grouped by what they share.

The explanation of a failure walks from the user's requirements to candidates
that no choice can save, using only what the search has fetched: a candidate is
dead if one of its demands has no living candidate left.  Where that alone does
not show the conflict (two living branches that exclude each other), the minimal
set of requirements that the complete search still proves impossible is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.version import Version

from envfit.requirement import Requirement, RuleOrigin, UnusableOrigin
from envfit.resolve.provider import Demand, World, base_name
from envfit.resolve.solver import Impossible, solve
from envfit.target import Fact

__all__ = ["Explanation", "Group", "Reason", "explain", "span"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why one candidate cannot be: a sentence, the rule behind it, the facts it read, its evidence."""

    sentence: str
    rule: str | None = None
    facts: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    leads_to: str | None = None  # the name whose candidates are all out

    @property
    def group(self) -> tuple[str, str]:
        """What candidates with the same reason share."""
        return (self.rule or "", self.sentence)

    @classmethod
    def of(cls, requirement: Requirement) -> Reason:
        """Return the reason that an unsatisfied requirement is."""
        origin = requirement.origin
        if isinstance(origin, RuleOrigin):
            return cls(
                sentence=origin.why,
                rule=origin.rule,
                facts=tuple(_fact_sentence(fact) for fact in origin.facts),
                evidence=origin.evidence,
            )
        if isinstance(origin, UnusableOrigin):
            return cls(sentence=f"it {origin.why}")
        return cls(sentence=f"it requires {requirement}", leads_to=base_name(requirement.name))

    def __str__(self) -> str:
        return f"{self.sentence} [{self.rule}]" if self.rule else self.sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Versions of one name that are out for the same reason."""

    name: str
    versions: tuple[Version, ...]  # newest first
    reason: Reason

    def __str__(self) -> str:
        return f"{self.name} {span(self.versions)}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a set of requirements cannot be satisfied.

    ``core`` is a set of the user's requirements that already conflicts, and no
    smaller one of its subsets does; ``groups`` are the candidates that are out,
    in the order in which a reader meets them from there.
    """

    core: tuple[Requirement, ...]
    groups: tuple[Group, ...]

    @property
    def first(self) -> Reason | None:
        """The reason that a one-line account would give."""
        return next((group.reason for group in self.groups if group.reason.rule), None)


def span(versions: Sequence[Version]) -> str:
    """Write versions, newest first, as a range: ``2.11.0 to 2.15.0 (7 releases)``."""
    if len(versions) == 1:
        return str(versions[0])
    low, high = min(versions), max(versions)
    return f"{low} to {high} ({len(versions)} releases)" if len(versions) > 2 else f"{low} and {high}"


def explain(world: World, roots: Sequence[Demand]) -> Explanation:
    """Explain why demands that were proved impossible are so."""
    core = _core(world, roots)
    dead = _Dead(world)
    groups: dict[tuple[str, tuple[str, str]], tuple[Reason, list[Version]]] = {}
    pending = [demand.name for demand in core]
    seen: set[str] = set()
    allowed = {demand.name: demand.allowed for demand in core}
    while pending:
        name = pending.pop(0)
        if name in seen or name.startswith("__"):
            continue
        seen.add(name)
        for reason, version in _ways_out_closed(world, dead, name, allowed.get(name)):
            _, versions = groups.setdefault((base_name(name), reason.group), (reason, []))
            if version not in versions:
                versions.append(version)
            if reason.leads_to is not None:
                pending.append(reason.leads_to)
    return Explanation(
        core=tuple(dict.fromkeys(demand.requirement for demand in core)),
        groups=tuple(
            Group(name=name, versions=tuple(versions), reason=reason)
            for (name, _), (reason, versions) in groups.items()
        ),
    )


def _ways_out_closed(
    world: World, dead: _Dead, name: str, allowed: frozenset[int] | None
) -> Iterable[tuple[Reason, Version]]:
    """Yield why each candidate of a name is out, then the versions without a usable file."""
    candidates = world.candidates(name)
    for position in sorted(allowed) if allowed is not None else range(len(candidates)):
        for demand in dead.causes(name, position):
            yield Reason.of(demand.requirement), candidates[position].version
            break
    if allowed:
        return
    for rejection in world.rejections(base_name(name)):
        yield Reason(sentence=f"it {rejection.reason}"), rejection.version


def _core(world: World, roots: Sequence[Demand]) -> list[Demand]:
    """Return a minimal subset of the demands that is still proved impossible (deletion)."""
    core = list(roots)
    for demand in list(roots):
        fewer = [other for other in core if other.requirement is not demand.requirement]
        if fewer and isinstance(solve(world, fewer), Impossible):
            core = fewer
    return core


class _Dead:
    """Which candidates no choice can save, by the demands that the search has seen."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[tuple[str, int], bool] = {}

    def causes(self, name: str, position: int) -> list[Demand]:
        """Return the demands of a candidate that have no living candidate."""
        demands = self._world.known_demands(name, position)
        return [demand for demand in demands or () if not self._lives(demand)]

    def _lives(self, demand: Demand) -> bool:
        return any(not self._is_dead(demand.name, position) for position in demand.allowed)

    def _is_dead(self, name: str, position: int) -> bool:
        key = (name, position)
        known = self._known.get(key)
        if known is None:
            # A cycle is taken to live while it is looked at: that can only hide a reason, never invent one.
            self._known[key] = False
            known = self._known[key] = bool(self.causes(name, position))
        return known


def _fact_sentence(fact: Fact) -> str:
    source = f", from {fact.source}" if fact.source else ""
    return f"{fact}{source}"
