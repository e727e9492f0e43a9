"""From what the user asks to a checked resolution, optional packages included."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.version import Version

from envfit.errors import UndecidedError, UnsatisfiableError
from envfit.knowledge.device_code import runs_on
from envfit.knowledge.model import Alternative, IndexBuild
from envfit.knowledge.query import Query
from envfit.requirement import Requirement, UserOrigin
from envfit.resolve.amendments import Amendments
from envfit.resolve.attempt import Asked, attempt, is_all_there, resolved, world_of
from envfit.resolve.known import require_known
from envfit.resolve.port import PackageSource
from envfit.resolve.provider import Demand, World
from envfit.resolve.resolution import BetterBuild, LeftOut, Resolution
from envfit.resolve.solver import BUDGET
from envfit.selection.preferences import Preferences, Strategy
from envfit.target import CUDA, CUDA_DRIVER, FactState

if TYPE_CHECKING:
    from envfit.resolve.explain import Explanation
    from envfit.resolve.way_out import WayOut

__all__ = ["Concede", "Unsatisfied", "resolve"]


_AS_THEY_ARE = Amendments()


class Concede(enum.Enum):
    """How far an optional package may lower the version of one that the user named."""

    NONE = "none"
    MINOR = "minor"  # the major version stays
    ANY = "any"

    def allows(self, before: Version, after: Version) -> bool:
        """Tell whether a version may go from ``before`` to ``after``."""
        # Another build of one release is no older release.
        if Version(after.public) >= Version(before.public) or self is Concede.ANY:
            return True
        return self is Concede.MINOR and (after.epoch, after.major) == (before.epoch, before.major)


class Unsatisfied(UnsatisfiableError):  # noqa: N818 - an outcome, raised
    """Proved: no set of packages fits; carries the explanation."""

    def __init__(
        self,
        message: str,
        explanation: Explanation,
        better: Sequence[BetterBuild],
        ways: Sequence[WayOut] = (),
    ) -> None:
        super().__init__(message)
        self.explanation = explanation
        self.better = tuple(better)
        self.ways = tuple(ways)

    def add_ways(self, ways: Iterable[WayOut]) -> None:
        """Add ways out; an index that was tried need not be hinted at."""
        found = sorted(ways, key=lambda way: way.kind)
        tried = {option for way in found for option in way.change.options}
        self.ways = (*found, *self.ways)
        self.better = tuple(better for better in self.better if better.option not in tried)


def resolve(
    source: PackageSource,
    query: Query,
    requirements: Sequence[Requirement],
    *,
    preferences: Preferences,
    constraints: Sequence[Requirement] = (),
    amendments: Amendments = _AS_THEY_ARE,
    optional: Sequence[Requirement] = (),
    concede: Concede = Concede.MINOR,
    variant_indexes: Iterable[str] = (),
    budget: int = BUDGET,
    ways: bool = False,
    before_ways: Callable[[], None] = lambda: None,
    pythons: Sequence[Version] = (),
    explained: Iterable[str] = (),
) -> Resolution:
    """Resolve requirements, then add each optional one, in order, where it is supported.

    An optional package stays where everything still resolves and no package that
    the user named is lowered by more than ``concede`` allows.  ``budget`` is that
    of each search, in decisions; ``explained`` are names whose newer releases are accounted
    for though the user did not name them.  Raises Unsatisfied
    with an explanation where it is proved that nothing fits, UndecidedError where
    neither was found, and UnknownPackageError for a name that no index has.  With ``ways``
    the refusal carries ways out, among them those on other ``pythons``;
    ``before_ways`` is called before they are looked for.
    """
    asked = Asked(
        source=source,
        query=query,
        preferences=preferences,
        constraints=tuple(constraints),
        amendments=amendments,
        variant_indexes=frozenset(variant_indexes),
        budget=budget,
        explained=frozenset(explained),
    )
    try:
        resolution = _resolve(asked, requirements)
    except Unsatisfied as error:
        if ways:
            from envfit.resolve.ways_out import ways_out

            before_ways()
            error.ways = ways_out(asked, requirements, error.explanation, pythons=pythons)
        raise
    accepted = list(requirements)
    left_out: list[LeftOut] = []
    for wanted in optional:
        if _is_there(resolution, wanted):
            accepted.append(wanted)
            continue
        try:
            extended = _resolve(asked, [*accepted, wanted])
        except Unsatisfied as error:
            reasons = _reasons_against(wanted, error.explanation)
        except UndecidedError as error:
            reasons = (error.message,)
        else:
            reasons = _lowered(requirements, resolution, extended, concede)
            if not reasons:
                resolution = extended
                accepted.append(wanted)
                continue
        left_out.append(
            LeftOut(
                name=wanted.name,
                reasons=reasons,
                alternatives=_alternatives(asked, wanted.name, accepted, resolution),
            )
        )
    return replace(
        resolution,
        optional=tuple(optional),
        left_out=tuple(left_out),
    )


def _resolve(asked: Asked, requirements: Sequence[Requirement]) -> Resolution:
    while True:
        world = world_of(asked, requirements)
        roots = world.root_demands()
        require_known(world)
        resolution = attempt(world, roots, budget=asked.budget, explained=asked.explained)
        if resolution is None:
            raise _unsatisfied(asked, world, roots)
        if is_all_there(resolution, asked.source):
            break
    names = [requirement.name for requirement in requirements]
    return replace(resolution, better=tuple(_better_builds(asked, world, names, resolution)))


def _is_there(resolution: Resolution, wanted: Requirement) -> bool:
    """Tell whether something else brings a package in already, as it is wanted."""
    pin = resolution.pin(wanted.name)
    return (
        pin is not None
        and wanted.extras <= pin.extras
        # What a package asks for may be an extra that is not there; what the user asks for is meant.
        and (pin.metadata is None or wanted.extras <= pin.metadata.known_extras())
        and wanted.specifier.contains(pin.version, prereleases=True)
    )


def _unsatisfied(asked: Asked, world: World, roots: Sequence[Demand]) -> Unsatisfied:
    from envfit.resolve.explain import explain

    explanation = explain(world, roots)
    wanted = " and ".join(dict.fromkeys(str(requirement) for requirement in explanation.core))
    names = [requirement.name for requirement in explanation.core]
    return Unsatisfied(
        f"nothing satisfies {wanted} on this target",
        explanation,
        tuple(_better_builds(asked, world, names, None)),
    )


def _reasons_against(wanted: Requirement, explanation: Explanation) -> tuple[str, ...]:
    own = [group for group in explanation.groups if group.name == wanted.name]
    return tuple(
        f"{group} ({'; '.join(group.reason.facts)})" if group.reason.facts else str(group)
        for group in own or explanation.groups
    )


def _lowered(
    requirements: Sequence[Requirement], before: Resolution, after: Resolution, concede: Concede
) -> tuple[str, ...]:
    lowered = []
    for name in dict.fromkeys(requirement.name for requirement in requirements):
        old, new = before.pin(name), after.pin(name)
        if old is not None and new is not None and not concede.allows(old.version, new.version):
            lowered.append(
                f"with it, {name} would be {new.version} instead of {old.version}, "
                f"more than --concede {concede.value} allows"
            )
    return tuple(lowered)


def _alternatives(
    asked: Asked, name: str, accepted: Sequence[Requirement], resolution: Resolution
) -> tuple[Alternative, ...]:
    """Return what serves instead of a package: built in, or a package that was tried and lowers nothing."""
    target = asked.query.target
    found = []
    for alternative in asked.query.package(name).alternatives:
        fits = all(alternative.capability.contains(str(capability)) for capability in target.capabilities)
        if not fits or (alternative.capability and not target.capabilities):
            continue
        if alternative.package is None or _goes_with(asked, alternative.package, accepted, resolution):
            found.append(alternative)
    return tuple(found)


def _goes_with(asked: Asked, package: str, accepted: Sequence[Requirement], resolution: Resolution) -> bool:
    """Tell whether a package resolves beside what is there without lowering what the user named."""
    wanted = Requirement(name=package, origin=UserOrigin(text=package, where="tried as an alternative"))
    try:
        extended = resolved(asked, [*accepted, wanted])
    except UndecidedError:
        return False
    return extended is not None and not _lowered(accepted, resolution, extended, Concede.NONE)


def _better_builds(
    asked: Asked, world: World, names: Iterable[str], resolution: Resolution | None
) -> Iterable[BetterBuild]:
    """Yield newer releases that an index of variants not in use has for the target.

    Releases are those that the index in use lists; that the other one carries
    them, and for which GPUs, is knowledge.
    """
    if not world.target.gpus or world.preferences.strategy is not Strategy.HIGHEST:
        return
    for index in asked.query.knowledge.indexes.values():
        if index.name in asked.variant_indexes:
            continue
        for name in dict.fromkeys(names):
            if name not in index.packages:
                continue
            specifiers = [item.specifier for item in (*world.roots, *world.constraints) if item.name == name]
            pin = resolution.pin(name) if resolution is not None else None
            if pin is not None:
                releases = _held_back(world, name, pin.version)
            elif any(
                all(specifier.contains(candidate.version) for specifier in specifiers)
                and not world.refused(name, position)
                for position, candidate in enumerate(world.candidates(name))
            ):
                continue  # it is not the target that speaks against the package
            else:
                releases = _releases(world, name)
            fitting = [
                (release, build.cuda, build.label)
                for release in releases
                for build in asked.query.package(name).index_builds
                if all(specifier.contains(f"{release}+{build.label}") for specifier in specifiers)
                and build.versions.contains(release)
                and _serves(asked.query, build)
            ]
            if fitting:
                release, _, label = max(fitting)
                yield BetterBuild(
                    name=name, version=f"{release}+{label}", index=index.name, option=f"--{index.name}-index"
                )


def _releases(world: World, name: str) -> list[Version]:
    """Return every final release of a name that has a file for the target."""
    versions = [candidate.version for candidate in world.candidates(name)]
    return [version for version in versions if not version.is_prerelease]


def _held_back(world: World, name: str, pinned: Version) -> list[Version]:
    """Return the releases newer than the pinned one, where rules about the target hold all of them back.

    Where anything else does, another build of the same release would not help.
    """
    positions = world.newer(name, pinned)
    for position in positions:
        if not world.refused(name, position):
            return []
    return [world.candidates(name)[position].version for position in positions]


def _serves(query: Query, build: IndexBuild) -> bool:
    """Tell whether a kind of build has code for every GPU of the target and a driver that runs it."""
    target = query.target
    runtime = query.knowledge.runtimes.get(build.cuda.major)
    driver = query.effective_fact(CUDA_DRIVER)
    if runtime is not None and driver.state is FactState.KNOWN:
        version = driver.version
        if version is None or version < Version(runtime.driver):
            return False
    return build.platform == target.platform and all(
        runs_on(
            build.sass,
            build.ptx,
            capability,
            built_with=build.cuda,
            supported_cuda=target.fact(CUDA).version,
        )
        for capability in target.capabilities
    )
