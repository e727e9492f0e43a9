"""Whether what a file locks would run on a target: the findings, each with its reason and what mends it.

Nothing of the file is changed, and nothing is asked of anybody: what the file leaves open
and nobody has read stays open, and its finding says what would settle it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from packaging.version import Version

from envfit.distribution import Sdist, Wheel
from envfit.doctor import kinds_of_files as kinds
from envfit.doctor.finding import Finding, Kind, Remedy, Severity, Stage
from envfit.doctor.folding import brought_by, folded
from envfit.doctor.locked_choice import Chosen, Missing, choose
from envfit.doctor.newer_driver import driver_that_serves
from envfit.doctor.report import Report, Skipped
from envfit.frozen import frozen
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.lock.contract import contract_of
from envfit.lock.fit import Fit
from envfit.lock.reading import LockedPackage
from envfit.lock.refusal import GPU, Cause, Refusal, Unproved, named
from envfit.lock.verdict import SetVerdict
from envfit.project.locked import LockedFile
from envfit.requirement import RuleOrigin
from envfit.resolve.reason import Reason
from envfit.target import FactState, Target

__all__ = ["STAGES", "Asked", "check_locked"]

_PLACE = "the target"
#: What of a file is looked at.
STAGES = (Stage.METADATA, Stage.KNOWLEDGE)
# What another file or another release would mend.
_OF_RELEASES = frozenset({Cause.CODE, Cause.GPU, Cause.DRIVER, Cause.GLIBC, Cause.TAGS, Cause.SOURCE})


@frozen
class Asked:
    """How the target was asked for, to say the same to another command."""

    words: tuple[str, ...] = ()  # "--gpu", "V100"; none for this machine
    without_gpu: bool = False  # whether it was said that there is no GPU
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def check_locked(
    file: LockedFile,
    target: Target,
    knowledge: KnowledgeBase,
    asked: Asked,
    *,
    ignored: frozenset[str] = frozenset(),
    stages: frozenset[Stage] | None = None,
    notes: Sequence[str] = (),
) -> Report:
    """Judge a locked file on a target; raises InputError on an extra or group that it does not have.

    ``stages`` are those whose findings count; None: all that a file has.  ``notes`` are told
    before those of the file.
    """
    query = Query(knowledge, target, ignored=ignored)
    found = _Findings(file, query, asked)
    skipped: list[Skipped] = []
    told = [*notes, *file.notes]
    if not found.is_for_another():
        chosen = choose(file, query, Fit(target, place=_PLACE), extras=asked.extras, groups=asked.groups)
        found.judge(chosen)
        told += _notes(chosen, query, found)
    else:
        skipped.append(Skipped(stage=Stage.KNOWLEDGE, why="the file is for other machines"))
    wanted = [stage for stage in STAGES if stages is None or stage in stages]
    return Report(
        subject=file.path,
        findings=tuple(finding for finding in found.findings if finding.kind.stage in wanted),
        stages=tuple(stage for stage in wanted if stage not in {item.stage for item in skipped}),
        skipped=tuple(skipped),
        notes=tuple(told),
    )


def _notes(chosen: Chosen, query: Query, found: _Findings) -> Iterator[str]:
    yield f"it installs {_count(len(chosen.packages) + len(chosen.trees), 'package')} there"
    trees = [str(package) for package in chosen.trees if package.name != found.project]
    if trees:
        yield f"not judged, for they are source trees: {named(trees)}"
    if not any(finding.severity is Severity.BREAKS for finding in found.findings):
        contract = contract_of(
            [(item.name, item.version, item.distribution) for item in chosen.packages if item.version],
            query.target,
            query.knowledge,
            ignored=query.ignored,
        )
        yield f"as far as is known, it runs on: {contract}"


class _Findings:
    """The findings of one file."""

    def __init__(self, file: LockedFile, query: Query, asked: Asked) -> None:
        self._file = file
        self._query = query
        self._target = query.target
        self._asked = asked
        self.project = file.project
        self.findings: list[Finding] = []
        self._driver: str | None = None  # with which all of it would run, where only that is lacking

    def is_for_another(self) -> bool:
        """Add that the file is for another Python or platform, which explains all the rest."""
        environment = self._target.marker_environment()
        python = self._file.requires_python
        if python is not None and not python.contains(self._target.python, prereleases=True):
            self._add(
                kinds.PYTHON,
                f"It is locked for Python {python}, and the target has {self._target.python}.",
                remedies=[self._relock(f"Lock it for Python {self._target.python_minor} too.")],
            )
        environments = self._file.environments
        if environments and not any(marker.evaluate(environment) for marker in environments):
            meant = " or ".join(map(str, environments))
            self._add(
                kinds.PLATFORM,
                f"It is locked for {meant}, and the target is {self._target.platform}, "
                f"Python {self._target.python_minor}.",
                remedies=[self._relock("Lock it for the target.")],
            )
        return bool(self.findings)

    def judge(self, chosen: Chosen) -> None:
        """Add what speaks against what is installed, what is open, and what works badly."""
        verdict = SetVerdict(
            self._target,
            self._query.knowledge,
            self._query.ignored,
            whole=self._file.is_whole,
            place=_PLACE,
        )
        verdict.judge(chosen.packages, [package.name for package in self._target.provided])
        refusals = _ordered((*chosen.refusals, *verdict.refusals()), self._query)
        if refusals and all(refusal.cause is Cause.DRIVER for refusal in refusals) and not chosen.missing:
            self._driver = driver_that_serves(chosen.packages, self._query, whole=self._file.is_whole)
        for refusal, others in folded(refusals, brought_by(self._file)):
            self._refuse(refusal, others)
        besides = [] if self._file.is_closed else [one for one in chosen.missing if not one.found]
        for missing in chosen.missing:
            if missing not in besides:
                self._miss(missing)
        for condition in verdict.conditions(chosen.packages):
            self._leave_open(condition)
        self._add_sources(chosen)
        self._add_openness(chosen, besides)
        # What does not run at all has no need of being slow, too.
        broken = {package.partition(" ")[0] for refusal in refusals for package in refusal.packages}
        for origin in dict.fromkeys(verdict.warnings):
            if origin.package not in broken:
                self._warn(origin)

    def _miss(self, missing: Missing) -> None:
        relock = self._relock("Lock again.")
        if missing.found:
            self._add(
                kinds.NEEDS_DISAGREE,
                f"{missing.needed_by} needs {missing.name}{missing.bounds}, and {missing.found} is locked.",
                missing.needed_by,
                f"{missing.name} {missing.found}",
                remedies=[relock],
            )
        else:
            self._add(
                kinds.NEED_NOT_LOCKED,
                f"{missing.needed_by} needs {missing.name}{missing.bounds} there, and none is locked.",
                missing.needed_by,
                remedies=[relock],
            )

    def _refuse(self, refusal: Refusal, others: Sequence[Refusal]) -> None:
        """Add a refusal, with those of packages that come with it and are refused for the same."""
        brought = list(dict.fromkeys(package for other in others for package in other.packages))
        text = f"{named(refusal.packages)}: {refusal.reason.sentence}"
        if brought:
            text += f" So it is with {_count(len(brought), 'package')} that it brings."
        self._add(
            kinds.OF_CAUSE[refusal.cause],
            text,
            *refusal.packages,
            *brought,
            because=refusal.reason,
            measured=[f"it brings {other}" for other in others],
            remedies=self._remedies(refusal),
        )

    def _remedies(self, refusal: Refusal) -> list[Remedy]:
        if self._driver is not None:
            newer = f"Install driver {self._driver} or newer there: with it, the file as it is runs."
            return [self._relock_for(refusal), Remedy(text=newer)]
        return [self._relock_for(refusal)]

    def _relock_for(self, refusal: Refusal) -> Remedy:
        if refusal.cause not in _OF_RELEASES:
            return self._relock("Lock again for the target; envfit lock takes what goes together there.")
        newest = [
            f"{name}<={version}"
            for name in dict.fromkeys(package.partition(" ")[0] for package in refusal.packages)
            if (version := self._newest_running(name)) is not None
        ]
        if not newest:
            return self._relock("Lock again for the target; envfit lock takes the releases that run there.")
        return self._relock(
            f"Lock it with {' and '.join(newest)}: the newest release whose GPU code, as it was read, "
            "runs there."
        )

    def _newest_running(self, name: str) -> Version | None:
        """Return the newest release of a package whose wheel was read and runs on the target."""
        platform = str(self._target.platform)
        listed = {
            Version(text)
            for text, other, _ in self._query.knowledge.lookup.siblings.get(name, ())
            if other == platform
        }
        for version in sorted(listed, reverse=True):
            if not version.is_prerelease and self._runs_alone(name, version):
                return version
        return None

    def _runs_alone(self, name: str, version: Version) -> bool:
        wheel = Wheel(name=name, version=version, filename=f"{name}-{version}.whl", url="", index="")
        package = LockedPackage(name=name, version=version, distribution=wheel, dependencies=(), build=False)
        verdict = SetVerdict(self._target, self._query.knowledge, self._query.ignored)
        verdict.judge([package])
        return not verdict.refusals() and not verdict.conditions([package])

    def _leave_open(self, condition: Unproved) -> None:
        packages = condition.packages
        if condition.fact == GPU:
            if not packages:
                return  # what the others ask of a GPU, the line on where it runs says
            said = self._asked.without_gpu
            self._add(
                kinds.GPU_ABSENT,
                f"{named(packages)} needs a GPU, and the target has none: {' '.join(condition.why)}",
                *packages,
                severity=Severity.BREAKS if said else Severity.OPEN,
                remedies=[
                    Remedy(
                        text="Name the GPU that it is meant for.", commands=(self._again("--gpu", "NAME"),)
                    )
                ],
            )
        elif condition.fact == "GPU code":
            self._add(
                kinds.CODE_UNKNOWN,
                f"{named(packages)}: {' '.join(condition.why[:1])}",
                *packages,
                severity=Severity.OPEN,
                measured=condition.why[1:],
                remedies=[
                    Remedy(
                        text="Read it: a ranged request fetches no more than the libraries.",
                        commands=(self._again("--online"),),
                    )
                ],
            )
        else:
            self._add(
                kinds.FACT_UNKNOWN,
                f"{condition.fact} is {condition.state.value}: {named(packages) or condition.bounds} depends "
                f"on it. {' '.join(condition.why)}".strip(),
                *packages,
                severity=Severity.OPEN if condition.state is FactState.UNKNOWN else Severity.WARNS,
            )

    def _add_sources(self, chosen: Chosen) -> None:
        """Add what is built where it is installed, and source trees of packages with GPU code."""
        for built in chosen.built:
            self._add(
                kinds.BUILT_THERE,
                f"{built} It is built from its source distribution there.",
                *built.packages,
                severity=Severity.WARNS,
            )
        for package in chosen.trees:
            if self._query.package(package.name).gpu_builds:
                self._add(
                    kinds.TREE_UNKNOWN,
                    f"{package} comes from {package.distribution.filename}, and which GPU code that gets is "
                    "not known.",
                    str(package),
                    severity=Severity.OPEN,
                )
        for package in chosen.packages:
            file = package.distribution
            if isinstance(file, Sdist) and self._query.source_build(package.name, file) is not None:
                self._add(
                    kinds.COMPILED_THERE,
                    f"{package} has no wheel in the file and is compiled where it is installed; for which "
                    "GPUs, its build decides.",
                    str(package),
                    severity=Severity.OPEN,
                    measured=(file.filename,),
                    remedies=[
                        self._relock(f"Lock with {package.name} only where it runs.", wanted=package.name)
                    ],
                )

    def _add_openness(self, chosen: Chosen, besides: Sequence[Missing]) -> None:
        """Add what the file leaves open; ``besides`` are packages that come and that it does not name."""
        if self._file.unpinned:
            texts = self._file.unpinned
            self._add(
                kinds.NOT_PINNED,
                f"{self._file.path} pins no one release of {named(texts)}: what is installed is not known.",
                *texts,
                severity=Severity.OPEN,
                remedies=[self._relock("Lock it for the target.")],
            )
        if besides:
            names = sorted({missing.name for missing in besides})
            self._add(
                kinds.NOT_WHOLE,
                f"{self._file.path} does not name all that comes: {named(names)} would be installed in "
                "releases that are not known.",
                *dict.fromkeys(missing.needed_by for missing in besides),
                severity=Severity.OPEN,
                measured=[f"{item.needed_by} needs {item.name}{item.bounds}" for item in besides],
                remedies=[self._relock("Lock all of it for the target.")],
            )
        elif not self._file.is_whole and not self._file.unpinned:
            self._add(
                kinds.NOT_WHOLE,
                f"{self._file.path} does not say that it names all packages: what else comes is not known.",
                severity=Severity.OPEN,
                remedies=[
                    Remedy(text="Ask the index what they require.", commands=(self._again("--online"),))
                ],
            )
        if chosen.unnamed:
            self._add(
                kinds.FILES_NOT_NAMED,
                f"{named(chosen.unnamed)}: the file names a version and no wheel, and does not tell whether "
                f"there is one for CPython {self._target.python_minor} on {self._target.platform}.",
                *chosen.unnamed,
                severity=Severity.OPEN,
                remedies=[Remedy(text="Ask the index.", commands=(self._again("--online"),))],
            )

    def _warn(self, origin: RuleOrigin) -> None:
        self._add(
            kinds.WORKS_BADLY,
            f"{origin.package} {origin.version}: {origin.why}",
            f"{origin.package} {origin.version}",
            severity=Severity.WARNS,
            because=Reason(
                sentence=origin.why,
                rule=origin.rule,
                facts=tuple(
                    f"{fact}, from {fact.source}" if fact.source else str(fact) for fact in origin.facts
                ),
                evidence=origin.evidence,
            ),
        )

    def _relock(self, text: str, *, wanted: str | None = None) -> Remedy:
        """Return that it is to be locked again, and the command where it is known what it was locked from."""
        if not self._file.relock:
            return Remedy(text=text)
        optional = ("--if-supported", wanted) if wanted is not None else ()
        return Remedy(
            text=text, commands=(("envfit", "lock", *self._file.relock, *self._asked.words, *optional),)
        )

    def _again(self, *more: str) -> tuple[str, ...]:
        words = self._asked.words if "--gpu" not in more else ()
        return ("envfit", "check", self._file.path, *words, *more)

    def _add(
        self,
        kind: Kind,
        text: str,
        *subject: str,
        severity: Severity = Severity.BREAKS,
        because: Reason | None = None,
        measured: Sequence[str] = (),
        remedies: Iterable[Remedy] = (),
    ) -> None:
        self.findings.append(
            Finding(
                kind=kind,
                severity=severity,
                subject=subject or (self._file.path,),
                text=text,
                because=because,
                measured=tuple(measured),
                remedies=tuple(remedies),
            )
        )


def _ordered(refusals: Iterable[Refusal], query: Query) -> list[Refusal]:
    """Return refusals with those first that are about a package with GPU builds of its own."""

    def rank(refusal: Refusal) -> int:
        names = [package.partition(" ")[0] for package in refusal.packages]
        return 0 if any(query.package(name).gpu_builds for name in names) else 1

    return sorted(refusals, key=rank)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
