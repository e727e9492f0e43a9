"""Names and values that no axis has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from envfit.errors import TargetError
from envfit.knowledge.lint.contradictions import axis_values
from envfit.knowledge.lint.finding import Edit, Finding, Level
from envfit.knowledge.lint.subject import Subject
from envfit.knowledge.model import Condition, KnowledgeBase
from envfit.target import CUDA, CUDA_DRIVER, Capability

__all__ = ["find_unknown_members"]


def find_unknown_members(subject: Subject) -> Iterator[Finding]:
    """Find capabilities, drivers, CUDA versions, choices' values and labels that do not exist."""
    yield from _in_rules(subject)
    yield from _in_builds(subject)
    yield from _in_examples(subject)


def _in_rules(subject: Subject) -> Iterator[Finding]:
    known = subject.rules_by_id()
    for file, position, table in subject.rule_tables():
        rule = known.get(str(table.get("id")))
        if rule is None or rule.file != file:
            continue
        for key, conditions in (("requires", rule.requires), ("constrains", rule.constrains)):
            written = table.get(key)
            for number, condition in enumerate(conditions):
                for text in _unknown(condition, subject.knowledge):
                    keys: tuple[str | int, ...] = ("rule", position, key)
                    value = _with_members(condition, subject.knowledge)
                    yield Finding(
                        lint="unknown-member",
                        level=Level.ERROR,
                        file=file,
                        place=rule.id,
                        text=f"{text}{f': {value} says the same' if value else ''}.",
                        edit=Edit(keys=(*keys, number) if isinstance(written, list) else keys, value=value)
                        if value
                        else None,
                    )


def _unknown(condition: Condition, knowledge: KnowledgeBase) -> Iterator[str]:
    """Yield what is wrong with the values that a condition names."""
    if condition.name == CUDA_DRIVER:
        branches = {branch.branch for branch in knowledge.branches}
        for specifier in condition.specifier:
            if Version(specifier.version).major not in branches:
                yield f"{condition} names a driver of no branch that exists"
        return
    values = axis_values(knowledge, condition.name)
    if values is None:
        return
    if not any(condition.specifier.contains(value, prereleases=True) for value in values):
        return  # a range that nothing is in, which is another lint's, or means every GPU
    members = set(values)
    if condition.name == CUDA:
        members |= {toolkit.version for toolkit in knowledge.toolkits}
    majors = {Version(str(value.major)) for value in members}
    # A major version alone is a bound of capabilities too: "<9" is before everything of 9.
    allowed = members | majors | {Version(str(value.major + 1)) for value in members}
    for specifier in condition.specifier:
        try:
            version = Version(specifier.version.removesuffix(".*"))
        except InvalidVersion:
            continue
        if version not in allowed:
            yield f"{condition} names {version}, which no axis has"


def _with_members(condition: Condition, knowledge: KnowledgeBase) -> str | None:
    """Return a condition that admits the same and names members only; None where there is no one way."""
    values = axis_values(knowledge, condition.name)
    if values is None or condition.name == CUDA_DRIVER:
        return None
    ordered = sorted(values)
    parts = []
    for specifier in condition.specifier:
        version = Version(specifier.version.removesuffix(".*"))
        replacement = None
        if version not in ordered and specifier.operator in ("<", "<=", ">", ">="):
            newer = [value for value in ordered if value > version]
            older = [value for value in ordered if value < version]
            if specifier.operator in ("<", "<=") and newer:
                replacement = f"<{newer[0]}"
            elif specifier.operator in (">", ">=") and newer:
                replacement = f">={newer[0]}"
            elif specifier.operator in ("<", "<=") and older:
                replacement = f"<={older[-1]}"
        parts.append(replacement or str(specifier))
    mended = SpecifierSet(",".join(parts))
    same = all(
        mended.contains(value, prereleases=True) == condition.specifier.contains(value, prereleases=True)
        for value in ordered
    )
    # In the order of people: the lower bound first.
    shown = ",".join(sorted(parts, key=lambda part: not part.startswith(">")))
    if not same or any(_unknown(Condition(name=condition.name, specifier=mended), knowledge)):
        return None
    return f"{condition.name}{shown}"


def _in_builds(subject: Subject) -> Iterator[Finding]:
    knowledge = subject.knowledge
    toolkits = {toolkit.version for toolkit in knowledge.toolkits}
    for file, document in subject.documents.items():
        builds = document.get("index_build")
        package = knowledge.packages.get(str(document.get("package")))
        if package is None or not isinstance(builds, list):
            continue
        labels = _labels(knowledge, package.name)
        for position, table in enumerate(builds):
            place = f"index_build[{position}]"
            label, cuda = str(table.get("label")), str(table.get("cuda"))
            if label not in labels:
                yield _member(file, place, f"No index has builds of {package.name} labelled {label}")
            if Version(cuda) not in toolkits:
                yield _member(file, place, f"There is no CUDA toolkit {cuda}")
            for code in _texts(table, "sass", "ptx"):
                digits = code.rstrip("af")
                if not _exists(digits, knowledge):
                    yield _member(file, place, f"No GPU has the architecture {code}")
            platform = str(table.get("platform"))
            twins = [
                number
                for number, other in enumerate(builds[:position])
                if (other.get("label"), other.get("platform")) == (table.get("label"), platform)
                and not (
                    SpecifierSet(str(other.get("versions"))) & SpecifierSet(str(table.get("versions")))
                ).is_unsatisfiable()
            ]
            for number in twins:
                yield _member(file, place, f"It says of releases of {label} what index_build[{number}] says")


def _in_examples(subject: Subject) -> Iterator[Finding]:
    knowledge = subject.knowledge
    branches = {branch.branch for branch in knowledge.branches}
    for judged in subject.judged:
        driver = judged.example.driver
        if driver is not None and judged.error is None and int(driver.partition(".")[0]) not in branches:
            yield _member(judged.file, judged.path, f"Driver {driver} is of no branch that exists")
        for name, version in judged.example.installed:
            local = version.local
            labels = _labels(knowledge, name)
            if local is not None and labels and local not in labels:
                yield _member(judged.file, judged.path, f"No index has builds of {name} labelled {local}")


def _labels(knowledge: KnowledgeBase, package: str) -> frozenset[str]:
    return frozenset(
        label.label
        for index in knowledge.indexes.values()
        if package in index.packages
        for label in index.labels
    )


def _exists(digits: str, knowledge: KnowledgeBase) -> bool:
    try:
        return Capability.parse(f"sm_{digits}") in knowledge.capabilities
    except TargetError:
        return False


def _texts(table: Mapping[str, object], *keys: str) -> Iterable[str]:
    for key in keys:
        value = table.get(key, ())
        yield from (value.split() if isinstance(value, str) else map(str, value))  # type: ignore[call-overload]


def _member(file: str, place: str, text: str) -> Finding:
    return Finding(lint="unknown-member", level=Level.ERROR, file=file, place=place, text=f"{text}.")
