"""What the rules say of a set of installed packages: nothing is searched, everything is judged.

The set is taken as it is: each package with the rules about it, against the facts of the
machine and the rest of the set.  Metadata is not looked at; that is for whoever has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from packaging.version import Version

from envfit.distribution import Distribution, Sdist, Wheel
from envfit.frozen import frozen
from envfit.knowledge.example import ABSENT
from envfit.knowledge.facts import fact_of
from envfit.knowledge.hardware import named_target
from envfit.knowledge.model import Example, KnowledgeBase
from envfit.knowledge.query import KEEPS, Query
from envfit.knowledge.verdict import IMPOSSIBLE, Caution, Judgement
from envfit.requirement import Requirement, RuleOrigin
from envfit.target import Fact, FactState, Target

__all__ = ["Objection", "example_target", "is_ignored", "object_to", "objections_to_example"]


@frozen
class Objection:
    """Why a package of a set cannot work there, or works badly."""

    origin: RuleOrigin
    blocks: bool  # False: it works badly
    demand: Requirement | None = None  # what is not met; None where it is a warning

    def __str__(self) -> str:
        return str(self.origin)


def objections_to_example(
    example: Example, knowledge: KnowledgeBase, *, ignored: frozenset[str] = frozenset()
) -> tuple[Objection, ...]:
    """Return what the rules object to in an example; raises TargetError where its machine cannot be."""
    query = Query(knowledge, example_target(example, knowledge), ignored=ignored)
    return object_to(query, dict(example.installed), built=example.built)


def example_target(example: Example, knowledge: KnowledgeBase) -> Target:
    """Return the machine of an example; raises TargetError and TargetImpossibleError."""
    target = named_target(
        knowledge,
        example.gpus,
        driver=example.driver,
        python=example.python,
        glibc=example.facts.get("__glibc"),
        platform=example.platform,
    )
    said = tuple(
        Fact(
            name=name,
            state=FactState.ABSENT if value == ABSENT else FactState.KNOWN,
            value="" if value == ABSENT else value,
            source=example.place,
        )
        for name, value in example.facts.items()
        if name != "__glibc"
    )
    return replace(target, facts=(*target.facts, *said))


def object_to(
    query: Query,
    installed: Mapping[str, Version],
    *,
    built: frozenset[str] = frozenset(),
    files: Mapping[str, Distribution] | None = None,
) -> tuple[Objection, ...]:
    """Return what the rules object to in a set of packages, by normalized name, on the target of a query.

    ``files`` are what packages were installed from, where that is known.
    """
    known = files or {}
    judged = {
        name: query.judge(name, version, known.get(name) or _distribution(query, name, version, built))
        for name, version in installed.items()
    }
    found: dict[tuple[str, str], Objection] = {}
    for objection in _all(query, installed, judged):
        found.setdefault((objection.origin.rule, objection.origin.package), objection)
    return tuple(found.values())


def _all(
    query: Query, installed: Mapping[str, Version], judged: Mapping[str, Judgement]
) -> Iterator[Objection]:
    choices: dict[str, list[Requirement]] = {}
    for judgement in judged.values():
        for requirement in judgement.requirements:
            if _is_choice(requirement, query):
                choices.setdefault(requirement.name, []).append(requirement)
            elif not _holds(requirement, installed, query):
                yield from _blocking(requirement)
        for origin in judgement.warnings:
            yield Objection(origin=origin, blocks=False)
    for judgement in judged.values():
        for caution in judgement.cautions:
            if is_ignored(caution, installed, choices, query):
                yield Objection(origin=caution.origin, blocks=False)
    yield from _disagreeing(choices, query)


def _disagreeing(choices: Mapping[str, Sequence[Requirement]], query: Query) -> Iterator[Objection]:
    for name, requirements in choices.items():
        if not _agree(requirements, query.values(name) or ()):
            of_rule = name not in query.knowledge.choices
            for requirement in requirements:
                # Of a rule about two packages, only the one that it is about objects.
                if not of_rule or requirement.specifier == KEEPS:
                    yield from _blocking(requirement)


def _agree(requirements: Sequence[Requirement], values: Sequence[Version]) -> bool:
    """Tell whether one value of a choice suits everybody."""
    return any(
        all(item.specifier.contains(value, prereleases=True) for item in requirements) for value in values
    )


def _is_choice(requirement: Requirement, query: Query) -> bool:
    name = requirement.name
    return name.startswith("__") and name != IMPOSSIBLE and fact_of(query.target, name) is None


def _holds(requirement: Requirement, installed: Mapping[str, Version], query: Query) -> bool:
    """Tell whether a demand on a fact or a package is met; what is not known speaks against nothing."""
    fact = fact_of(query.target, requirement.name)
    if fact is not None and fact.state is not FactState.KNOWN:
        return True
    version = fact.version if fact is not None else installed.get(requirement.name)
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _blocking(requirement: Requirement) -> Iterator[Objection]:
    if isinstance(requirement.origin, RuleOrigin):
        yield Objection(origin=requirement.origin, blocks=True, demand=requirement)


def is_ignored(
    caution: Caution,
    installed: Mapping[str, Version],
    choices: Mapping[str, Sequence[Requirement]],
    query: Query,
) -> bool:
    """Tell whether a set goes against what a rule warns of."""
    if caution.name in query.knowledge.choices:
        left = [
            value
            for value in query.values(caution.name) or ()
            if _agree(choices.get(caution.name, ()), (value,))
        ]
        fitting = caution.specifier
        return fitting is not None and bool(left) and not any(map(fitting.contains, left))
    version = installed.get(caution.name)
    if version is None:
        return caution.required
    return caution.specifier is None or not caution.specifier.contains(version, prereleases=True)


def _distribution(query: Query, name: str, version: Version, built: frozenset[str]) -> Distribution:
    """Return what stands for the file that a package was installed from; nobody knows it any more."""
    source = Sdist(name=name, version=version, filename=f"{name}-{version}.tar.gz", url="", index="")
    is_prebuilt = query.prebuilt(name, version) is not None
    if name in built or (query.source_build(name, source) is not None and not is_prebuilt):
        return source
    return Wheel(name=name, version=version, filename=f"{name}-{version}.whl", url="", index="")
