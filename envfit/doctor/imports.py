"""Judges what imports showed: one finding for each root, about who raised it and not who passed it on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from envfit.doctor.finding import Finding, Kind, Remedy, Severity
from envfit.doctor.kinds_of_running import (
    IMPORT_CRASHES,
    IMPORT_FAILS,
    IMPORT_HANGS,
    IMPORT_NOT_PROVABLE,
)
from envfit.doctor.linked import required_by
from envfit.doctor.tools import uninstalling
from envfit.doctor.words import listed
from envfit.frozen import frozen
from envfit.installed.model import InstalledEnvironment
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.symptom import SymptomRank
from envfit.knowledge.symptom_match import SymptomMatch, find_symptoms
from envfit.prove.imports import ImportResult, Outcome
from envfit.resolve.explain import Reason

__all__ = ["Imported", "judge_imports"]

_LONGEST = 300  # characters of a message that are shown
_KINDS = {"Crash": IMPORT_CRASHES, "Timeout": IMPORT_HANGS}
#: What differs between two runs of the same failure.
_ADDRESS = re.compile(r"0x[0-9a-f]+")


@frozen
class Imported:
    """What came of one name, whose name it is, and whose file raised what it failed with."""

    distribution: str  # normalized
    result: ImportResult
    is_requested: bool = True  # whether somebody asked for it, and not a package that requires it
    raised_by: str | None = None  # normalized; None where it is nobody's file


def judge_imports(
    environment: InstalledEnvironment, imported: Iterable[Imported], knowledge: KnowledgeBase
) -> tuple[Finding, ...]:
    """Return a finding for each root of failures, in the order in which they were met."""
    groups: dict[tuple[str, str], list[Imported]] = {}
    unprovable = []
    for each in imported:
        if each.result.outcome is Outcome.UNPROVABLE:
            unprovable.append(each)
        elif each.result.outcome is Outcome.FAILED:
            groups.setdefault(_root(each.result), []).append(each)
    judge = _Judge(environment, knowledge)
    found = [judge.failure(group) for group in groups.values()]
    return (*found, *([judge.not_provable(unprovable)] if unprovable else []))


def _root(result: ImportResult) -> tuple[str, str]:
    return _ADDRESS.sub("0x", result.error), result.place


class _Judge:
    """Writes findings for one environment."""

    def __init__(self, environment: InstalledEnvironment, knowledge: KnowledgeBase) -> None:
        self._environment = environment
        self._knowledge = knowledge
        self._titles = {item.name: f"{item.name} {item.says}" for item in environment.distributions}

    def failure(self, group: Sequence[Imported]) -> Finding:
        result = group[0].result
        raised_by = next((each.raised_by for each in group if each.raised_by), None)
        failing = list(dict.fromkeys(each.distribution for each in group))
        owner = raised_by or failing[0]
        others = [self._title(name) for name in failing if name != owner]
        match = self._symptom(result)
        return Finding(
            kind=_kind(result),
            severity=Severity.BREAKS if any(each.is_requested for each in group) else Severity.WARNS,
            subject=(self._title(owner), *others),
            text=self._sentence(owner, others, result, is_own=owner in failing),
            because=None if match is None else _reason(match),
            measured=tuple(_measured(group)),
            remedies=tuple(self._remedies(owner, match)),
        )

    def _sentence(self, owner: str, others: Sequence[str], result: ImportResult, *, is_own: bool) -> str:
        title, error = self._title(owner), _short(result.error)
        if not is_own and not others:
            return f"{title} fails when it is imported: {error}."
        if not others:
            return f"{title} cannot be imported: {error}."
        with_it = f"With it {'fails' if len(others) == 1 else 'fail'} {listed(others)}."
        return f"{title} fails when it is imported: {error}. {with_it}"

    def not_provable(self, group: Sequence[Imported]) -> Finding:
        titles = [self._title(name) for name in dict.fromkeys(each.distribution for each in group)]
        return Finding(
            kind=IMPORT_NOT_PROVABLE,
            severity=Severity.OPEN,
            subject=tuple(titles),
            text=f"Whether {listed(titles)} can be imported is not provable without NVIDIA's driver.",
            measured=tuple(f"import {each.result.name}: {_short(each.result.error)}" for each in group),
            remedies=(Remedy(text="Check the environment on the machine with the GPU."),),
        )

    def _symptom(self, result: ImportResult) -> SymptomMatch | None:
        """Return the one cause that a failure is known by: by the root, else by what it was wrapped in."""
        for text in (result.error, "\n".join(result.chain)):
            for match in find_symptoms(text, self._knowledge.symptoms):
                if match.symptom.rank is SymptomRank.CAUSE and match.symptom.environment:
                    return match
        return None

    def _remedies(self, owner: str, match: SymptomMatch | None) -> Iterator[Remedy]:
        known = self._knowledge.packages.get(owner)
        if known is not None and known.alternatives and not self._is_required(owner):
            without = known.alternatives[0].text
            yield uninstalling(self._environment, [owner], f"Uninstall {owner}: {without}")
        for text in match.remedy if match is not None else ():
            yield Remedy(text=text)

    def _is_required(self, name: str) -> bool:
        return any((name, False) in required_by(item) for item in self._environment.distributions)

    def _title(self, name: str) -> str:
        return self._titles.get(name, name)


def _kind(result: ImportResult) -> Kind:
    return _KINDS.get(result.error.partition(":")[0], IMPORT_FAILS)


def _reason(match: SymptomMatch) -> Reason:
    return Reason(
        sentence=match.cause,
        rule=match.symptom.id,
        evidence=tuple(str(item) for item in match.symptom.evidence[:1]),
    )


def _measured(group: Sequence[Imported]) -> Iterator[str]:
    """Yield where the root was raised, and what each import said in the end."""
    result = group[0].result
    if result.place:
        yield f"raised in {result.place}"
    for each in group:
        last = each.result.raised_as
        yield f"import {each.result.name}" + (f" ends with {_short(last)}" if last else " fails")


def _short(text: str) -> str:
    line = " ".join(text.split())
    line = line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."
    return line.rstrip(".")
