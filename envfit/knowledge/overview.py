"""What is known, package by package and counted."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from packaging.version import Version

from envfit.frozen import frozen
from envfit.knowledge.model import (
    DeviceCode,
    Evidence,
    EvidenceKind,
    Example,
    KnowledgeBase,
    PackageKnowledge,
    Rule,
    Severity,
)
from envfit.knowledge.symptom import Symptom

__all__ = ["Known", "Overview", "count_evidence", "count_knowledge", "overview_of", "subjects_of"]


@frozen
class Known:
    """What is known of one subject: a package, or the group of packages that a file is about."""

    name: str
    rules: tuple[Rule, ...]
    package: PackageKnowledge | None
    wheels: tuple[DeviceCode, ...]  # that were read
    examples: tuple[Example, ...]  # of its file
    known_good: tuple[Example, ...]  # sets known to work that hold it
    symptoms: tuple[Symptom, ...]

    @property
    def blocking(self) -> int:
        """How many of its rules block."""
        return sum(rule.severity is Severity.BLOCKS for rule in self.rules)

    @property
    def newest(self) -> Version | None:
        """The newest release of which a wheel was read."""
        return max((code.version for code in self.wheels), default=None)


@frozen
class Overview:
    """What is known of several subjects, and how much there is of everything."""

    subjects: tuple[Known, ...]  # by name
    counts: Mapping[str, int]  # by what is counted, in words
    evidence: Mapping[str, int]  # by kind, best first


def overview_of(knowledge: KnowledgeBase) -> Overview:
    """Return what is known of everything."""
    rules: dict[str, list[Rule]] = {}
    for rule in knowledge.rules:
        rules.setdefault(rule.id.partition("/")[0], []).append(rule)
    wheels: dict[str, list[DeviceCode]] = {}
    for code in knowledge.device_code.values():
        wheels.setdefault(code.package, []).append(code)
    symptoms: dict[str, list[Symptom]] = {}
    for symptom in knowledge.symptoms:
        symptoms.setdefault(symptom.package or symptom.id.partition("/")[0], []).append(symptom)
    examples, known_good = _examples(knowledge)
    names = sorted({*rules, *knowledge.packages, *wheels})
    return Overview(
        subjects=tuple(
            Known(
                name=name,
                rules=tuple(rules.get(name, ())),
                package=knowledge.packages.get(name),
                wheels=tuple(sorted(wheels.get(name, ()), key=lambda code: code.version)),
                examples=tuple(examples.get(name, ())),
                known_good=tuple(known_good.get(name, ())),
                symptoms=tuple(symptoms.get(name, ())),
            )
            for name in names
        ),
        counts=count_knowledge(knowledge),
        evidence=count_evidence(knowledge),
    )


def subjects_of(overview: Overview, name: str) -> tuple[Known, ...]:
    """Return the subject of a name, and those whose rules are about the package of that name."""
    return tuple(
        known
        for known in overview.subjects
        if known.name == name
        or any(fnmatch.fnmatchcase(name, pattern) for rule in known.rules for pattern in rule.packages)
    )


def count_knowledge(knowledge: KnowledgeBase) -> Mapping[str, int]:
    """Return how much of each kind there is."""
    read = [code for code in knowledge.device_code.values() if code.libraries or code.sass is not None]
    packages = set(knowledge.lookup.siblings)
    about = {name for rule in knowledge.rules for name in rule.packages}
    severities = Counter(rule.severity for rule in knowledge.rules)
    return {
        "packages with knowledge of their own": len(knowledge.packages),
        "packages that rules or wheels speak of": len(about | set(knowledge.packages) | packages),
        "rules that block": severities[Severity.BLOCKS],
        "rules that warn": severities[Severity.WARNS],
        "wheels read": len(read),
        "packages whose wheels were read": len(packages),
        "libraries in them": sum(len(code.libraries) for code in read),
        "GPU models": len(knowledge.gpus),
        "examples of rules": sum(bool(example.breaks) for example in knowledge.examples),
        "environments that nothing may object to": sum(not example.breaks for example in knowledge.examples),
        "symptoms": len(knowledge.symptoms),
    }


def count_evidence(knowledge: KnowledgeBase) -> Mapping[str, int]:
    """Return how many entries of evidence of each kind there are."""
    counted = Counter(item.kind for item in _evidence(knowledge))
    return {kind.label: counted[kind] for kind in sorted(EvidenceKind, reverse=True)}


def _examples(
    knowledge: KnowledgeBase,
) -> tuple[Mapping[str, Sequence[Example]], Mapping[str, Sequence[Example]]]:
    """Return examples by the file that they are in, and sets known to work by each package of theirs."""
    examples: dict[str, list[Example]] = {}
    known_good: dict[str, list[Example]] = {}
    for example in knowledge.examples:
        file, _, path = example.place.partition(": ")
        if path.startswith("example"):
            examples.setdefault(file.rpartition("/")[2].removesuffix(".toml"), []).append(example)
            continue
        for name, _ in example.installed:
            known_good.setdefault(name, []).append(example)
    return examples, known_good


def _evidence(knowledge: KnowledgeBase) -> Iterator[Evidence]:
    for rule in knowledge.rules:
        yield from rule.evidence
    for package in knowledge.packages.values():
        several = (package.own_code, package.extensions, package.index_builds, package.metadata)
        for entries in (*several, package.source_builds, package.prebuilt):
            for entry in entries:
                yield from entry.evidence
    for example in knowledge.examples:
        yield from example.evidence
    for symptom in knowledge.symptoms:
        yield from symptom.evidence
