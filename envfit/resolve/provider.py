"""The world as an engine sees it: names, candidates in order of preference, demands.

Facts and choices are names like any other.  ``torch[extra]`` is a name of its
own whose candidates demand the same candidate of ``torch``, and ``torch[=extra]``
one whose candidates demand the same of ``torch[extra]`` and have the extra.  A demand names the
positions that satisfy it, so that no engine ever compares versions.

Pre-releases and yanked files are admitted by declared policy: a pre-release
where ``--pre`` is given, where the requirement itself names one, where the user
did for that name, or where a package has nothing else; a yanked file only where
a requirement pins it exactly, or the user did for that name (PEP 592).  What an
existing lock holds is admitted again.

The rules of a candidate are asked before its metadata, so that nothing is
fetched for a candidate that no GPU of the target can run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement as DeclaredRequirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.address import without_credentials
from envfit.distribution import Listing, Metadata, Wheel
from envfit.errors import EnvfitError
from envfit.knowledge.query import IMPOSSIBLE, Judgement, Query, fact_of
from envfit.requirement import MetadataOrigin, Requirement, UnusableOrigin, UserOrigin
from envfit.resolve.amendments import Amendments
from envfit.resolve.extras import MeantExtras
from envfit.resolve.port import REJECTING, PackageSource
from envfit.resolve.provided import provided_requirements
from envfit.resolve.selection import (
    Candidate,
    Preferences,
    Rejection,
    Strategy,
    is_yanked,
    select,
    yank_reason,
)
from envfit.target import FactState

__all__ = ["Demand", "World", "base_name", "split_name"]

_AS_THEY_ARE = Amendments()

# ``torch[=extra]``: an extra that the user asks for, and means.
_MEANT = "="


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A requirement as positions among the candidates of one name."""

    name: str
    allowed: frozenset[int]
    requirement: Requirement


def base_name(name: str) -> str:
    """Return the package behind a name with an extra."""
    return name.partition("[")[0]


def split_name(name: str) -> tuple[str, str, bool]:
    """Return package and extra of a name, and whether it is the user who means the extra."""
    package, _, extra = name.rstrip("]").partition("[")
    return package, extra.removeprefix(_MEANT), extra.startswith(_MEANT)


