"""The world as the search sees it: names, candidates in order of preference, demands.

Facts and choices are names like any other.  ``torch[extra]`` is a name of its
own whose candidates demand the same candidate of ``torch``, and ``torch[=extra]``
one whose candidates demand the same of ``torch[extra]`` and have the extra.  A demand names the
positions that satisfy it, so that the search compares no versions.

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
from dataclasses import replace
from functools import partial

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.address import without_credentials
from envfit.distribution import Declared, Distribution, Metadata, Wheel
from envfit.errors import EnvfitError
from envfit.frozen import frozen
from envfit.knowledge.facts import fact_of
from envfit.knowledge.query import Query
from envfit.knowledge.verdict import IMPOSSIBLE, Judgement
from envfit.requirement import MetadataOrigin, Requirement, RuleOrigin, UnusableOrigin, UserOrigin
from envfit.resolve.amendments import Amendments
from envfit.resolve.extras import MeantExtras
from envfit.resolve.names import MEANT, base_name, split_name
from envfit.resolve.port import REJECTING, PackageSource
from envfit.resolve.provided import provided_requirements
from envfit.selection.candidates import (
    Candidate,
    Candidates,
    Rejection,
    Selection,
    Status,
    is_yanked,
    yank_reason,
)
from envfit.selection.positions import Positions
from envfit.selection.preferences import Preferences
from envfit.selection.select import Selector
from envfit.target import Fact, FactState

__all__ = ["Demand", "World"]

_AS_THEY_ARE = Amendments()
_NO_JUDGEMENT = Judgement()


@frozen
class Demand:
    """A requirement as positions among the candidates of one name."""

    name: str
    allowed: Positions
    requirement: Requirement


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
        passed_over: frozenset[str] = frozenset(),
    ) -> None:
        """Take what is asked; rules that read a fact whose name is ``passed_over`` say nothing."""
        self.query = query
        self.passed_over = passed_over
        self.target = query.target
        self.preferences = preferences
        self.amendments = amendments
        self.requirements = tuple(requirements)
        #: What the user asks for, amended.
        self.roots = tuple(amended for asked in self.requirements for amended in amendments.amend(asked))
        self.source = source
        self._environment = self.target.marker_environment()
        label_cuda = {
            label.label: label.cuda
            for index in query.knowledge.indexes.values()
            for label in index.labels
            if label.cuda is not None
        }
        self._selector = Selector(
            self.target, preferences, label_cuda=label_cuda, named={item.name for item in self.roots}
        )
        self._selections: dict[str, Selection] = {}
        self._extras = MeantExtras(self)
        self._demands: dict[tuple[str, int], tuple[Demand, ...]] = {}
        self._judgements: dict[tuple[str, int], Judgement] = {}
        self._silent: dict[str, bool] = {}
        self._allowed: dict[tuple[str, SpecifierSet], Positions] = {}
        self._markers: dict[tuple[str, str], bool] = {}
        self._likely: dict[str, Positions] = {}  # what all who were met so far allow, in any order
        self._looked_at: set[str] = set()  # names that were followed ahead of the search
        self.constraints = tuple(constraints)
        self._constraints: dict[str, list[Requirement]] = defaultdict(list)
        for constraint in constraints:
            self._constraints[constraint.name].append(constraint)
        self._provided = {package.name: package for package in self.target.provided}
        user = [item for item in (*self.requirements, *constraints) if isinstance(item.origin, UserOrigin)]
        user += [item for instead in amendments.overrides.values() for item in instead]
        self._prereleases_named = {item.name for item in user if item.specifier.prereleases}
        self._pinned = {item.name for item in user if _is_pin(item.specifier)}

    def with_less(self, constraints: Sequence[Requirement], passed_over: frozenset[str]) -> World:
        """Return this world with some constraints only, and with facts passed over."""
        return World(
            self.source,
            self.query,
            self.requirements,
            self.preferences,
            constraints,
            amendments=self.amendments,
            passed_over=passed_over,
        )

    def root_demands(self) -> tuple[Demand, ...]:
        """Return the user's requirements as demands, having started to fetch their listings."""
        for item in self.roots:
            self._expect(item)
        return tuple(demand for item in self.roots for demand in self._demands_of(item))

    def candidates(self, name: str) -> Candidates:
        """Return the candidates of a name, best first."""
        found = self._selections.get(name)
        if found is None:
            found = self._selections[name] = self._find_selection(name)
        return found.candidates

    def newer(self, name: str, version: Version) -> list[int]:
        """Return the positions of the final releases newer than a version, newest first.

        Prebuilt wheels, of which a release has dozens, are no releases of their own.
        """
        candidates = self.candidates(name)
        found = candidates.newer(version)
        return [place for place in found if self.query.prebuilt(name, candidates.version(place)) is None]

    def rejections(self, name: str) -> tuple[Rejection, ...]:
        """Return the versions of a name that have no usable file, newest first."""
        self.candidates(name)
        return self._selections[name].rejections

    def statuses(self, name: str) -> tuple[Status, ...]:
        """Return what indexes say of the project's state (PEP 792)."""
        self.candidates(name)
        return self._selections[name].statuses

    def is_oldest_first(self, name: str) -> bool:
        """Tell whether the oldest version of a name is the best one."""
        return self._selector.is_oldest_first(name)

    def judgement(self, name: str, position: int) -> Judgement:
        """Return what the rules say of a candidate."""
        key = (name, position)
        found = self._judgements.get(key)
        if found is None:
            if self._is_silent_on(name):
                return _NO_JUDGEMENT
            candidate = self.candidates(name)[position]
            found = self.query.judge(candidate.name, candidate.version, candidate.distribution)
            if self.passed_over:
                found = replace(found, requirements=tuple(filter(self._stands, found.requirements)))
            self._judgements[key] = found
        return found

    def _stands(self, requirement: Requirement) -> bool:
        """Tell whether a requirement reads no fact that is passed over."""
        return not any(fact.name in self.passed_over for fact in _facts_of(requirement))

    def _is_silent_on(self, name: str) -> bool:
        """Tell whether no rule says anything of any candidate of a name."""
        known = self._silent.get(name)
        if known is None:
            known = self._silent[name] = name not in self._provided and self.query.is_silent_on(name)
        return known

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
        if package not in self._constraints and self._is_silent_on(package):
            return ()
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
        return self.source.metadata(candidate.distribution) if candidate.distribution else None

    def _find_selection(self, name: str) -> Selection:
        if name.startswith("__"):
            return Selection(Candidates.fixed(name, self._values(name)))
        package = base_name(name)
        if package != name:
            self.candidates(package)
            return self._selections[package]
        provided = self._provided.get(name)
        if provided is not None:
            return Selection(Candidates.fixed(name, [provided.version]))
        found = self.source.selection(name, self._selector)
        preferred = found.candidates.preferring(self.preferences.pinned.get(name))
        if preferred is found.candidates:
            return found
        return Selection(preferred, rejected=found.rejected, statuses=found.statuses)

    def _values(self, name: str) -> tuple[Version, ...]:
        """Return the values of a fact or a choice, best first."""
        values = self.query.values(name)
        if values is None:
            fact = fact_of(self.target, name)
            version = fact.version if fact is not None and fact.state is FactState.KNOWN else None
            values = (version,) if version is not None else ()
        return values

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
            yield Demand(name=asked, allowed=Positions.singleton(position), requirement=pin)
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
        try:
            metadata = self.source.metadata(candidate.distribution)
        except EnvfitError as error:
            if error.code not in REJECTING:
                raise
            return [_unusable(candidate, f"cannot be used: {error.message}")]
        if metadata.requires_python is not None and not metadata.requires_python.contains(
            self.target.python, prereleases=True
        ):
            return [_unusable(candidate, f"requires Python {metadata.requires_python}")]
        found: list[Requirement] = []
        for declared in metadata.requires:
            if not self._wanted(declared, extra):
                continue
            asked = self._asked(candidate, declared, extra)
            amended = self.amendments.amend(asked)
            if declared.url is not None and amended == (asked,) and not self._comes_from(declared):
                address = without_credentials(declared.url)
                return [_unusable(candidate, f"requires {declared.name} from an address, {address}")]
            found.extend(amended)
        for item in found:
            self._expect(item)
        return found

    def _asked(self, candidate: Candidate, declared: Declared, extra: str) -> Requirement:
        """Return what a candidate's metadata asks for, as a requirement."""
        name = f"{candidate.name}[{extra}]" if extra else candidate.name
        return Requirement(
            name=declared.name,
            specifier=declared.specifier,
            extras=frozenset(declared.extras),
            origin=MetadataOrigin(package=name, version=str(candidate.version)),
        )

    def _expect(self, requirement: Requirement) -> None:
        """Start to select what a requirement asks for, and to fetch what it is likely to lead to."""
        name = requirement.name
        if name not in self._selections and name not in self._provided:
            self.source.prefetch([name], self._selector, partial(self._look_ahead, requirement))

    def _comes_from(self, declared: Declared) -> bool:
        """Tell whether a name is there already from the address that a requirement on it names."""
        candidates = self.candidates(declared.name)
        reference = (
            candidates[0].distribution.reference if candidates and candidates[0].distribution else None
        )
        return reference is not None and declared.url is not None and reference.is_meant_by(declared.url)

    def _wanted(self, declared: Declared, extra: str) -> bool:
        """Tell whether a requirement holds on the target, for this extra and not without it."""
        if not declared.marker:
            return not extra
        plain = self._holds(declared, "")
        return plain if not extra else not plain and self._holds(declared, extra)

    def _holds(self, declared: Declared, extra: str) -> bool:
        key = (declared.marker, extra)
        known = self._markers.get(key)
        if known is None:
            known = self._markers[key] = declared.holds(self._environment, extra)
        return known

    def _demands_of(self, requirement: Requirement) -> Iterable[Demand]:
        meant = MEANT if isinstance(requirement.origin, UserOrigin) else ""
        names = [
            requirement.name,
            *(f"{requirement.name}[{meant}{extra}]" for extra in sorted(requirement.extras)),
        ]
        allowed = self._positions(requirement)
        for name in names:
            yield Demand(name=name, allowed=allowed, requirement=requirement)

    def _positions(self, requirement: Requirement) -> Positions:
        name = requirement.name
        if name == IMPOSSIBLE:
            return Positions.empty()
        key = (name, requirement.specifier)
        found = self._allowed.get(key)
        if found is None:
            candidates = self.candidates(name)
            inside = candidates.satisfying(requirement.specifier)
            found = self._allowed[key] = inside - self._withheld(candidates, requirement.specifier)
            self._prefetch_best(candidates, found, requirement.extras)
        return found

    def _withheld(self, candidates: Candidates, specifier: SpecifierSet) -> Positions:
        """Return the candidates that policy admits to no range of that kind; see ``withheld``."""
        name = candidates.name
        if name.startswith("__") or name in self._provided:
            return Positions.empty()
        out = Positions.empty()
        if candidates.yanked and not (name in self._pinned or _is_pin(specifier)):
            out = candidates.yanked
        if candidates.prereleases and not self._admits_prereleases(candidates, specifier):
            out |= candidates.prereleases
        pinned = self.preferences.pinned.get(name)
        if out and pinned is not None:
            out -= Positions.of(place for place in out if candidates.version(place) == pinned)
        return out

    def _admits_prereleases(self, candidates: Candidates, specifier: SpecifierSet) -> bool:
        return (
            self.preferences.prereleases
            or bool(specifier.prereleases)
            or candidates.name in self._prereleases_named
            or candidates.prereleases == candidates.all
        )

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
        if not candidate.version.is_prerelease or self._admits_prereleases(self.candidates(name), specifier):
            return None
        return "is a pre-release, and --pre is not given"

    def expect_metadata(self, name: str, positions: Iterable[int]) -> None:
        """Start to fetch the metadata of candidates that are going to be asked."""
        candidates = self.candidates(name)
        found = (candidates[position].distribution for position in positions)
        self.source.prefetch_metadata(item for item in found if isinstance(item, Wheel))

    def _prefetch_best(self, candidates: Candidates, allowed: Positions, extras: frozenset[str]) -> None:
        """Start to fetch the metadata of the best candidate that all who were met so far allow."""
        likely = self._likely.get(candidates.name, allowed) & allowed or allowed
        self._likely[candidates.name] = likely
        for position in likely:
            candidate = candidates[position]
            if candidate.distribution is None:
                return
            if not self.refused(candidate.name, position):
                then = partial(self._look_further, candidate, extras)
                self.source.prefetch_metadata([candidate.distribution], then)
                return

    def _look_ahead(self, requirement: Requirement, _: str) -> None:
        """Start to fetch what a requirement is likely to lead to; what it asks for is at hand."""
        self._positions(requirement)

    def _look_further(self, candidate: Candidate, extras: frozenset[str], _: Distribution) -> None:
        """Start to fetch what a likely candidate requires; its metadata is at hand."""
        if candidate.name not in self._looked_at:
            self._looked_at.add(candidate.name)
            metadata = self.metadata(candidate)
            for extra in ("", *sorted(extras)):
                for declared in metadata.requires if metadata is not None else ():
                    if declared.url is None and self._wanted(declared, extra):
                        self._expect(self._asked(candidate, declared, extra))


def _facts_of(requirement: Requirement) -> tuple[Fact, ...]:
    return requirement.origin.facts if isinstance(requirement.origin, RuleOrigin) else ()


def _is_pin(specifier: SpecifierSet) -> bool:
    return any(item.operator in ("==", "===") and not item.version.endswith(".*") for item in specifier)


def _place(requirement: Requirement) -> str:
    return f" ({requirement.origin.where})" if isinstance(requirement.origin, UserOrigin) else ""


def _unusable(candidate: Candidate, why: str) -> Requirement:
    return Requirement(
        name=IMPOSSIBLE,
        origin=UnusableOrigin(package=candidate.name, version=str(candidate.version), why=why),
    )
