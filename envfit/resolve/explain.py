"""Why something cannot be: reasons as values, grouped by what they share.

The explanation of a failure walks from the user's requirements to candidates
that no choice can save, using only what the search has fetched: a candidate is
dead if one of its demands has no living candidate left.  Where the conflict lies
between living candidates, what they demand of the same name is told instead.
Either way it begins with a minimal set of requirements that the complete search
still proves impossible.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
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
    versions: tuple[Version, ...]  # newest first; empty where the reason is about the name as a whole
    reason: Reason

    def __str__(self) -> str:
        return f"{self.name} {span(self.versions)}: {self.reason}" if self.versions else str(self.reason)


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
    """Write versions as a range: ``2.11.0 to 2.15.0 (7 releases)``; several builds are one release."""
    if not versions:
        return ""
    releases = sorted({Version(version.public) for version in versions})
    if len(releases) == 1:
        return str(versions[0]) if len(versions) == 1 else str(releases[0])
    low, high = releases[0], releases[-1]
    return f"{low} to {high} ({len(releases)} releases)" if len(releases) > 2 else f"{low} and {high}"


def explain(world: World, roots: Sequence[Demand]) -> Explanation:
    """Explain why demands that were proved impossible are so."""
    core = _core(world, roots)
    dead = _find_dead(world, core)
    closed = [demand for demand in core if all((demand.name, at) in dead for at in demand.allowed)]
    found = _dead_ends(world, dead, closed) if closed else _clashes(world, dead, core)
    groups: dict[tuple[str, tuple[str, str]], tuple[Reason, list[Version]]] = {}
    for name, version, reason in found:
        _, versions = groups.setdefault((name, reason.group), (reason, []))
        if version is not None and version not in versions:
            versions.append(version)
    return Explanation(
        core=tuple(dict.fromkeys(demand.requirement for demand in core)),
        groups=tuple(
            Group(name=name, versions=tuple(versions), reason=reason)
            for (name, _), (reason, versions) in groups.items()
        ),
    )


def _core(world: World, roots: Sequence[Demand]) -> list[Demand]:
    """Return a minimal subset of the demands that is still proved impossible (deletion)."""
    core = list(roots)
    for demand in list(roots):
        fewer = [other for other in core if other.requirement is not demand.requirement]
        if fewer and isinstance(solve(world, fewer), Impossible):
            core = fewer
    return core


def _find_dead(world: World, core: Sequence[Demand]) -> set[tuple[str, int]]:
    """Return the candidates that no choice can save, by the demands that the search has seen.

    What was not fetched counts as living: that can hide a reason and never invents one.
    """
    reached = _reached(world, core)
    living = {name: set(range(len(world.candidates(name)))) for name in {name for name, _ in reached}}
    dependents: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for candidate in reached:
        for demand in world.known_demands(*candidate) or ():
            dependents[demand.name].add(candidate)
    dead: set[tuple[str, int]] = set()
    pending = list(reached)
    while pending:
        candidate = pending.pop()
        if candidate in dead:
            continue
        demands = world.known_demands(*candidate) or ()
        if all(not demand.allowed.isdisjoint(living.get(demand.name, demand.allowed)) for demand in demands):
            continue
        dead.add(candidate)
        living[candidate[0]].discard(candidate[1])
        pending.extend(dependents[candidate[0]])
    return dead


def _reached(world: World, core: Sequence[Demand]) -> list[tuple[str, int]]:
    """Return every candidate that the demands lead to, in the order in which a reader meets them."""
    reached: dict[tuple[str, int], None] = {}
    pending = deque(core)
    while pending:
        demand = pending.popleft()
        for position in sorted(demand.allowed):
            candidate = (demand.name, position)
            if candidate not in reached:
                reached[candidate] = None
                pending.extend(world.known_demands(*candidate) or ())
    return list(reached)


def _dead_ends(
    world: World, dead: set[tuple[str, int]], closed: Sequence[Demand]
) -> Iterator[tuple[str, Version | None, Reason]]:
    """Yield why each candidate is out that the demands could be met with, following what it requires."""
    pending = deque((demand.name, demand.requirement.specifier) for demand in closed)
    seen: set[str] = set()
    while pending:
        name, specifier = pending.popleft()
        if name in seen or name.startswith("__"):
            continue
        seen.add(name)
        package = base_name(name)
        none = _nothing_fits(world, package, specifier)
        if none is not None:
            yield package, None, none
            continue
        for version, demand in _out(world, dead, name, specifier):
            reason = Reason.of(demand.requirement)
            yield package, version, reason
            if reason.leads_to is not None:
                pending.append((demand.name, demand.requirement.specifier))
        for rejection in world.rejections(package):
            if specifier.contains(rejection.version, prereleases=True):
                yield package, rejection.version, Reason(sentence=f"it {rejection.reason}")


def _out(
    world: World, dead: set[tuple[str, int]], name: str, specifier: SpecifierSet
) -> Iterator[tuple[Version, Demand]]:
    """Yield each candidate in question with the first of its demands that nothing living satisfies."""
    for position, candidate in enumerate(world.candidates(name)):
        if specifier.contains(candidate.version, prereleases=True):
            for demand in world.known_demands(name, position) or ():
                if all((demand.name, at) in dead for at in demand.allowed):
                    yield candidate.version, demand
                    break


def _nothing_fits(world: World, name: str, specifier: SpecifierSet) -> Reason | None:
    """Return why no release of a name is even in question, or None where some are."""
    candidates = world.candidates(name)
    versions = [candidate.version for candidate in candidates]
    versions += [rejection.version for rejection in world.rejections(name)]
    if not versions:
        return Reason(sentence=f"no index in use has {name}")
    if any(specifier.contains(version, prereleases=True) for version in versions):
        return None
    if candidates and candidates[0].distribution is None:
        return Reason(sentence=f"{name} {versions[0]} is provided, which is not {specifier}")
    listed = f"only {versions[0]} is" if len(versions) == 1 else f"{min(versions)} to {max(versions)} are"
    return Reason(sentence=f"no release of {name} is {specifier}; {listed} listed")


def _clashes(
    world: World, dead: set[tuple[str, int]], core: Sequence[Demand]
) -> Iterator[tuple[str, Version | None, Reason]]:
    """Yield what living candidates demand of one name that no candidate of it satisfies at once."""
    demanded: dict[str, dict[str, list[tuple[int, Demand]]]] = defaultdict(lambda: defaultdict(list))
    for demand in core:
        demanded[demand.name][""].append((0, demand))
    for name, position in _reached(world, core):
        if (name, position) not in dead:
            for demand in world.known_demands(name, position) or ():
                if base_name(demand.name) != base_name(name):
                    demanded[demand.name][name].append((position, demand))
    for demanders in demanded.values():
        # What one demander can live with is what any of its candidates can.
        common = [frozenset.union(*(item.allowed for _, item in items)) for items in demanders.values()]
        if len(common) > 1 and not frozenset.intersection(*common):
            for name, items in demanders.items():
                for position, demand in items if name else ():
                    version = world.candidates(name)[position].version
                    yield base_name(name), version, Reason.of(demand.requirement)


def _fact_sentence(fact: Fact) -> str:
    source = f", from {fact.source}" if fact.source else ""
    return f"{fact}{source}"
