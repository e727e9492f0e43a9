"""What the rules, the tags and the GPU code say of a set of locked packages on a target.

The set is taken as it is: each package is judged by itself, then all of them together.
A fact that is unknown stops nothing: it is named as a condition still to be proved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from packaging.version import Version

from envfit.knowledge.facts import fact_of
from envfit.knowledge.model import CAPABILITY, KnowledgeBase
from envfit.knowledge.objections import is_ignored
from envfit.knowledge.query import Query
from envfit.knowledge.verdict import IMPOSSIBLE, Caution, Judgement
from envfit.lock.contract import Contract, contract_of
from envfit.lock.fit import Fit
from envfit.lock.reading import LockedPackage
from envfit.lock.refusal import GPU, Cause, Refusal, Unproved
from envfit.requirement import Requirement, RuleOrigin
from envfit.resolve.reason import Reason
from envfit.target import CUDA, CUDA_ARCH, CUDA_DRIVER, GLIBC, LIBCUDA, FactState, Target

__all__ = ["SetVerdict"]

_GPU_FACTS = frozenset({GPU, CUDA, CUDA_ARCH, CUDA_DRIVER, LIBCUDA})
_DRIVER_FACTS = frozenset({CUDA, CUDA_DRIVER, LIBCUDA})
# By the last part of the id of a verdict that no rule file states.
_CAUSES = {"device-code": Cause.CODE, "no-gpu-code": Cause.NO_CODE, "no-recipe": Cause.SOURCE}


class SetVerdict:
    """A verdict being made of a set of locked packages.

    ``whole`` says that the set is all that will be installed: what a rule requires and
    is not in it is missing then.  ``place`` is what the target is called in a sentence.
    """

    def __init__(
        self,
        target: Target,
        knowledge: KnowledgeBase,
        ignored: frozenset[str] = frozenset(),
        *,
        whole: bool = False,
        place: str = "this machine",
    ) -> None:
        self._target = target
        self._knowledge = knowledge
        self._whole = whole
        self._fit = Fit(target, place=place)
        self._query = Query(knowledge, target, ignored=ignored)
        self._refusals: dict[tuple[str | None, str], Refusal] = {}
        self._open: dict[tuple[str, FactState], list[RuleOrigin]] = defaultdict(list)
        self._choices: dict[str, list[Requirement]] = defaultdict(list)
        self._named: set[str] = set()  # packages that rules about the set speak of
        self._cautions: list[Caution] = []
        self.warnings: list[RuleOrigin] = []

    def judge(self, packages: Sequence[LockedPackage], counted: Sequence[str] | None = None) -> None:
        """Judge every package by itself, then together with what is provided and counts.

        ``counted`` names that; None: what the rules about the packages tie to them.
        """
        versions = {package.name: package.version for package in self._target.provided}
        versions.update((item.name, item.version) for item in packages if item.version is not None)
        for package in packages:
            subject = str(package)
            if misfit := self._fit.misfit(package.distribution):
                cause, sentence = misfit
                self.refuse(Reason(sentence=sentence), subject, cause=cause)
            # A source tree has no version in a lock, and rules speak of versions.
            if package.version is not None:
                self._take(
                    self._query.judge(package.name, package.version, package.distribution), subject, versions
                )
        for provided in self._target.provided:
            judgement = self._query.judge(provided.name, provided.version, None)
            tied = self._is_tied(provided.name, judgement) if counted is None else provided.name in counted
            if tied:
                self._take(judgement, f"{provided.name} {provided.version}", versions)
        for name, requirements in self._choices.items():
            self._agree(name, requirements)
        for caution in self._cautions:
            # Of a set that is not whole, what is not in it may still come.
            if (self._whole or caution.name in versions or not caution.required) and is_ignored(
                caution, versions, self._choices, self._query
            ):
                self.warnings.append(caution.origin)

    def _is_tied(self, name: str, judgement: Judgement) -> bool:
        """Tell whether a rule about the packages speaks of a provided one, or of a choice that it makes."""
        return name in self._named or any(
            self._is_choice(requirement.name) and requirement.name in self._choices
            for requirement in judgement.requirements
        )

    def _take(self, judgement: Judgement, subject: str, versions: Mapping[str, Version]) -> None:
        self.warnings += judgement.warnings
        self._cautions += judgement.cautions
        for origin in judgement.conditions:
            self._leave_open(origin, FactState.UNKNOWN)
        for requirement in judgement.requirements:
            self._named.add(requirement.name)
            if absence := _absence(requirement):
                self._leave_open(absence, FactState.ABSENT)
            elif self._is_choice(requirement.name):
                self._choices[requirement.name].append(requirement)
            elif not self._holds(requirement, versions):
                self.refuse(Reason.of(requirement), subject, cause=_cause(requirement, versions))

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
        version = versions.get(requirement.name)
        if version is None:
            # It may be provided by a module, or was skipped.
            return not self._whole
        return requirement.specifier.contains(version, prereleases=True)

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

    def refuse(self, reason: Reason, *subjects: str, cause: Cause = Cause.PACKAGES) -> None:
        """Add a refusal; packages refused in the same words share one."""
        key = (reason.rule, reason.sentence)
        known = self._refusals.get(key, Refusal(packages=(), reason=reason, cause=cause))
        self._refusals[key] = Refusal(
            packages=tuple(dict.fromkeys((*known.packages, *subjects))),
            reason=replace(reason, facts=tuple(dict.fromkeys((*known.reason.facts, *reason.facts)))),
            cause=known.cause,
        )

    def refusals(self) -> tuple[Refusal, ...]:
        """Return the refusals in the order in which they came up."""
        return tuple(self._refusals.values())

    def _leave_open(self, origin: RuleOrigin, state: FactState) -> None:
        names = [fact.name for fact in origin.facts if fact.state is state] or ["GPU code"]
        for name in names:
            if name in _GPU_FACTS and not self._target.gpus:
                self._open[GPU, FactState.ABSENT].append(origin)
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
                bounds[GPU, FactState.ABSENT] = bound
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


def _cause(requirement: Requirement, versions: Mapping[str, Version]) -> Cause:
    """Return what kind of thing a requirement that does not hold is about."""
    name = requirement.name
    if name == IMPOSSIBLE:
        rule = requirement.origin.rule if isinstance(requirement.origin, RuleOrigin) else ""
        return _CAUSES.get(rule.rpartition("/")[2], Cause.GPU)
    if name.startswith(CAPABILITY):
        return Cause.GPU
    if name in _DRIVER_FACTS:
        return Cause.DRIVER
    if name == GLIBC:
        return Cause.GLIBC
    if name.startswith("__"):
        return Cause.FACT
    return Cause.PACKAGES if name in versions else Cause.MISSING


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