class World:
    """Everything that can be chosen, fetched when it is first asked for."""

    def __init__(
        self,
        source: PackageSource,
        query: Query,
        requirements: Iterable[Requirement],
        preferences: Preferences,
        constraints: Sequence[Requirement] = (),
        *,
        amendments: Amendments = _AS_THEY_ARE,
    ) -> None:
        self.query = query
        self.target = query.target
        self.preferences = preferences
        self.amendments = amendments
        self.requirements = tuple(requirements)
        #: What the user asks for, amended.
        self.roots = tuple(amended for asked in self.requirements for amended in amendments.amend(asked))
        self._source = source
        self._tags = {tag: rank for rank, tag in enumerate(self.target.tags())}
        self._environment = self.target.marker_environment()
        self._label_cuda = {
            label.label: label.cuda
            for index in query.knowledge.indexes.values()
            for label in index.labels
            if label.cuda is not None
        }
        self._candidates: dict[str, tuple[Candidate, ...]] = {}
        self._rejections: dict[str, tuple[Rejection, ...]] = {}
        self._statuses: dict[str, tuple[Listing, ...]] = {}
        self._extras = MeantExtras(self)
        self._demands: dict[tuple[str, int], tuple[Demand, ...]] = {}
        self._judgements: dict[tuple[str, int], Judgement] = {}
        self._allowed: dict[tuple[str, SpecifierSet], frozenset[int]] = {}
        self.constraints = tuple(constraints)
        self._constraints: dict[str, list[Requirement]] = defaultdict(list)
        for constraint in constraints:
            self._constraints[constraint.name].append(constraint)
        self._provided = {package.name: package for package in self.target.provided}
        user = [item for item in (*self.requirements, *constraints) if isinstance(item.origin, UserOrigin)]
        user += [item for instead in amendments.overrides.values() for item in instead]
        self._named = {item.name for item in self.roots}
        self._prereleases_named = {item.name for item in user if item.specifier.prereleases}
        self._pinned = {item.name for item in user if _is_pin(item.specifier)}

    def root_demands(self) -> tuple[Demand, ...]:
        """Return the user's requirements as demands, having started to fetch their listings."""
        self._source.prefetch(base_name(item.name) for item in self.roots)
        return tuple(demand for item in self.roots for demand in self._demands_of(item))

    def candidates(self, name: str) -> tuple[Candidate, ...]:
        """Return the candidates of a name, best first."""
        found = self._candidates.get(name)
        if found is None:
            found = self._candidates[name] = self._find_candidates(name)
        return found

    def newer(self, name: str, version: Version) -> list[int]:
        """Return the positions of the final releases newer than a version, newest first.

        Their order among the candidates tells nothing here: what a lock holds stands first there.
        """
        newer = [
            (Version(candidate.version.public), -position)
            for position, candidate in enumerate(self.candidates(name))
            if Version(candidate.version.public) > Version(version.public)
            and not candidate.version.is_prerelease
        ]
        return [-position for _, position in sorted(newer, reverse=True)]

    def rejections(self, name: str) -> tuple[Rejection, ...]:
        """Return the versions of a name that have no usable file, newest first."""
        self.candidates(name)
        return self._rejections.get(name, ())

    def statuses(self, name: str) -> tuple[Listing, ...]:
        """Return the listings whose index says something of the project's state (PEP 792)."""
        self.candidates(name)
        return self._statuses.get(name, ())

    def is_oldest_first(self, name: str) -> bool:
        """Tell whether the oldest version of a name is the best one."""
        strategy = self.preferences.strategy
        return strategy is Strategy.LOWEST or (strategy is Strategy.LOWEST_DIRECT and name in self._named)

    def judgement(self, name: str, position: int) -> Judgement:
        """Return what the rules say of a candidate."""
        key = (name, position)
        found = self._judgements.get(key)
        if found is None:
            candidate = self.candidates(name)[position]
            found = self._judgements[key] = self.query.judge(
                candidate.name, candidate.version, candidate.distribution
            )
        return found

    def demands(self, name: str, position: int) -> tuple[Demand, ...]:
        """Return what a candidate demands, rules included."""
        key = (name, position)
        found = self._demands.get(key)
        if found is None:
            found = self._demands[key] = tuple(self._find_demands(name, position))
        return found

    def known_demands(self, name: str, position: int) -> tuple[Demand, ...] | None:
        """Return the demands of a candidate without fetching anything: None where that is needed."""
        found = self._demands.get((name, position))
        if found is not None or name.startswith("__"):
            return found or ()
        failing = self.refused(name, position)
        return failing or None

    def refused(self, name: str, position: int) -> tuple[Demand, ...]:
        """Return the demands that nothing can satisfy: constraints broken, facts that do not fit.

        The same whatever was fetched before.
        """
        package = base_name(name)
        candidate = self.candidates(package)[position]
        broken = [
            _unusable(candidate, f"is excluded by your constraint {constraint}{_place(constraint)}")
            for constraint in self._constraints.get(package, ())
            if not constraint.specifier.contains(candidate.version, prereleases=True)
        ]
        return tuple(
            demand
            for requirement in (*broken, *self.judgement(package, position).requirements)
            if requirement.name.startswith("__")
            for demand in self._demands_of(requirement)
            if not demand.allowed
        )

    def rule_demands(self, name: str, position: int) -> tuple[Demand, ...]:
        """Return what rules demand of a candidate: the same whatever was fetched before."""
        requirements = self.judgement(name, position).requirements
        return tuple(demand for requirement in requirements for demand in self._demands_of(requirement))

    def metadata(self, candidate: Candidate) -> Metadata | None:
        """Return the metadata of a candidate; None where a module provides it."""
        return self._source.metadata(candidate.distribution) if candidate.distribution else None

    def _find_candidates(self, name: str) -> tuple[Candidate, ...]:
        if name.startswith("__"):
            return self._virtual_candidates(name)
        package = base_name(name)
        if package != name:
            return self.candidates(package)
        provided = self._provided.get(name)
        if provided is not None:
            return (Candidate(name=name, version=provided.version, distribution=None),)
        listings = self._source.listing(name)
        self._statuses[name] = tuple(listing for listing in listings if listing.status is not None)
        selection = select(
            name,
            listings,
            self.target,
            tags=self._tags,
            preferences=self.preferences,
            label_cuda=self._label_cuda,
            oldest_first=self.is_oldest_first(name),
        )
        self._rejections[name] = selection.rejections
        return selection.candidates

    def _virtual_candidates(self, name: str) -> tuple[Candidate, ...]:
        values = self.query.values(name)
        if values is None:
            fact = fact_of(self.target, name)
            version = fact.version if fact is not None and fact.state is FactState.KNOWN else None
            values = (version,) if version is not None else ()
        return tuple(Candidate(name=name, version=value, distribution=None) for value in values)

    def _find_demands(self, name: str, position: int) -> Iterable[Demand]:
        if name.startswith("__"):
            return
        candidate = self.candidates(name)[position]
        package, extra, meant = split_name(name)
        if extra:
            pin = Requirement(
                name=package,
                specifier=SpecifierSet(f"==={candidate.version}"),
                origin=MetadataOrigin(package=name, version=str(candidate.version)),
            )
            asked = f"{package}[{extra}]" if meant else package
            yield Demand(name=asked, allowed=frozenset({position}), requirement=pin)
        failing = self.refused(package, position)
        if failing:
            yield from failing
            return
        if not extra:
            for requirement in self.judgement(package, position).requirements:
                yield from self._demands_of(requirement)
        if meant:
            why = self._extras.objection(candidate, extra)
            if why is not None:
                yield from self._demands_of(_unusable(candidate, why))
            return
        for requirement in self._declared(candidate, extra):
            yield from self._demands_of(requirement)

    def _declared(self, candidate: Candidate, extra: str) -> list[Requirement]:
        """Return the requirements that a candidate's metadata states for the target."""
        if candidate.distribution is None:
            return provided_requirements(self._provided[candidate.name], extra, self.target, self.amendments)
        name, version = candidate.name, str(candidate.version)
        try:
            metadata = self._source.metadata(candidate.distribution)
        except EnvfitError as error:
            if error.code not in REJECTING:
                raise
            return [_unusable(candidate, f"cannot be used: {error.message}")]
        if metadata.requires_python is not None and not metadata.requires_python.contains(
            self.target.python, prereleases=True
        ):
            return [_unusable(candidate, f"requires Python {metadata.requires_python}")]
        origin = MetadataOrigin(package=f"{name}[{extra}]" if extra else name, version=version)
        found: list[Requirement] = []
        for declared in metadata.requires:
            if not self._wanted(declared, extra):
                continue
            asked = Requirement(
                name=canonicalize_name(declared.name),
                specifier=declared.specifier,
                extras=frozenset(map(canonicalize_name, declared.extras)),
                origin=origin,
            )
            amended = self.amendments.amend(asked)
            if declared.url is not None and amended == (asked,) and not self._comes_from(declared):
                address = without_credentials(declared.url)
                return [_unusable(candidate, f"requires {declared.name} from an address, {address}")]
            found.extend(amended)
        self._source.prefetch(
            item.name
            for item in found
            if item.name not in self._candidates and item.name not in self._provided
        )
        return found

    def _comes_from(self, declared: DeclaredRequirement) -> bool:
        """Tell whether a name is there already from the address that a requirement on it names."""
        candidates = self.candidates(canonicalize_name(declared.name))
        reference = (
            candidates[0].distribution.reference if candidates and candidates[0].distribution else None
        )
        return reference is not None and declared.url is not None and reference.is_meant_by(declared.url)

    def _wanted(self, declared: DeclaredRequirement, extra: str) -> bool:
        """Tell whether a requirement holds on the target, for this extra and not without it."""
        marker = declared.marker
        if marker is None:
            return not extra
        plain = marker.evaluate({**self._environment, "extra": ""})
        if not extra:
            return plain
        return not plain and marker.evaluate({**self._environment, "extra": extra})

    def _demands_of(self, requirement: Requirement) -> Iterable[Demand]:
        meant = _MEANT if isinstance(requirement.origin, UserOrigin) else ""
        names = [
            requirement.name,
            *(f"{requirement.name}[{meant}{extra}]" for extra in sorted(requirement.extras)),
        ]
        allowed = self._positions(requirement)
        for name in names:
            yield Demand(name=name, allowed=allowed, requirement=requirement)

    def _positions(self, requirement: Requirement) -> frozenset[int]:
        name = requirement.name
        if name == IMPOSSIBLE:
            return frozenset()
        key = (name, requirement.specifier)
        found = self._allowed.get(key)
        if found is None:
            candidates = self.candidates(name)
            found = self._allowed[key] = frozenset(
                position
                for position, candidate in enumerate(candidates)
                if self._satisfies(candidate, requirement.specifier)
            )
            self._prefetch_best(candidates, found)
        return found

    def withheld(self, candidate: Candidate, specifier: SpecifierSet) -> str | None:
        """Return why policy does not admit a version to a range that contains it; None where it does.

        The phrase goes after ``torch 2.0.1 ``.
        """
        name = candidate.name
        # What a module provides is there, whatever it is; what a lock holds was admitted before.
        if candidate.distribution is None or self.preferences.pinned.get(name) == candidate.version:
            return None
        if is_yanked(candidate.distribution) and not (name in self._pinned or _is_pin(specifier)):
            why = yank_reason(candidate.distribution)
            return f"is yanked{f' ({why})' if why else ''}, and only an exact pin takes it"
        if (
            not candidate.version.is_prerelease
            or self.preferences.prereleases
            or bool(specifier.prereleases)
            or name in self._prereleases_named
            or all(other.version.is_prerelease for other in self.candidates(name))
        ):
            return None
        return "is a pre-release, and --pre is not given"

    def _satisfies(self, candidate: Candidate, specifier: SpecifierSet) -> bool:
        return (
            specifier.contains(candidate.version, prereleases=True)
            and self.withheld(candidate, specifier) is None
        )

    def expect_metadata(self, name: str, positions: Iterable[int]) -> None:
        """Start to fetch the metadata of candidates that are going to be asked."""
        candidates = self.candidates(name)
        found = (candidates[position].distribution for position in positions)
        self._source.prefetch_metadata(item for item in found if isinstance(item, Wheel))

    def _prefetch_best(self, candidates: tuple[Candidate, ...], allowed: frozenset[int]) -> None:
        for position in sorted(allowed):
            candidate = candidates[position]
            if candidate.distribution is None:
                return
            if not self.refused(candidate.name, position):
                self._source.prefetch_metadata([candidate.distribution])
                return


def _is_pin(specifier: SpecifierSet) -> bool:
    return any(item.operator in ("==", "===") and not item.version.endswith(".*") for item in specifier)


def _place(requirement: Requirement) -> str:
    return f" ({requirement.origin.where})" if isinstance(requirement.origin, UserOrigin) else ""


def _unusable(candidate: Candidate, why: str) -> Requirement:
    return Requirement(
        name=IMPOSSIBLE,
        origin=UnusableOrigin(package=candidate.name, version=str(candidate.version), why=why),
    )
