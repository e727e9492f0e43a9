"""The plan of an installation: what would be installed, what speaks against it, what would prove it.

Pure: the lock, the target and the rules decide, and nothing of the lock's
``[tool]`` does.  Whether the locked distributions run here is what is judged.  A
fact that is absent or unknown stops nothing (an image is built without a GPU):
it is named as a condition still to be proved.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from packaging.markers import Marker
from packaging.pylock import Pylock
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.distribution import Wheel
from envfit.errors import InputError, LockError
from envfit.frozen import frozen
from envfit.install.module import Module, counted_packages, refusals_of_module
from envfit.install.refusal import Refusal, named
from envfit.knowledge.facts import fact_of
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.knowledge.verdict import IMPOSSIBLE, Judgement
from envfit.lock.contract import Contract, contract_of
from envfit.lock.reading import LockedPackage, locked_packages
from envfit.requirement import Requirement, RuleOrigin
from envfit.resolve.explain import Reason
from envfit.target import CUDA, CUDA_ARCH, CUDA_DRIVER, GLIBC, LIBCUDA, Fact, FactState, Provided, Target

__all__ = ["HealthCheck", "Plan", "Unproved", "plan"]

_GPU = "GPU"
_GPU_FACTS = frozenset({_GPU, CUDA, CUDA_ARCH, CUDA_DRIVER, LIBCUDA})
_NEWEST_GLIBC = 99  # minor; newer than any that a wheel is tagged with


@frozen
class Unproved:
    """A condition that nothing here can prove, and the packages that depend on it."""

    fact: str  # "GPU", "__cuda_driver", or "GPU code" where no one has read it
    state: FactState
    bounds: str = ""  # what it must be, where known: "capability 7.0 to 12.0, driver 525.60.13 or newer"
    packages: tuple[str, ...] = ()  # "cupy-cuda12x 13.6.0"
    why: tuple[str, ...] = ()  # the rules' sentences

    def __str__(self) -> str:
        subject = f"a {self.fact}" if self.fact == _GPU else self.fact
        waiting = "; ".join(part for part in (self.bounds, named(self.packages)) if part)
        return f"{subject} is {self.state.value} here: {waiting} still to be proved"


@frozen
class HealthCheck:
    """The imports that prove one package; none where they are read from its files once installed."""

    package: str
    imports: tuple[str, ...] = ()


@frozen
class Plan:
    """What an installation would do, before anything is touched."""

    python: str  # minor version, such as 3.11
    to_install: tuple[LockedPackage, ...]
    to_build: tuple[LockedPackage, ...]  # must be compiled for a GPU, and are not skipped
    skipped: tuple[str, ...]  # sorted
    refusals: tuple[Refusal, ...]
    conditions: tuple[Unproved, ...]
    warnings: tuple[RuleOrigin, ...]
    checks: tuple[HealthCheck, ...]

    @property
    def download_size(self) -> int:
        """Bytes to download where nothing is cached; files of unstated size count as none."""
        return sum(package.distribution.size or 0 for package in self.to_install)


def plan(
    lock: Pylock,
    target: Target,
    knowledge: KnowledgeBase,
    *,
    skip: frozenset[str] = frozenset(),
    ignored: frozenset[str] = frozenset(),
    module: Module | None = None,
) -> Plan:
    """Judge a lock on a target.

    The target's Python is not looked at: the environment gets the one that the
    lock requires.  ``skip`` names packages to leave out, ``ignored`` rules that
    are switched off; ``module`` is what an interpreter provides.  Raises LockError
    on a lock that cannot be installed anywhere and InputError on a name in ``skip``
    that it does not have.
    """
    packages = locked_packages(lock)
    _require_hashes(packages)
    skipped = _skipped(packages, skip)
    python = _python(lock, target, knowledge)
    target = replace(target, python=python, provided=module.provided if module is not None else ())
    wanted = [package for package in packages if package.name not in skipped]
    to_install = tuple(package for package in wanted if not package.build)
    counted = counted_packages(lock) if module is not None else ()
    verdict = _Verdict(target, knowledge, ignored)
    if foreign := _foreign(lock.environments or (), target):
        # That the lock is for another platform explains every single wheel.
        verdict.refuse(Reason(sentence=foreign))
    else:
        for refusal in refusals_of_module(module, counted, to_install, python) if module is not None else ():
            verdict.refuse(refusal.reason, *refusal.packages)
        verdict.judge(to_install, [package.name for package in counted])
    return Plan(
        python=target.python_minor,
        to_install=to_install,
        to_build=tuple(package for package in wanted if package.build),
        skipped=tuple(sorted(skipped)),
        refusals=verdict.refusals(),
        conditions=verdict.conditions(to_install),
        warnings=tuple(verdict.warnings),
        checks=tuple(_checks(counted, to_install, knowledge)),
    )


def _require_hashes(packages: Iterable[LockedPackage]) -> None:
    for package in packages:
        if package.distribution.sha256 is None and not package.is_source_tree:
            raise LockError(
                f"{package.distribution.filename} is locked without a sha256, so nobody can tell what it is",
                hints=["lock again with envfit lock"],
            )


def _skipped(packages: Sequence[LockedPackage], skip: Iterable[str]) -> frozenset[str]:
    names = [package.name for package in packages]
    skipped = frozenset(map(str, map(canonicalize_name, skip)))
    for name in sorted(skipped.difference(names)):
        near = difflib.get_close_matches(name, names)
        raise InputError(
            f"{name} cannot be skipped: it is not in the lock",
            hints=[f"did you mean {' or '.join(near)}?"] if near else [],
        )
    return skipped


def _python(lock: Pylock, target: Target, knowledge: KnowledgeBase) -> Version:
    """Return the newest release of the Python that a lock is for."""
    required = lock.requires_python
    if required is None:
        return target.python
    newest = {entry.minor: entry.newest for entry in knowledge.pythons}
    if minor := re.fullmatch(r"==(\d+\.\d+)\.\*", str(required)):
        return newest.get(minor[1]) or Version(minor[1])
    for version in (target.python, *reversed(newest.values())):
        if required.contains(version, prereleases=True):
            return version
    raise LockError(f"the lock requires Python {required}, and no such Python is known")


def _foreign(environments: Sequence[Marker], target: Target) -> str | None:
    """Return in one sentence that a lock is for other machines, or None where it is for the target."""
    environment = target.marker_environment()
    if not environments or any(marker.evaluate(environment) for marker in environments):
        return None
    return f"The lock is for {' or '.join(map(str, environments))}, and this is {target.platform}."


# -- what speaks against it, and what stays open ------------------------------


class _Verdict:
    """What the rules and the tags say of a set of locked packages."""

    def __init__(self, target: Target, knowledge: KnowledgeBase, ignored: frozenset[str]) -> None:
        self._target = target
        self._knowledge = knowledge
        self._query = Query(knowledge, target, ignored=ignored)
        self._refusals: dict[tuple[str | None, str], Refusal] = {}
        self._open: dict[tuple[str, FactState], list[RuleOrigin]] = defaultdict(list)
        self._choices: dict[str, list[Requirement]] = defaultdict(list)
        self.warnings: list[RuleOrigin] = []

    def judge(self, packages: Sequence[LockedPackage], counted: Sequence[str] = ()) -> None:
        """Judge every package by itself, then together with those that are counted on."""
        versions = {package.name: package.version for package in self._target.provided}
        versions.update((item.name, item.version) for item in packages if item.version is not None)
        for provided in self._target.provided:
            if provided.name in counted:
                subject = f"{provided.name} {provided.version}"
                self._take(self._query.judge(provided.name, provided.version, None), subject, versions)
        fits = _Fit(self._target)
        for package in packages:
            subject = str(package)
            if misfit := fits.misfit(package):
                self.refuse(Reason(sentence=misfit), subject)
            # A source tree has no version in a lock, and rules speak of versions.
            if package.version is not None:
                self._take(
                    self._query.judge(package.name, package.version, package.distribution), subject, versions
                )
        for name, requirements in self._choices.items():
            self._agree(name, requirements)

    def _take(self, judgement: Judgement, subject: str, versions: Mapping[str, Version]) -> None:
        self.warnings += judgement.warnings
        for origin in judgement.conditions:
            self._leave_open(origin, FactState.UNKNOWN)
        for requirement in judgement.requirements:
            if absence := _absence(requirement):
                self._leave_open(absence, FactState.ABSENT)
            elif self._is_choice(requirement.name):
                self._choices[requirement.name].append(requirement)
            elif not self._holds(requirement, versions):
                self.refuse(Reason.of(requirement), subject)

    def _is_choice(self, name: str) -> bool:
        return name != IMPOSSIBLE and name.startswith("__") and fact_of(self._target, name) is None

    def _holds(self, requirement: Requirement, versions: Mapping[str, Version]) -> bool:
        if requirement.name == IMPOSSIBLE:
            return False
        if requirement.name.startswith("__"):
            fact = fact_of(self._target, requirement.name)
            if fact is None or fact.state is not FactState.KNOWN:
                return True
            return fact.version is not None and requirement.specifier.contains(fact.version, prereleases=True)
        # A package that is not in the lock is provided by a module or was skipped.
        version = versions.get(requirement.name)
        return version is None or requirement.specifier.contains(version, prereleases=True)

    def _agree(self, name: str, requirements: Sequence[Requirement]) -> None:
        """Refuse the requirements on a choice that no value satisfies; a pair of them where a pair does."""
        values = self._query.values(name) or ()
        for group in (*combinations(requirements, 2), tuple(requirements)):
            if _agreeable(values, group):
                continue
            origins = [item.origin for item in group if isinstance(item.origin, RuleOrigin)]
            whys = dict.fromkeys(origin.why for origin in origins)
            self.refuse(
                Reason(
                    sentence=" But: ".join(whys),
                    rule=origins[-1].rule,
                    evidence=tuple(dict.fromkeys(line for origin in origins for line in origin.evidence)),
                ),
                *dict.fromkeys(f"{origin.package} {origin.version}" for origin in origins),
            )
            return

    def refuse(self, reason: Reason, *subjects: str) -> None:
        """Add a refusal; packages refused in the same words share one."""
        key = (reason.rule, reason.sentence)
        known = self._refusals.get(key, Refusal(packages=(), reason=reason))
        self._refusals[key] = Refusal(
            packages=tuple(dict.fromkeys((*known.packages, *subjects))),
            reason=replace(reason, facts=tuple(dict.fromkeys((*known.reason.facts, *reason.facts)))),
        )

    def refusals(self) -> tuple[Refusal, ...]:
        """Return the refusals in the order in which they came up."""
        return tuple(self._refusals.values())

    def _leave_open(self, origin: RuleOrigin, state: FactState) -> None:
        names = [fact.name for fact in origin.facts if fact.state is state] or ["GPU code"]
        for name in names:
            if name in _GPU_FACTS and not self._target.gpus:
                self._open[_GPU, FactState.ABSENT].append(origin)
            else:
                self._open[name, state].append(origin)

    def conditions(self, packages: Sequence[LockedPackage]) -> tuple[Unproved, ...]:
        """Return what is still to be proved, one per fact."""
        bounds: dict[tuple[str, FactState], str] = {}
        no_glibc = self._target.fact(GLIBC).state is FactState.UNKNOWN
        if not self._target.gpus or no_glibc:
            contract = contract_of(
                [
                    (item.name, item.version, item.distribution)
                    for item in packages
                    if item.version is not None
                ],
                self._target,
                self._knowledge,
            )
            if not self._target.gpus and (bound := _gpu_bounds(contract)):
                bounds[_GPU, FactState.ABSENT] = bound
            if no_glibc and contract.glibc is not None:
                bounds[GLIBC, FactState.UNKNOWN] = f"{contract.glibc} or newer"
        return tuple(
            Unproved(
                fact=key[0],
                state=key[1],
                bounds=bounds.get(key, ""),
                packages=tuple(
                    dict.fromkeys(f"{origin.package} {origin.version}" for origin in self._open.get(key, ()))
                ),
                why=tuple(dict.fromkeys(origin.why for origin in self._open.get(key, ()))),
            )
            for key in dict.fromkeys((*bounds, *self._open))
        )


def _gpu_bounds(contract: Contract) -> str:
    """Return what a contract asks of a GPU and its driver; nothing where it asks nothing or wants none."""
    if contract.capabilities == () or (contract.capabilities is None and contract.driver is None):
        return ""
    text = str(replace(contract, glibc=None, without_gpu=False))
    return text.removesuffix(f", {contract.platform.system} {contract.platform.machine}")


def _absence(requirement: Requirement) -> RuleOrigin | None:
    """Return the rule of a requirement that fails only because the machine lacks something."""
    origin = requirement.origin
    if requirement.name != IMPOSSIBLE or not isinstance(origin, RuleOrigin):
        return None
    return origin if any(fact.state is FactState.ABSENT for fact in origin.facts) else None


def _agreeable(values: Iterable[Version], requirements: Sequence[Requirement]) -> bool:
    return any(
        all(item.specifier.contains(value, prereleases=True) for item in requirements) for value in values
    )


class _Fit:
    """Whether the locked files are made for the target, by their tags and their Python."""

    def __init__(self, target: Target) -> None:
        # An unknown glibc is a condition, not a refusal: every glibc is admitted then.
        unknown = target.fact(GLIBC).state is FactState.UNKNOWN
        self._target = target
        self._tags = frozenset((_with_glibc(target, _NEWEST_GLIBC) if unknown else target).tags())

    def misfit(self, package: LockedPackage) -> str | None:
        """Return why a file cannot be installed on the target in one sentence, or None where it can."""
        file, python = package.distribution, self._target.python_minor
        if file.requires_python is not None and not self._admits(file.requires_python):
            return f"It requires Python {file.requires_python}, and the lock is for {python}."
        if not isinstance(file, Wheel) or not self._tags.isdisjoint(file.tags):
            return None
        if self._fits(file, _NEWEST_GLIBC):
            needed = next(minor for minor in range(_NEWEST_GLIBC + 1) if self._fits(file, minor))
            have = self._target.fact(GLIBC)
            found = f"has {have.value}" if have.state is FactState.KNOWN else "has none"
            return f"Its wheel needs glibc 2.{needed} or newer, and this machine {found}."
        return f"{file.filename} is not made for CPython {python} on {self._target.platform}."

    def _admits(self, requires_python: SpecifierSet) -> bool:
        return requires_python.contains(self._target.python, prereleases=True)

    def _fits(self, wheel: Wheel, glibc_minor: int) -> bool:
        return not wheel.tags.isdisjoint(_with_glibc(self._target, glibc_minor).tags())


def _with_glibc(target: Target, minor: int) -> Target:
    glibc = Fact(name=GLIBC, state=FactState.KNOWN, value=f"2.{minor}")
    return replace(target, facts=(*(fact for fact in target.facts if fact.name != GLIBC), glibc))


# -- what proves it -----------------------------------------------------------


def _checks(
    counted: Sequence[Provided], packages: Sequence[LockedPackage], knowledge: KnowledgeBase
) -> Iterator[HealthCheck]:
    """Yield what to import: the packages that nothing else brought in, and those with a known check."""
    roots = _roots(packages)
    for name in (*(package.name for package in counted), *(package.name for package in packages)):
        known = knowledge.packages.get(name)
        if known is not None and known.imports:
            yield HealthCheck(package=name, imports=known.imports)
        elif name in roots:
            yield HealthCheck(package=name)


def _roots(packages: Sequence[LockedPackage]) -> frozenset[str]:
    """Return the packages that none depends on, except those that they depend on themselves."""
    dependencies = {package.name: package.dependencies for package in packages}
    reached = {name: _reachable(name, dependencies) for name in dependencies}
    return frozenset(
        name
        for name in dependencies
        if all(other in reached[name] for other in dependencies if name in reached[other])
    )


def _reachable(name: str, dependencies: Mapping[str, Sequence[str]]) -> frozenset[str]:
    found: set[str] = set()
    pending = list(dependencies[name])
    while pending:
        other = pending.pop()
        if other not in found and other in dependencies:
            found.add(other)
            pending += dependencies[other]
    return frozenset(found)
