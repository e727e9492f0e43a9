"""Why a package is there at that version, what else it could be, and why it is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.api.request import LockRequest
from envfit.api.solving import Job, OpenJob, Variation, Watch, begin
from envfit.api.targets import Notify
from envfit.errors import EnvfitError, RefusalError, RequirementError, UndecidedError, UnknownPackageError
from envfit.frozen import frozen
from envfit.index.build_metadata import BuildFailedError, CannotBuildHereError
from envfit.knowledge.gpu_code import GpuCode, gpu_code
from envfit.knowledge.model import CAPABILITY, KnowledgeBase
from envfit.knowledge.other_targets import facts_read, newer_drivers, with_glibc, with_newer_gpu, without_gpus
from envfit.knowledge.query import Query
from envfit.project import Project, applies, for_target, parse_requirement
from envfit.requirement import Requirement, RuleOrigin, UserOrigin
from envfit.resolve.amendments import Lifted
from envfit.resolve.chains import Chain, chains_to, demanders_of, roots_of
from envfit.resolve.changes import Change, changes_between
from envfit.resolve.decide import Unsatisfied
from envfit.resolve.reason import Group, Reason
from envfit.resolve.resolution import Pin, Resolution, held_by
from envfit.resolve.way_out import WayKind
from envfit.target import CUDA_DRIVER, FactState

__all__ = [
    "Account",
    "Bound",
    "Possibility",
    "Trial",
    "Wanted",
    "absence",
    "account",
    "listed",
    "possibility",
]

#: Resolutions of one answer besides the first; what is left untried is said.
TRIALS = 12
_LISTED = 4
_GLIBC = re.compile(r"needs glibc (\d+\.\d+)")
_NEWER_FACTS = 3  # values of one fact that are tried for one reason


@frozen
class Trial:
    """What the package would be with one thing changed, resolved in full."""

    what: str  # "without asking for vllm", "with driver 580.65.06"
    version: Version | None  # None: it would not be there, or nothing fits
    refused: str | None = None  # why nothing fits


@frozen
class Bound:
    """One thing that keeps newer releases out."""

    text: str
    versions: tuple[Version, ...]  # newest first
    rule: str | None = None
    facts: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    trials: tuple[Trial, ...] = ()


@frozen
class Wanted:
    """A range that is asked of the package, and by whom."""

    text: str  # such as torch==2.7.0
    by: tuple[str, ...]  # "vllm 0.9.2", or "you (pyproject.toml)", or "vllm 0.9.2 [rule/id]"
    evidence: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()


@frozen
class Account:
    """Why a package is there at that version, or why it is not there."""

    name: str
    version: Version | None  # None: it is not there
    source: str  # "pylock.toml", or "" where it was resolved for the question
    chains: tuple[Chain, ...] = ()
    is_more: bool = False  # whether there are more chains than these
    wanted: tuple[Wanted, ...] = ()
    code: GpuCode | None = None
    bounds: tuple[Bound, ...] = ()
    newest: Version | None = None  # that is kept out
    untried: int = 0
    absent: tuple[str, ...] = ()  # why it is not there, in sentences
    notes: tuple[str, ...] = ()


@frozen
class Possibility:
    """Whether a package could be otherwise, and what would change."""

    asked: str  # such as torch==2.13.0
    name: str
    before: Version | None  # None: it is not there
    after: Version | None = None
    changes: tuple[Change, ...] = ()
    refused: EnvfitError | None = None  # what says that it cannot be


def account(
    name: str,
    request: LockRequest,
    base: KnowledgeBase,
    *,
    environ: Mapping[str, str],
    notify: Notify,
    watch: Watch,
    chains: int,
) -> Account:
    """Resolve a request, and account for one package of it; ``chains`` bounds how many ways in are told.

    Raises the errors of resolving where the request itself cannot be met.
    """
    name = canonicalize_name(name)
    job = begin(request, base, environ=environ, notify=notify, watch=watch)
    with job.open(job.best_target()) as opened:
        resolution = opened.resolve(Variation(explained=frozenset({name})), ways=True)
        pin = resolution.pin(name)
        if pin is not None:
            return _Accounting(job, opened, resolution, pin).account(chains)
    return Account(
        name=name,
        version=None,
        source="",
        absent=tuple(dict.fromkeys(absence(name, resolution, job.project))),
    )


class _Accounting:
    """One package of one resolution, and what it would be otherwise."""

    def __init__(self, job: Job, opened: OpenJob, resolution: Resolution, pin: Pin) -> None:
        self._job = job
        self._opened = opened
        self._resolution = resolution
        self._pin = pin
        self._demanders = demanders_of(resolution)
        self._outcomes: dict[Variation, Resolution | str] = {}
        self._untried: set[Variation] = set()

    def account(self, limit: int) -> Account:
        pin, resolution = self._pin, self._resolution
        found = chains_to(pin.name, self._demanders, limit=limit + 1)
        groups = [group for group in resolution.excluded if group.name == pin.name]
        said = {held_by(one) for one in pin.requirements if not isinstance(one.origin, RuleOrigin)}
        constrained = tuple(f"it is excluded by your constraint {one}" for one in self._constraints())
        held = [
            group
            for group in groups
            if group.reason in said or (constrained and group.reason.sentence.startswith(constrained))
        ]
        bounds = [self._ruled(group) for group in groups if group not in held]
        bounds += self._required([version for group in held for version in group.versions])
        if self._opened.preferences.pinned.get(pin.name) == pin.version:
            trial = self._try("with --upgrade", Variation())
            if trial is not None and self._is_newer(trial):
                kept = Bound(text="kept from the existing lock", versions=(), trials=(trial,))
                bounds.insert(0, kept)
        versions = [version for group in groups for version in group.versions]
        query = Query(self._job.base, resolution.target, ignored=self._job.ignored)
        prebuilt = query.prebuilt(pin.name, pin.version)
        return Account(
            name=pin.name,
            version=pin.version,
            source="",
            chains=found[:limit],
            is_more=len(found) > limit,
            wanted=tuple(_wanted(pin.requirements)),
            code=gpu_code(query, pin.name, pin.candidate.distribution),
            bounds=tuple(bounds),
            newest=max(versions, default=None),
            untried=len(self._untried),
            notes=(
                *((prebuilt.said,) if prebuilt is not None else ()),
                *(note for note in resolution.notes if note.startswith(f"{pin.name} ")),
            ),
        )

    def _ruled(self, group: Group) -> Bound:
        """Return the bound that a rule, or the lack of a usable file, is."""
        trials: list[Trial] = []
        for what, variation in self._without(group.reason):
            trial = self._try(what, variation)
            if trial is not None:
                trials.append(trial)
                if trial.version is not None and trial.version > self._pin.version:
                    break
        return Bound(
            text=group.reason.sentence,
            versions=group.versions,
            rule=group.reason.rule,
            facts=group.reason.facts,
            evidence=group.reason.evidence,
            trials=tuple(trials),
        )

    def _without(self, reason: Reason) -> Iterator[tuple[str, Variation]]:
        """Yield the ways in which a reason would not hold: another fact, or the rule switched off."""
        if reason.rule is None:
            yield from self._of_files(reason.sentence)
            return
        base, target = self._job.base, self._resolution.target
        facts = facts_read(reason.rule, base)
        if CUDA_DRIVER in facts and target.fact(CUDA_DRIVER).state is FactState.KNOWN:
            for driver, other in list(newer_drivers(target, base, rule=reason.rule))[:_NEWER_FACTS]:
                yield f"with driver {driver}", Variation(target=other)
        if CAPABILITY in facts and target.gpus:
            if len(target.capabilities) > 1:
                for capability in target.capabilities:
                    gpus = [gpu for gpu in target.gpus if gpu.capability == capability]
                    names = listed(list(dict.fromkeys(gpu.name for gpu in gpus)))
                    yield f"without the {names}", Variation(target=without_gpus(target, gpus))
            for capability, other in list(with_newer_gpu(target, base))[:_NEWER_FACTS]:
                yield f"on a GPU of capability {capability}", Variation(target=other)
        if any(rule.id == reason.rule for rule in base.rules):
            yield "without that rule", Variation(ignored=frozenset({reason.rule}))

    def _of_files(self, sentence: str) -> Iterator[tuple[str, Variation]]:
        """Yield the ways in which files would fit that do not: a newer C library, another Python."""
        target = self._resolution.target
        needed = _GLIBC.search(sentence)
        if needed is not None:
            yield f"with glibc {needed[1]}", Variation(target=with_glibc(target, needed[1]))
        if "Python" in sentence:
            others = [one for one in self._job.other_pythons() if one.minor != target.python.minor]
            # The nearest, a newer one first.
            others.sort(key=lambda one: (abs(one.minor - target.python.minor), -one.minor))
            for python in others[:2]:
                minor = f"{python.major}.{python.minor}"
                yield f"with Python {minor}", Variation(target=replace(target, python=python))

    def _required(self, versions: Sequence[Version]) -> Iterator[Bound]:
        """Yield the requirements that keep versions out: each lifted alone; then without other names."""
        binding: dict[str, list[Requirement]] = {}
        for requirement in sorted((*self._pin.requirements, *self._constraints()), key=_who):
            if any(not requirement.specifier.contains(version, prereleases=True) for version in versions):
                binding.setdefault(_range(requirement), []).append(requirement)
        trials = {text: self._lifted(several) for text, several in binding.items()}
        freed = any(self._is_newer(trial) for several in trials.values() for trial in several)
        everything = () if freed or not binding else tuple(self._unasked())
        for place, (text, several) in enumerate(binding.items()):
            specifier = several[0].specifier
            yield Bound(
                text=_ask_for(several),
                versions=tuple(one for one in versions if not specifier.contains(one, prereleases=True)),
                trials=(*trials[text], *(everything if place == len(binding) - 1 else ())),
            )

    def _constraints(self) -> Iterator[Requirement]:
        return (one for one in self._resolution.constraints if one.name == self._pin.name)

    def _lifted(self, requirements: Sequence[Requirement]) -> tuple[Trial, ...]:
        """Try without each of several requirements of the same range, alone."""
        found = []
        for requirement in requirements:
            lifted = Lifted.of(requirement)
            if lifted is not None:
                what = f"without {lifted.package} {lifted.version}'s {_range(requirement)}"
                trial = self._try(what, Variation(lifted=frozenset({lifted})))
            elif isinstance(requirement.origin, UserOrigin):
                what = f"without your {_range(requirement)}"
                trial = self._try(what, Variation(unbound=frozenset({requirement.name})))
            else:
                continue
            if trial is not None:
                found.append(trial)
        return tuple(found)

    def _unasked(self) -> Iterator[Trial]:
        """Try without each name that the user asks for and that leads here."""
        for root in roots_of(self._pin.name, self._demanders):
            trial = self._try(f"without asking for {root}", Variation(dropped=frozenset({root})))
            if trial is not None:
                yield trial

    def _is_newer(self, trial: Trial) -> bool:
        return trial.version is not None and trial.version > self._pin.version

    def _try(self, what: str, variation: Variation) -> Trial | None:
        """Resolve otherwise, with nothing kept from a lock; None where enough was tried."""
        variation = replace(variation, upgraded=True)
        outcome = self._outcomes.get(variation)
        if outcome is None:
            if len(self._outcomes) >= TRIALS:
                self._untried.add(variation)
                return None
            try:
                outcome = self._opened.resolve(variation)
            except (RefusalError, UndecidedError, CannotBuildHereError, BuildFailedError) as error:
                outcome = error.message
            self._outcomes[variation] = outcome
        if isinstance(outcome, str):
            return Trial(what=what, version=None, refused=outcome)
        pin = outcome.pin(self._pin.name)
        return Trial(what=what, version=pin.version if pin is not None else None)


def absence(name: str, resolution: Resolution, project: Project) -> Iterator[str]:
    """Yield why a package is not in a resolution."""
    for left in resolution.left_out:
        if left.name == name:
            yield "you want it where it is supported, and it is left out:"
            yield from (f"- {reason}" for reason in left.reasons)
    if name in resolution.amendments.excluded:
        yield "you exclude it"
    environment = resolution.target.marker_environment()
    for one in project.requirements:
        if one.name == name and not applies(one, environment):
            yield f"you ask for it only where {one.marker} ({one.where}), which does not hold on this target"
    for pin in resolution.pins:
        metadata = pin.metadata
        for declared in metadata.requires if metadata is not None else ():
            if metadata is None or declared.name != name:
                continue
            extras = [
                extra for extra in sorted(metadata.known_extras()) if declared.holds(environment, extra)
            ]
            if not extras:
                yield (
                    f"{pin.name} {pin.version} requires it only where {declared.marker}, "
                    "which does not hold on this target"
                )
            else:
                yield (
                    f"{pin.name} {pin.version} requires it with its extra {extras[0]}, which nobody asks for"
                )


def possibility(
    text: str,
    request: LockRequest,
    base: KnowledgeBase,
    *,
    environ: Mapping[str, str],
    notify: Notify,
    watch: Watch,
) -> Possibility:
    """Resolve a request as it is, and with one more requirement.

    Raises the errors of resolving where the request itself cannot be met, and RequirementError
    on a requirement that is none.
    """
    declared = parse_requirement(text, "the question")
    if declared.name is None or declared.direct is not None:
        raise RequirementError(f"{text!r}: a question is about a name and its versions, not about an address")
    name = declared.name
    job = begin(request, base, environ=environ, notify=notify, watch=watch)
    with job.open(job.best_target()) as opened:
        before = opened.resolve(ways=True)
        asked = for_target([replace(declared, marker=None)], before.target.marker_environment())
        # What the user named is read first.
        asked_for = {one.name for one in (*before.requirements, *asked)}
        try:
            after = opened.resolve(Variation(added=asked), ways=True)
        except (RefusalError, UndecidedError, UnknownPackageError) as error:
            if isinstance(error, Unsatisfied):
                # Not to ask is no answer to a question.
                error.ways = tuple(
                    way
                    for way in error.ways
                    if way.kind is not WayKind.PACKAGE or way.change.instead_of != text
                )
            return Possibility(asked=text, name=name, before=_version(before, name), refused=error)
    return Possibility(
        asked=text,
        name=name,
        before=_version(before, name),
        after=_version(after, name),
        changes=tuple(
            sorted(changes_between(before, after), key=lambda change: change.name not in asked_for)
        ),
    )


def _version(resolution: Resolution, name: str) -> Version | None:
    pin = resolution.pin(name)
    return pin.version if pin is not None else None


def _wanted(requirements: Sequence[Requirement]) -> Iterator[Wanted]:
    """Yield each range once, with everyone who asks for it; rules by themselves, for they have proof."""
    by_range: dict[str, list[str]] = {}
    for requirement in requirements:
        origin = requirement.origin
        if isinstance(origin, RuleOrigin):
            yield Wanted(
                text=str(requirement),
                by=(f"{origin.package} {origin.version} [{origin.rule}]",),
                evidence=origin.evidence,
                facts=tuple(map(str, origin.facts)),
            )
        else:
            by_range.setdefault(_range(requirement), []).append(_who(requirement))
    for text, by in by_range.items():
        yield Wanted(text=text, by=tuple(dict.fromkeys(by)))


def _range(requirement: Requirement) -> str:
    """Return name and range, whatever extras are asked for."""
    return f"{requirement.name}{requirement.specifier}"


def _who(requirement: Requirement) -> str:
    origin = requirement.origin
    return f"you ({origin.where})" if isinstance(origin, UserOrigin) else f"{origin.package} {origin.version}"


def _ask_for(requirements: Sequence[Requirement]) -> str:
    """Say who asks for one range: ``vllm 0.9.2 and xformers 0.0.30 require torch==2.7.0``."""
    sentences = [str(one.origin) for one in requirements if isinstance(one.origin, UserOrigin)]
    packages = list(
        dict.fromkeys(_who(one) for one in requirements if not isinstance(one.origin, UserOrigin))
    )
    if packages:
        verb = "requires" if len(packages) == 1 else "require"
        sentences.append(f"{listed(packages)} {verb} {_range(requirements[0])}")
    return "; ".join(sentences)


def listed(names: Sequence[str]) -> str:
    """Write names as people do; of many, the first four."""
    shown = list(names) if len(names) <= _LISTED + 1 else [*names[:_LISTED], f"{len(names) - _LISTED} more"]
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))
