"""Rules against releases that are newer than they: which still hold, which do not, which nobody can tell.

Only what a machine can read in wheels is confirmed: capability floors, by the code in a
package's own libraries, and the CUDA runtime of torch, by what these libraries are linked with.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.frozen import frozen
from envfit.knowledge.device_code import runs_on
from envfit.knowledge.model import (
    CAPABILITY,
    Condition,
    DeviceCode,
    KnowledgeBase,
    PackageKnowledge,
    Rule,
)
from envfit.knowledge.own_code import OwnPart, own_parts

__all__ = [
    "Answer",
    "Confirmation",
    "confirm",
    "last_release",
    "newest_known",
    "open_rules",
    "provisional_rules",
]

_UPPER = ("<", "<=", "==", "===", "~=")


class Answer(enum.Enum):
    """What a newer release says to a rule."""

    HOLDS = "holds"
    FAILS = "does not hold"
    OPEN = "not confirmed"


@frozen
class Confirmation:
    """What one release says to a rule, and why."""

    rule: Rule
    version: Version
    answer: Answer
    why: str  # a phrase


def newest_known(knowledge: KnowledgeBase, name: str) -> Version | None:
    """Return the newest release of a package whose wheels were read; None where none was."""
    read = (code.version for code in knowledge.device_code.values() if code.package == name)
    return max(read, default=None)


def provisional_rules(knowledge: KnowledgeBase, name: str) -> Iterator[Rule]:
    """Yield the rules about a package that end with a release, the last one known then.

    A range that ends with ``<=`` waits for what comes; one that ends with ``<`` or names single
    releases is closed, because the next release was seen to differ.
    """
    for place in knowledge.lookup.rules_about(name):
        rule = knowledge.rules[place]
        if last_release(rule.versions) is not None:
            yield rule


def open_rules(knowledge: KnowledgeBase, name: str) -> Iterator[Rule]:
    """Yield the rules about a package that hold for whatever comes."""
    for place in knowledge.lookup.rules_about(name):
        rule = knowledge.rules[place]
        if not any(item.operator in _UPPER for item in rule.versions):
            yield rule


def last_release(versions: SpecifierSet) -> Version | None:
    """Return the release that a range ends with; None where it is open, or closed before one."""
    ends = [item for item in versions if item.operator in _UPPER]
    return Version(ends[0].version) if len(ends) == 1 and ends[0].operator == "<=" else None


def confirm(rule: Rule, code: DeviceCode, knowledge: KnowledgeBase) -> Confirmation:
    """Hold a rule against what was read in a wheel of a newer release."""
    package = knowledge.packages.get(code.package)
    parts = _parts(code, package, knowledge) if package is not None else ()
    answers = [_of_condition(item, parts, code, knowledge) for item in (*rule.requires, *rule.constrains)]
    if rule.excludes or not answers or any(answer is Answer.OPEN for answer, _ in answers):
        why = next((why for answer, why in answers if answer is Answer.OPEN), "")
        return Confirmation(
            rule=rule,
            version=code.version,
            answer=Answer.OPEN,
            why=why or "no wheel says anything about it",
        )
    failing = [why for answer, why in answers if answer is Answer.FAILS]
    return Confirmation(
        rule=rule,
        version=code.version,
        answer=Answer.FAILS if failing else Answer.HOLDS,
        why="; ".join(failing or (why for _, why in answers)),
    )


def _parts(code: DeviceCode, package: PackageKnowledge, knowledge: KnowledgeBase) -> tuple[OwnPart, ...]:
    parts = own_parts(code, package, knowledge.toolkits) or ()
    return tuple(part for part in parts if part.own is None or part.own.needed_for is None)


def _of_condition(
    condition: Condition, parts: Sequence[OwnPart], code: DeviceCode, knowledge: KnowledgeBase
) -> tuple[Answer, str]:
    if not any(part.has_code for part in parts):
        return Answer.OPEN, f"no GPU code of its own was read in {code.filename}"
    if condition.name == CAPABILITY:
        return _of_capability(condition, parts, knowledge)
    if condition.name in knowledge.choices:
        return _of_runtime(condition, parts)
    return Answer.OPEN, f"no wheel says anything about {condition}"


def _of_capability(
    condition: Condition, parts: Sequence[OwnPart], knowledge: KnowledgeBase
) -> tuple[Answer, str]:
    """Tell whether nothing below a floor is served; what the driver compiles serves as well."""
    newest = max((toolkit.version for toolkit in knowledge.toolkits), default=None)
    served = [
        str(capability)
        for capability in sorted(knowledge.capabilities)
        if not condition.specifier.contains(str(capability))
        and all(
            runs_on(part.sass, part.ptx, capability, built_with=part.toolkit, supported_cuda=newest)
            for part in parts
            if part.has_code
        )
    ]
    lists = "; ".join(f"{part.library}: {_listed(part)}" for part in parts if part.has_code)
    if served:
        return Answer.FAILS, f"it has code for {', '.join(served)} ({lists})"
    return Answer.HOLDS, lists


def _of_runtime(condition: Condition, parts: Sequence[OwnPart]) -> tuple[Answer, str]:
    runtimes = sorted({part.runtime for part in parts if part.runtime is not None})
    if len(runtimes) != 1:
        return Answer.OPEN, "its libraries are linked with no CUDA runtime, or with several"
    linked = f"linked with libcudart.so.{runtimes[0]}"
    fits = condition.specifier.contains(f"{runtimes[0]}.0", prereleases=True)
    return (Answer.HOLDS if fits else Answer.FAILS), linked


def _listed(part: OwnPart) -> str:
    sass = f"sm_{' '.join(part.sass)}" if part.sass else "no machine code"
    return f"{sass}, PTX {' '.join(part.ptx)}" if part.ptx else sass
