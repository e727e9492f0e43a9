"""Rules that contradict each other, or themselves."""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Iterable, Iterator

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.knowledge.lint.finding import Finding, Level
from envfit.knowledge.lint.subject import Subject
from envfit.knowledge.model import CAPABILITY, Condition, KnowledgeBase, Rule, Severity
from envfit.target import CUDA, CUDA_DRIVER

__all__ = ["find_contradictions", "find_empty_ranges"]

_OF_AN_AXIS = {
    CAPABILITY: "compute capability",
    CUDA: "CUDA version that a driver supports",
    CUDA_DRIVER: "driver",
}


def find_empty_ranges(subject: Subject) -> Iterator[Finding]:
    """Find rules that speak of no release, and conditions that nothing meets.

    A rule that warns may speak of every GPU there is: what it is about works badly on each.
    """
    for rule in subject.knowledge.rules:
        if rule.versions.is_unsatisfiable():
            yield _of(rule, "empty-range", f"No version is in its range, {rule.versions}.")
        for condition in (*rule.requires, *rule.constrains):
            values = axis_values(subject.knowledge, condition.name)
            what = _OF_AN_AXIS.get(condition.name, condition.name)
            if condition.specifier.is_unsatisfiable():
                yield _of(rule, "empty-range", f"Nothing is in the range of {condition}.")
            elif (
                values is not None
                and not _has_common(values, condition.specifier)
                and rule.severity is Severity.BLOCKS
            ):
                yield _of(rule, "empty-range", f"No {what} that exists meets {condition}.")


def find_contradictions(subject: Subject) -> Iterator[Finding]:
    """Find pairs of rules about the same releases that nothing can meet together."""
    blocking = [rule for rule in subject.knowledge.rules if rule.severity is Severity.BLOCKS]
    for one, other in itertools.combinations_with_replacement(blocking, 2):
        if not _share_a_package(one, other) or not _share_releases(one, other):
            continue
        whose = f" of {other.id}" if other.id != one.id else ""
        for first, second in _same_name(one, other):
            if not _go_together(subject.knowledge, first, second):
                text = f"Nothing meets both {first} and the {second}{whose}, and they share releases."
                yield _of(one, "contradiction", text)
        for name in sorted(_required_and_excluded(one, other)):
            text = f"{name} is both required and excluded{', see' + whose[3:] if whose else ''}."
            yield _of(one, "contradiction", text)


def axis_values(knowledge: KnowledgeBase, name: str) -> tuple[Version, ...] | None:
    """Return the values that a fact or choice can have; None where there is no list of them."""
    if name == CAPABILITY:
        return tuple(Version(str(capability)) for capability in knowledge.capabilities)
    if name == CUDA:
        return tuple(branch.cuda for branch in knowledge.branches)
    if name == CUDA_DRIVER:
        drivers = [branch.first for branch in knowledge.branches]
        drivers += [runtime.driver for runtime in knowledge.runtimes.values()]
        drivers += [toolkit.driver for toolkit in knowledge.toolkits]
        # A branch goes on until the next begins.
        last = [f"{branch.branch}.999" for branch in knowledge.branches]
        return tuple(map(Version, (*drivers, *last)))
    choice = knowledge.choices.get(name)
    return choice.values if choice is not None else None


def _required_and_excluded(one: Rule, other: Rule) -> set[str]:
    """Return what one of two rules requires and the other excludes.

    A rule that does both says on purpose that its releases are no answer anywhere.
    """
    if one.id == other.id:
        return set()
    return _by_one_alone(one, other) | _by_one_alone(other, one)


def _by_one_alone(one: Rule, other: Rule) -> set[str]:
    never = {item.name for item in one.requires} & {*one.excludes}
    return (
        ({item.name for item in one.requires} & {*other.excludes})
        - never
        - {item.name for item in other.requires}
    )


def _same_name(one: Rule, other: Rule) -> Iterator[tuple[Condition, Condition]]:
    first, second = (*one.requires, *one.constrains), (*other.requires, *other.constrains)
    for position, condition in enumerate(first):
        for place, counterpart in enumerate(second):
            if one.id == other.id and place <= position:
                continue
            if condition.name == counterpart.name:
                yield condition, counterpart


def _go_together(knowledge: KnowledgeBase, one: Condition, other: Condition) -> bool:
    values = axis_values(knowledge, one.name)
    both = one.specifier & other.specifier
    return _has_common(values, both) if values is not None else not both.is_unsatisfiable()


def _has_common(values: Iterable[Version], specifier: SpecifierSet) -> bool:
    return any(specifier.contains(value, prereleases=True) for value in values)


def _share_a_package(one: Rule, other: Rule) -> bool:
    return any(
        fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(pattern, name)
        for name in one.packages
        for pattern in other.packages
    )


def _share_releases(one: Rule, other: Rule) -> bool:
    if one.platforms and other.platforms and not {*one.platforms} & {*other.platforms}:
        return False
    if {one.distributions, other.distributions} == {"wheel", "sdist"}:
        return False
    return not (one.versions & other.versions).is_unsatisfiable()


def _of(rule: Rule, lint: str, text: str) -> Finding:
    return Finding(lint=lint, level=Level.ERROR, file=rule.file, place=rule.id, text=text)
