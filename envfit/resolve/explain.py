"""Why something cannot be: reasons as values, grouped by what they share.

The explanation of a failure walks from the user's requirements to candidates
that no choice can save, using only what the search has fetched: demands that
must hold narrow what they speak of, and a candidate is out if one of its demands
has nothing left.  Where nothing is left of no name, what living candidates
demand of the same one is told instead.
Either way it begins with a minimal set of requirements that the complete search
still proves impossible.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.frozen import frozen
from envfit.requirement import Requirement
from envfit.resolve.core import minimal_core
from envfit.resolve.names import base_name
from envfit.resolve.provider import Demand, World
from envfit.resolve.reason import Group, Reason, shared_reason
from envfit.target import Fact

__all__ = ["Branch", "Explanation", "explain"]


@frozen
class Explanation:
    """Why a set of requirements cannot be satisfied.

    ``core`` are those of the user's requirements, ``constraints`` those of the user's constraints and
    ``facts`` those of the target's facts that conflict already; without any one of all these the rest does
    not.  ``groups`` are the candidates that are out, in the order in which a reader meets
    them from there.
    """

    core: tuple[Requirement, ...]
    groups: tuple[Group, ...]
    constraints: tuple[Requirement, ...] = ()
    facts: tuple[Fact, ...] = ()

    def tree(self) -> tuple[Branch, ...]:
        """Return the groups, each below the first one that leads to its name."""
        others = list(self.groups)
        branches = []
        while others:
            branches.append(_branch(others.pop(0), others))
        return tuple(branches)


@frozen
class Branch:
    """A group, and what it leads to."""

    group: Group
    below: tuple[Branch, ...] = ()


def _branch(group: Group, others: list[Group]) -> Branch:
    """Take from other groups what a group leads to, and so on."""
    below = []
    while (name := group.reason.leads_to) is not None:
        following = next((other for other in others if other.name == name), None)
        if following is None:
            break
        others.remove(following)
        below.append(_branch(following, others))
    return Branch(group=group, below=tuple(below))


def explain(world: World, roots: Sequence[Demand]) -> Explanation:
    """Explain why demands that were proved impossible are so.

    Only what is in the core is told: the world of the explanation is the one without the rest.
    """
    core = minimal_core(world, roots)
    narrowed = _Narrowed(core.world, core.demands)
    return Explanation(
        core=core.requirements,
        groups=_grouped(_account(core.world, narrowed, core.demands)),
        constraints=core.constraints,
        facts=core.facts,
    )


def _account(
    world: World, narrowed: _Narrowed, core: Sequence[Demand]
) -> Iterator[tuple[str, Version | None, Reason]]:
    """Yield each version that is out with its reason, in the order in which a reader meets them."""
    if narrowed.empty is None:
        yield from _clashes(world, narrowed, core)
        return
    held = narrowed.holders[narrowed.empty]
    for name, position, demand in held:
        yield base_name(name), world.candidates(name)[position].version, Reason.of(demand.requirement)
    if narrowed.is_clash(narrowed.empty):
        return  # what they want of it excludes each other, whatever it is like
    closed = [demand for demand in core if not narrowed.living[demand.name]]
    yield from _dead_ends(world, narrowed, closed or core)


def _grouped(found: Iterable[tuple[str, Version | None, Reason]]) -> tuple[Group, ...]:
    """Put versions of one name together that are out for the same reason, or for the same other name."""
    groups: dict[tuple[str, str], list[tuple[Version | None, Reason]]] = defaultdict(list)
    for name, version, reason in found:
        # Of a rule, its releases are told apart; of metadata, what they lead to is what they share.
        key = "".join(reason.group)
        if reason.leads_to is not None:
            key = f"> {reason.leads_to} {reason.rule or ''}"
        if (version, reason) not in groups[name, key]:
            groups[name, key].append((version, reason))
    result = []
    for (name, _), items in groups.items():
        versions = tuple(dict.fromkeys(version for version, _ in items if version is not None))
        reasons = tuple(dict.fromkeys(reason for _, reason in items))
        result.append(Group(name=name, versions=versions, reason=shared_reason(reasons)))
    return tuple(result)


class _Narrowed:
    """What is left of each name once every demand that must hold has been followed.

    Only demands that the search has seen are followed, so what is left may be too
    much and is never too little.
    """

    def __init__(self, world: World, core: Sequence[Demand]) -> None:
        self._world = world
        self._core = core
        self.living: dict[str, set[int]] = {}
        #: Who left a name fewer candidates than it has: each with its demand, in the order of narrowing.
        self.holders: dict[str, list[tuple[str, int, Demand]]] = defaultdict(list)
        #: What each candidate died of; once it is dead, other demands of it may have nothing left, too.
        self._died_of: dict[tuple[str, int], Demand] = {}
        reached = _reached(world, core)
        for name, _ in reached:
            self.living.setdefault(name, set(range(len(world.candidates(name)))))
        for demand in core:
            self.living.setdefault(demand.name, set()).intersection_update(demand.allowed)
        #: The first name of which nothing is left, though it must be there.
        self.empty: str | None = None
        #: Who brought in each name that must be there and is not asked for, all of its living candidates.
        self.brought_by: dict[str, tuple[str, list[int], Demand]] = {}
        required = {demand.name: None for demand in core}
        while True:
            while self._drop_dead(reached):
                pass
            self.empty = next((name for name in required if not self.living[name]), None)
            followed = [self._follow(name, required) for name in list(required)]
            if self.empty is not None or not any(followed):
                break

    def is_out(self, demand: Demand) -> bool:
        """Tell whether nothing is left that a demand accepts."""
        living = self.living.get(demand.name)
        return not demand.allowed if living is None else living.isdisjoint(demand.allowed)

    def is_asked_otherwise(self, demand: Demand) -> bool:
        """Tell whether the user asks for versions of a name that a demand has nothing in common with."""
        package = base_name(demand.name)
        return any(
            other.name == demand.name
            and other.allowed
            and not other.allowed & demand.allowed
            # A release without a file for the target may be what both would take.
            and not any(
                (demand.requirement.specifier & other.requirement.specifier).contains(
                    rejection.version, prereleases=True
                )
                for rejection in self._world.rejections(package)
            )
            for other in self._core
        )

    def is_clash(self, name: str) -> bool:
        """Tell whether those who narrow a name leave nothing of it between them, each accepting something."""
        wanted: dict[str, frozenset[int]] = defaultdict(frozenset)
        for holder, _, demand in self.holders[name]:
            wanted[holder] |= frozenset(demand.allowed)
        accepted = [frozenset(demand.allowed) for demand in self._core if demand.name == name]
        accepted += wanted.values()
        package = base_name(name)
        return (
            len(accepted) > 1
            and all(accepted)
            and not frozenset.intersection(*accepted)
            and not any(
                self.is_in_question(package, item.version) for item in self._world.rejections(package)
            )
        )

    def is_in_question(self, package: str, version: Version) -> bool:
        """Tell whether a version would be accepted by everyone who narrows its name, had it a file.

        Of each who does, one candidate is enough.
        """
        asked = [[demand] for demand in self._core if base_name(demand.name) == package]
        holders: dict[str, list[Demand]] = defaultdict(list)
        for name, held in self.holders.items():
            for holder, _, demand in held if base_name(name) == package else ():
                holders[holder].append(demand)
        return all(
            any(demand.requirement.specifier.contains(version, prereleases=True) for demand in demands)
            for demands in (*asked, *holders.values())
        )

    def _drop_dead(self, reached: Sequence[tuple[str, int]]) -> bool:
        dropped = False
        # Backwards: what is met last is demanded by what is met before.
        for name, position in reversed(reached):
            if position not in self.living[name]:
                continue
            demands = self._world.known_demands(name, position) or ()
            fatal = next((demand for demand in demands if self.is_out(demand)), None)
            if fatal is not None:
                self._died_of[name, position] = fatal
                self.living[name].discard(position)
                dropped = True
        return dropped

    def fatal(self, name: str, position: int) -> Iterator[Demand]:
        """Yield the demands of a candidate that nothing satisfies, the one that it died of first."""
        died_of = self._died_of.get((name, position))
        if died_of is not None:
            yield died_of
        for demand in self._world.known_demands(name, position) or ():
            if demand is not died_of and self.is_out(demand):
                yield demand

    def _follow(self, name: str, required: dict[str, None]) -> bool:
        """Narrow the names that every living candidate of a required name demands."""
        demands: dict[str, list[tuple[int, Demand]]] = defaultdict(list)
        living = sorted(self.living[name])
        for position in living:
            for demand in self._world.known_demands(name, position) or ():
                demands[demand.name].append((position, demand))
        changed = False
        for wanted, items in demands.items():
            if {position for position, _ in items} != set(living):
                continue
            accepted = frozenset[int]().union(*(demand.allowed for _, demand in items))
            known = self.living.setdefault(wanted, set(range(len(self._world.candidates(wanted)))))
            if wanted not in required or not known <= accepted:
                changed = True
            # That a name with an extra wants its own package is no reason of anything.
            if not known <= accepted and base_name(name) != base_name(wanted):
                self.holders[wanted].extend((name, position, demand) for position, demand in items)
            if wanted not in required:
                self.brought_by[wanted] = (name, living, items[0][1])
            required[wanted] = None
            known &= accepted
        return changed


def _reached(world: World, core: Sequence[Demand]) -> list[tuple[str, int]]:
    """Return every candidate that the demands lead to, in the order in which a reader meets them."""
    reached: dict[tuple[str, int], None] = {}
    pending = deque(core)
    while pending:
        demand = pending.popleft()
        for position in demand.allowed:
            candidate = (demand.name, position)
            if candidate not in reached:
                reached[candidate] = None
                pending.extend(world.known_demands(*candidate) or ())
    return list(reached)


def _dead_ends(
    world: World, narrowed: _Narrowed, closed: Sequence[Demand]
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
        yield from _withheld(world, package, specifier)
        for version, demand in _out(world, narrowed, name, specifier):
            reason = _dead_end(demand)
            yield package, version, reason
            if reason.leads_to is not None and not narrowed.is_asked_otherwise(demand):
                pending.append((demand.name, demand.requirement.specifier))
            for holder, position, other in narrowed.holders.get(demand.name, ()):
                if base_name(holder) != package and not other.allowed & demand.allowed:
                    yield from _brought(world, narrowed, holder)
                    yield (
                        base_name(holder),
                        world.candidates(holder)[position].version,
                        Reason.of(other.requirement),
                    )
        for rejection in world.rejections(package):
            if specifier.contains(rejection.version, prereleases=True) and narrowed.is_in_question(
                package, rejection.version
            ):
                yield package, rejection.version, Reason(sentence=f"it {rejection.reason}")


def _brought(world: World, narrowed: _Narrowed, name: str) -> Iterator[tuple[str, Version | None, Reason]]:
    """Yield who brings a name in that nobody asks for, from what is asked for down to it."""
    chain: list[tuple[str, list[int], Demand]] = []
    while name in narrowed.brought_by and len(chain) <= len(narrowed.brought_by):
        chain.append(narrowed.brought_by[name])
        name = chain[-1][0]
    for holder, positions, demand in reversed(chain):
        if base_name(holder) != base_name(demand.name):
            for position in positions:
                yield (
                    base_name(holder),
                    world.candidates(holder)[position].version,
                    Reason.of(demand.requirement),
                )


def _withheld(
    world: World, package: str, specifier: SpecifierSet
) -> Iterator[tuple[str, Version | None, Reason]]:
    """Yield what a range contains and policy does not admit to it, where it contains nothing else."""
    inside = [
        item for item in world.candidates(package) if specifier.contains(item.version, prereleases=True)
    ]
    reasons = [(item.version, world.withheld(item, specifier)) for item in inside]
    if all(why is not None for _, why in reasons):
        for version, why in reasons:
            yield package, version, Reason(sentence=f"it {why}")


def _dead_end(demand: Demand) -> Reason:
    """Return why a demand leads nowhere.

    What a rule demands of a package is the whole reason only where no release is what
    it demands; else the releases that are have reasons of their own.
    """
    reason = Reason.of(demand.requirement)
    if reason.leads_to is not None or not demand.allowed or demand.name.startswith("__"):
        return reason
    return replace(
        reason,
        sentence=f"it requires {demand.requirement}: {reason.sentence}",
        leads_to=base_name(demand.name),
    )


def _out(
    world: World, narrowed: _Narrowed, name: str, specifier: SpecifierSet
) -> Iterator[tuple[Version, Demand]]:
    """Yield each candidate in question with the first of its demands that nothing living satisfies."""
    for position, candidate in enumerate(world.candidates(name)):
        if specifier.contains(candidate.version, prereleases=True):
            demand = _first_out(world, narrowed, name, position, frozenset())
            if demand is not None:
                yield candidate.version, demand


def _first_out(
    world: World, narrowed: _Narrowed, name: str, position: int, above: frozenset[str]
) -> Demand | None:
    """Return the first demand of a candidate that nothing living satisfies.

    A name with an extra demands the same candidate without it: its reason is the reason.
    ``above`` are the names that led here, since extras may demand each other.
    """
    for demand in narrowed.fatal(name, position):
        if base_name(demand.name) != base_name(name) or position not in demand.allowed:
            return demand
        if demand.name not in above:
            inner = _first_out(world, narrowed, demand.name, position, above | {name})
            if inner is not None:
                return inner
    return None


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
        return Reason(sentence=_not_provided(name, versions[0], specifier))
    if candidates and candidates[0].distribution is not None and candidates[0].distribution.reference:
        place = candidates[0].distribution.reference
        return Reason(sentence=f"{name} is to come from {place}, which is {versions[0]} and not {specifier}")
    listed = f"only {versions[0]} is" if len(versions) == 1 else f"{min(versions)} to {max(versions)} are"
    return Reason(sentence=f"no release of {name} is {specifier}; {listed} listed")


def _not_provided(name: str, version: Version, specifier: SpecifierSet) -> str:
    """Say that what is provided is not what is required, and why a pre-release is not."""
    sentence = f"{name} {version} is provided, which is not {specifier}"
    release = version.base_version
    if version.is_prerelease and specifier.contains(release):
        sentence += f": PEP 440 puts a pre-release such as {version.public} before {release}"
    return sentence


def _clashes(
    world: World, narrowed: _Narrowed, core: Sequence[Demand]
) -> Iterator[tuple[str, Version | None, Reason]]:
    """Yield what living candidates demand of one name that no candidate of it satisfies at once."""
    demanded: dict[str, dict[str, list[tuple[int, Demand]]]] = defaultdict(lambda: defaultdict(list))
    for demand in core:
        demanded[demand.name][""].append((0, demand))
    for name, position in _reached(world, core):
        if position in narrowed.living[name]:
            for demand in world.known_demands(name, position) or ():
                if base_name(demand.name) != base_name(name):
                    demanded[demand.name][name].append((position, demand))
    for demanders in demanded.values():
        # What one demander can live with is what any of its candidates can.
        common = [
            frozenset[int]().union(*(item.allowed for _, item in items)) for items in demanders.values()
        ]
        if len(common) > 1 and not frozenset.intersection(*common):
            for name, items in demanders.items():
                for position, demand in items if name else ():
                    version = world.candidates(name)[position].version
                    yield base_name(name), version, Reason.of(demand.requirement)
