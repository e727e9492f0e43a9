"""What resolution found: pins with their origins, and everything worth telling about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace

from packaging.version import Version

from envfit.distribution import Metadata, Wheel
from envfit.errors import SourceError
from envfit.frozen import frozen
from envfit.knowledge.model import Alternative
from envfit.knowledge.verdict import Caution
from envfit.requirement import MetadataOrigin, Requirement, RuleOrigin, UserOrigin
from envfit.resolve.amendments import Amendments
from envfit.resolve.names import base_name, split_name
from envfit.resolve.provider import Demand, World
from envfit.resolve.reason import Group, Reason, shared_reason
from envfit.selection.candidates import Candidate, is_yanked, yank_reason
from envfit.target import GLIBC, Target

__all__ = ["BetterBuild", "LeftOut", "Pin", "PythonNotTaken", "Resolution", "build_resolution", "held_by"]


_TO_BE_COMPILED = Reason(sentence="it would have to be compiled, and what is taken is a prebuilt wheel")


@frozen
class Pin:
    """One chosen candidate, and who asked for it."""

    candidate: Candidate
    metadata: Metadata | None  # None where a module provides the package
    extras: frozenset[str]
    requirements: tuple[Requirement, ...]  # every demand on it, with its origin
    dependencies: tuple[str, ...]  # names of the packages that it requires here
    build: bool  # compiled for a GPU on the machine that installs

    @property
    def name(self) -> str:
        """The normalized name."""
        return self.candidate.name

    @property
    def version(self) -> Version:
        """The version, local label included."""
        return self.candidate.version


@frozen
class LeftOut:
    """A package wanted where it is supported, and why it is not here."""

    name: str
    reasons: tuple[str, ...]
    alternatives: tuple[Alternative, ...]


@frozen
class BetterBuild:
    """A newer release that another index has for this target."""

    name: str
    version: str  # such as 2.14.1+cu126
    index: str  # its name
    option: str  # the option that adds it


@frozen
class PythonNotTaken:
    """A Python that was admitted, is newer than the one taken, and serves worse."""

    python: Version
    why: str  # a phrase that goes after "Python 3.13: "


@frozen
class Resolution:
    """A checked set of pins for one target."""

    target: Target
    requirements: tuple[Requirement, ...]  # what the user asked for
    constraints: tuple[Requirement, ...] = ()  # bounds that the user set on whatever comes in
    optional: tuple[Requirement, ...] = ()  # what the user wants where it is supported
    pins: tuple[Pin, ...]  # sorted by name
    excluded: tuple[Group, ...]  # releases newer than a pin, by the reason that keeps them out
    conditions: tuple[RuleOrigin, ...]  # still to be proved, where it is installed
    warnings: tuple[RuleOrigin, ...]
    left_out: tuple[LeftOut, ...] = ()
    better: tuple[BetterBuild, ...] = ()
    kept: tuple[str, ...] = ()  # named packages that the existing lock holds below the newest release
    ignored_rules: tuple[str, ...] = ()
    amendments: Amendments = field(default_factory=Amendments)  # what stands in the place of requirements
    pythons_not_taken: tuple[PythonNotTaken, ...] = ()  # newest first
    notes: tuple[str, ...] = ()  # sentences worth telling about single packages
    knowledge_version: str

    def pin(self, name: str) -> Pin | None:
        """Return the pin of a name, or None."""
        for pin in self.pins:
            if pin.name == name:
                return pin
        return None

    def versions_of(self, names: Iterable[str]) -> tuple[tuple[str, Version], ...]:
        """Return the versions of some names, each once and in their order, as far as they are pinned."""
        pins = map(self.pin, dict.fromkeys(names))
        return tuple((pin.name, pin.version) for pin in pins if pin is not None)


def build_resolution(
    world: World, roots: Sequence[Demand], pins: Mapping[str, int], also: Collection[str] = ()
) -> Resolution:
    """Describe pins that were found; it is the caller's to have them checked.

    Newer releases of a name in ``also`` are accounted for as of one that the user named.
    """
    asked: dict[str, list[Demand]] = defaultdict(list)
    extras: dict[str, set[str]] = defaultdict(set)
    dependencies: dict[str, set[str]] = defaultdict(set)
    for demand in roots:
        asked[base_name(demand.name)].append(demand)
    for name, position in pins.items():
        package, extra, _ = split_name(name)
        if extra:
            extras[package].add(extra)
        for demand in world.demands(name, position):
            wanted = base_name(demand.name)
            if wanted != package:
                asked[wanted].append(demand)
                if not wanted.startswith("__"):
                    dependencies[package].add(wanted)
    described = []
    conditions: dict[str, RuleOrigin] = {}
    warnings: dict[str, RuleOrigin] = {}
    excluded: list[Group] = []
    kept: list[str] = []
    notes: list[str] = []
    for name in sorted(pins):
        if name.startswith("__") or base_name(name) != name:
            continue
        candidate = world.candidates(name)[pins[name]]
        judgement = world.judgement(name, pins[name])
        conditions.update((f"{item.rule} {name}", item) for item in judgement.conditions)
        warnings.update((f"{item.rule} {name}", item) for item in judgement.warnings)
        warnings.update(
            (f"{item.origin.rule} {name}", item.origin)
            for item in judgement.cautions
            if _is_ignored_by(item, world, pins)
        )
        held = _excluded(world, name, pins, asked, named=name in also or _is_named(asked[name]))
        excluded.extend(held)
        explained = {version for item in held for version in item.versions}
        newer = world.newer(name, candidate.version)
        if (
            world.preferences.pinned.get(name) == candidate.version
            and _is_named(asked[name])
            and any(world.candidates(name)[better].version not in explained for better in newer)
        ):
            kept.append(name)
        metadata = world.metadata(candidate)
        notes.extend(_notes(world, candidate, metadata, extras[name]))
        notes.extend(_notes_on_prebuilt(world, candidate, pins))
        described.append(
            Pin(
                candidate=candidate,
                metadata=metadata,
                extras=frozenset(extras[name]),
                requirements=tuple(dict.fromkeys(demand.requirement for demand in asked[name])),
                dependencies=tuple(sorted(dependencies[name])),
                build=world.query.source_build(name, candidate.distribution) is not None,
            )
        )
    return Resolution(
        target=world.target,
        requirements=world.requirements,
        constraints=world.constraints,
        pins=tuple(described),
        excluded=tuple(excluded),
        kept=tuple(kept),
        amendments=world.amendments,
        notes=tuple(notes),
        conditions=tuple(conditions.values()),
        warnings=tuple(warnings.values()),
        ignored_rules=tuple(sorted(world.query.ignored)),
        knowledge_version=world.query.knowledge.version,
    )


def _notes(
    world: World, candidate: Candidate, metadata: Metadata | None, extras: Collection[str]
) -> Iterator[str]:
    """Yield what a user should hear about one chosen package."""
    if metadata is not None:
        for extra in sorted(set(extras) - metadata.known_extras()):
            yield f"{candidate} has no extra {extra!r}, so it adds nothing"
    if is_yanked(candidate.distribution):
        why = yank_reason(candidate.distribution)
        yield f"{candidate} is yanked{f': {why}' if why else ''}"
    finals = [item for item in world.rejections(candidate.name) if not item.version.is_prerelease]
    if finals and all(item.version.is_prerelease for item in world.candidates(candidate.name)):
        yield f"{candidate} is a pre-release; no final release of it can be used on this target"
    for state in world.statuses(candidate.name):
        why = f": {state.reason}" if state.reason else ""
        yield f"{candidate.name} is {state.status} on its index{why}"


def _notes_on_prebuilt(world: World, candidate: Candidate, pins: Mapping[str, int]) -> Iterator[str]:
    """Yield that a package is to be compiled, where a prebuilt wheel is out only for an assumed glibc."""
    glibc = world.target.fact(GLIBC)
    if (
        not glibc.assumed
        or "torch" not in pins
        or world.query.source_build(candidate.name, candidate.distribution) is None
    ):
        return
    torch = world.candidates("torch")[pins["torch"]]
    for position, other in enumerate(world.candidates(candidate.name)):
        wheel = world.query.prebuilt(candidate.name, other.version)
        if wheel is None or not wheel.torch_versions.contains(torch.version, prereleases=True):
            continue
        demands = [
            demand for demand in world.rule_demands(candidate.name, position) if demand.name != "torch"
        ]
        broken = [demand for demand in demands if not demand.allowed]
        if broken and all(demand.name == GLIBC for demand in broken):
            needed = ", ".join(str(demand.requirement.specifier) for demand in broken)
            yield (
                f"{candidate} is to be compiled; the prebuilt wheels for torch {wheel.torch} need glibc "
                f"{needed}, and {glibc.value} is only assumed: --glibc states what there is"
            )
            return


def _is_ignored_by(caution: Caution, world: World, pins: Mapping[str, int]) -> bool:
    """Tell whether what was chosen goes against what a rule warns of."""
    position = pins.get(caution.name)
    if position is None:
        return caution.required
    version = world.candidates(caution.name)[position].version
    return caution.specifier is None or not caution.specifier.contains(version, prereleases=True)


def _excluded(
    world: World,
    name: str,
    pins: Mapping[str, int],
    asked: Mapping[str, Sequence[Demand]],
    *,
    named: bool,
) -> list[Group]:
    """Return the releases newer than the chosen one by the reason that keeps them out.

    Of names that are not ``named`` by the user, only what rules refuse: the rest is
    what their dependents say, and nobody asked.
    """
    if world.is_oldest_first(name):
        return []
    groups: dict[tuple[str, str], list[tuple[Reason, Version]]] = defaultdict(list)
    positions = world.newer(name, world.candidates(name)[pins[name]].version)
    reasons = {
        newer: _refusal(world, name, newer)
        or (_disagreement(world, name, newer, pins, asked) if named else None)
        for newer in positions
    }
    if named:
        # Only of releases that nothing else speaks against is the metadata read.
        open_ones = [newer for newer, reason in reasons.items() if reason is None]
        world.expect_metadata(name, open_ones)
        for newer in open_ones:
            with suppress(SourceError):  # a reason less: what was found stands
                reasons[newer] = _own_demand(world, name, newer, pins)
            reasons[newer] = reasons[newer] or _worse_build(world, name, newer, pins)
    for newer, reason in reasons.items():
        if reason is not None:
            groups[reason.group].append((reason, world.candidates(name)[newer].version))
    chosen = world.candidates(name)[pins[name]].version
    for rejection in world.rejections(name) if named else ():
        if rejection.version > chosen and not rejection.version.is_prerelease:
            reason = Reason(sentence=f"it {rejection.reason}")
            groups[reason.group].append((reason, rejection.version))
    return [
        Group(
            name=name,
            versions=tuple(version for _, version in items),
            reason=shared_reason(tuple(dict.fromkeys(reason for reason, _ in items))),
        )
        for items in groups.values()
    ]


def _is_named(demands: Sequence[Demand]) -> bool:
    return any(isinstance(demand.requirement.origin, UserOrigin) for demand in demands)


def _refusal(world: World, name: str, position: int) -> Reason | None:
    """Return why a candidate cannot be, whatever else is chosen."""
    return next((Reason.of(demand.requirement) for demand in world.refused(name, position)), None)


def _disagreement(
    world: World, name: str, position: int, pins: Mapping[str, int], asked: Mapping[str, Sequence[Demand]]
) -> Reason | None:
    """Return what in the solution a candidate does not go with, as rules and metadata say."""
    candidate = world.candidates(name)[position]
    for demand in asked[name]:
        if position in demand.allowed:
            continue
        if demand.requirement.specifier.contains(candidate.version, prereleases=True):
            withheld = world.withheld(candidate, demand.requirement.specifier)
            if withheld is not None:
                return Reason(sentence=f"it {withheld}")
        return held_by(demand.requirement)
    for demand in world.rule_demands(name, position):
        if demand.name in pins and pins[demand.name] not in demand.allowed:
            others = [
                other.requirement
                for other in asked[base_name(demand.name)]
                if not other.allowed & demand.allowed
            ]
            foreign = [other for other in others if not _comes_from(other, name)]
            if foreign:
                return held_by(foreign[0])
            if not others:
                return Reason.of(demand.requirement)
            # Only the chosen release of the same name disagrees, and it would go.
    return None


def _own_demand(world: World, name: str, position: int, pins: Mapping[str, int]) -> Reason | None:
    """Return what a candidate requires that is not to be had on the target, whatever else is chosen.

    What else it requires may only differ from what is here because it is not here.  The
    metadata of wheels is asked, read by the search or not: a lock says the same when its
    versions are kept, and the search reads nothing else.  That of a source distribution
    may take a build.
    """
    if not isinstance(world.candidates(name)[position].distribution, Wheel):
        return None
    for own in (name, *sorted(other for other in pins if other.startswith(f"{name}["))):
        for demand in world.demands(own, position):
            wanted = base_name(demand.name)
            if not demand.allowed and not isinstance(demand.requirement.origin, MetadataOrigin):
                return Reason.of(demand.requirement)  # its metadata cannot be used
            if wanted == name or wanted.startswith("__"):
                continue
            if not demand.allowed:
                return Reason(sentence=f"it requires {_why_none(world, demand)}")
            first = _common_refusal(world, wanted, demand)
            if first is not None:
                # Without the version: releases that require different ones share the reason.
                return replace(first, sentence=f"it requires a {wanted} that is out: {first.sentence}")
    return None


def _worse_build(world: World, name: str, position: int, pins: Mapping[str, int]) -> Reason | None:
    """Return that a release has to be compiled, where a prebuilt wheel of the same was taken instead."""
    candidates = world.candidates(name)
    if world.query.prebuilt(name, candidates.version(pins[name])) is None:
        return None
    built = world.query.source_build(name, candidates[position].distribution) is not None
    return _TO_BE_COMPILED if built else None


def _common_refusal(world: World, name: str, demand: Demand) -> Reason | None:
    """Return the first reason against the candidates that a demand allows; None where one of them can be."""
    first = None
    for position in demand.allowed:
        refusal = _refusal(world, name, position)
        if refusal is None:
            return None
        first = first or refusal
    return first


def _why_none(world: World, demand: Demand) -> str:
    """Say what a demand asks for, and why nothing here is that: the reason of the newest that would be.

    The phrase goes after "it requires ".  Of what is there already it names no range, so that
    releases that require different ones share it.
    """
    name, specifier = base_name(demand.name), demand.requirement.specifier
    candidates = world.candidates(name)
    for given in candidates[:1]:
        if given.distribution is None:
            return f"another {name} than {given.version}, which is provided"
        if given.distribution.reference is not None:
            return f"another {name} than {given.version} from {given.distribution.reference}"
    reasons = [
        (item.version, world.withheld(item, specifier))
        for item in candidates
        if specifier.contains(item.version, prereleases=True)
    ]
    reasons += [
        (rejection.version, rejection.reason)
        for rejection in world.rejections(name)
        if specifier.contains(rejection.version, prereleases=True)
    ]
    why = f"which {max(reasons)[1]}" if reasons else "and no release is that"
    return f"{demand.requirement}, {why}"


def _comes_from(requirement: Requirement, name: str) -> bool:
    return not isinstance(requirement.origin, UserOrigin) and base_name(requirement.origin.package) == name


def held_by(requirement: Requirement) -> Reason:
    """Return the reason against other versions that a requirement of something chosen is."""
    origin = requirement.origin
    if isinstance(origin, UserOrigin):
        return Reason(sentence=str(origin))
    who = f"{origin.package} {origin.version}"
    if isinstance(origin, RuleOrigin):
        return Reason(sentence=f"{who} is here: {origin.why}", rule=origin.rule, evidence=origin.evidence)
    return Reason(sentence=f"{who} requires {requirement}")
