"""What a later ``pip install`` may not do to an environment, as constraints.

Three kinds of line: what holds GPU code or the CUDA libraries stays at its version; what a rule
ties to a package that is there stays within the rule; and what cannot run on the target, or
beside what is there, is held at a version that nobody publishes.  pip and uv show that version
when they refuse, so its words are what the user reads.

Build tools are never among them: before version 26, pip holds its isolated builds to the
constraints of the environment, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from packaging.ranges import VersionRange
from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import Version

from envfit.frozen import frozen
from envfit.knowledge.gpu_stack import is_about_gpu, is_gpu_stack
from envfit.knowledge.model import KnowledgeBase, Rule, Severity
from envfit.knowledge.query import Query
from envfit.target import Target

__all__ = ["CONSTRAINTS", "Line", "constraints_text", "guard", "read_constraints"]

#: The name of the file in an environment.
CONSTRAINTS = "envfit-constraints.txt"

_ASK = "ask.envfit.guard"
_KEPT = "!=0+kept.by.envfit"  # excludes nothing; pip shows it beside the pin
_ADD = ".use.envfit.add"  # what keeps everything else; environments made before say less
_WHY_KEPT = "It holds GPU code or CUDA libraries, which were chosen to fit the GPU and one another."
_OPPOSITE = {">=": "<", ">": "<=", "<": ">=", "<=": ">", "==": "!="}


@frozen
class Line:
    """One constraint and why it is there."""

    name: str
    specifier: str
    why: tuple[str, ...]  # sentences

    @property
    def keeps(self) -> Version | None:
        """The one version that is admitted, where it is a pin."""
        pin, found, _ = self.specifier.partition(f",{_KEPT}")
        return Version(pin.removeprefix("==")) if found else None

    @property
    def bars(self) -> bool:
        """Whether no version is admitted."""
        return self.specifier.startswith("==0+")

    def __str__(self) -> str:
        return f"{self.name}{self.specifier}"


def guard(installed: Mapping[str, Version], query: Query) -> tuple[Line, ...]:
    """Return the constraints that keep a set of packages running on the target of a query, by name.

    Nothing is barred for the sake of a GPU where the target has none.
    """
    pins = {name: version for name, version in installed.items() if is_gpu_stack(name, version, query)}
    lines = [
        Line(name=name, specifier=f"=={version},{_KEPT}{_ADD}", why=(_WHY_KEPT,))
        for name, version in pins.items()
    ]
    found: dict[str, _Found] = {}
    for rule in query.knowledge.rules:
        if rule.severity is Severity.BLOCKS and rule.id not in query.ignored and _is_for(rule, query.target):
            _collect(rule, installed, pins, query, found)
    for name, what in found.items():
        line = None if name in pins else what.line(name, installed.get(name), query.knowledge)
        if line is not None:
            lines.append(line)
    return tuple(sorted(lines, key=lambda line: line.name))


def constraints_text(lines: Sequence[Line], target: Target) -> str:
    """Return the constraints file, each line below its reason."""
    gpus = ", ".join(dict.fromkeys(f"{gpu.name} ({gpu.capability})" for gpu in target.gpus))
    written = [
        "# Written by envfit: what pip and uv may not change in this environment, and why.",
        f"# GPUs that it is for: {gpus or 'none was named, so nothing is refused for the sake of one'}.",
        "# envfit guard tells of it, envfit guard --off takes it away; envfit add NAME locks NAME along with",
        "# everything that is here, and envfit install makes the environment of that.",
    ]
    for line in lines:
        written += ["", *(f"# {sentence}" for sentence in line.why), str(line)]
    return "\n".join([*written, ""])


def read_constraints(text: str) -> tuple[Line, ...]:
    """Return the lines of a constraints file as ``constraints_text`` writes it."""
    lines = []
    for paragraph in text.strip().split("\n\n")[1:]:
        *why, constraint = paragraph.splitlines()
        name = re.split(r"[^A-Za-z0-9._-]", constraint, maxsplit=1)[0]
        sentences = tuple(sentence.removeprefix("# ") for sentence in why)
        lines.append(Line(name=name, specifier=constraint.removeprefix(name), why=sentences))
    return tuple(lines)


def _is_for(rule: Rule, target: Target) -> bool:
    return not rule.platforms or target.platform in rule.platforms


@frozen
class _Bar:
    """Versions of a package that are out."""

    versions: SpecifierSet
    rule: Rule
    words: str  # for what stands against them
    newer_first: bool = False  # whether newer releases are rather those that may do


class _Found:
    """What the rules say of one name that is not pinned."""

    def __init__(self) -> None:
        self.bounds: list[tuple[SpecifierSet, Rule]] = []  # that it must keep to
        self.barred: list[_Bar] = []

    def line(self, name: str, installed: Version | None, knowledge: KnowledgeBase) -> Line | None:
        """Return the one constraint that comes of it; None where nothing can be said in a specifier."""
        rules = [knowledge.rules[place] for place in knowledge.lookup.rules_about(name)]
        rules = [rule for rule in rules if rule.severity is Severity.BLOCKS and rule.distributions == "any"]
        out = _union(bar.versions for bar in self.barred)
        about_gpu = _union(rule.versions for rule in rules if is_about_gpu(rule))
        barred_by_gpu = not about_gpu.is_empty and about_gpu.difference(out).is_empty
        for bar in reversed(self.barred):
            if barred_by_gpu or not str(bar.versions):
                return Line(name=name, specifier=f"==0+{bar.words}.{_ASK}", why=(_told(bar.rule),))
        kept = [(bound, rule) for bound, rule in self.bounds if installed is None or installed in bound]
        good = _union(rule.versions for rule in rules).difference(out)
        for bar in self.barred:
            bound = _without(bar, good)
            if bound is not None:
                kept.append((bound, bar.rule))
                good = good.intersection(bound.to_range())
        if not kept:
            return None
        specifier = _plainly([bound for bound, _ in kept])
        return Line(name=name, specifier=specifier, why=tuple(dict.fromkeys(_told(rule) for _, rule in kept)))


def _told(rule: Rule) -> str:
    return f"{rule.why} [{rule.id}]"


def _plainly(bounds: Sequence[SpecifierSet]) -> str:
    """Return what admits what all bounds do, without those that others imply."""
    ranges = {str(bound): bound.to_range() for bound in bounds}
    needed = [
        text
        for text, admitted in ranges.items()
        if not any(
            other is not admitted and other.is_subset(admitted) and (other != admitted or name < text)
            for name, other in ranges.items()
        )
    ]
    return ",".join(needed)


def _collect(
    rule: Rule,
    installed: Mapping[str, Version],
    pins: Mapping[str, Version],
    query: Query,
    found: dict[str, _Found],
) -> None:
    """Add what a rule says of packages beside a set, to what was found by name."""
    for name in rule.packages:
        if any(sign in name for sign in "*?["):
            continue  # a pattern: what pip would not understand
        version = installed.get(name)
        if version is None:
            bar = _bar(rule, name, installed, pins, query) if rule.distributions == "any" else None
            if bar is not None:
                found.setdefault(name, _Found()).barred.append(bar)
        elif rule.versions.contains(version, prereleases=True):
            for condition in (*rule.requires, *rule.constrains):
                if not condition.is_fact and condition.name != name:
                    found.setdefault(condition.name, _Found()).bounds.append((condition.specifier, rule))
            for other in rule.excludes:
                if other not in installed:
                    bar = _Bar(versions=SpecifierSet(), rule=rule, words=f"not.beside.{_words(name)}")
                    found.setdefault(other, _Found()).barred.append(bar)


def _bar(
    rule: Rule, name: str, installed: Mapping[str, Version], pins: Mapping[str, Version], query: Query
) -> _Bar | None:
    """Return what bars the versions that a rule is about, or None."""
    versions = rule.versions
    if query.target.gpus and (unmet := query.unmet_fact(rule, name)) is not None:
        return _Bar(versions=versions, rule=rule, words=f"cannot.run.on.{_words(unmet)}", newer_first=True)
    for other in rule.excludes:
        if other in installed:
            return _Bar(versions=versions, rule=rule, words=f"not.beside.{_words(other)}")
    for condition in (*rule.requires, *rule.constrains):
        version = pins.get(condition.name)
        if version is not None and not condition.specifier.contains(version, prereleases=True):
            words = f"not.beside.{_words(f'{condition.name} {version}')}"
            newer = all(part.operator in {"<", "<="} for part in condition.specifier)
            return _Bar(versions=versions, rule=rule, words=words, newer_first=newer)
    return None


def _union(several: Iterable[SpecifierSet]) -> VersionRange:
    united = VersionRange.empty()
    for specifier in several:
        united = united.union(specifier.to_range())
    return united


def _without(bar: _Bar, good: VersionRange) -> SpecifierSet | None:
    """Return what admits nothing of what is barred, but some of what is good; None: there is none."""
    for opposite in _opposites(bar):
        if good.is_empty or not opposite.to_range().intersection(good).is_empty:
            return opposite
    return None


def _opposites(bar: _Bar) -> Iterator[SpecifierSet]:
    """Yield what admits none of the barred versions, beyond either end of them."""
    opposites = reversed(_OPPOSITE.items()) if bar.newer_first else _OPPOSITE.items()
    parts: list[Specifier] = list(bar.versions)
    for operator, opposite in opposites:
        for part in parts:
            if part.operator == operator:
                yield SpecifierSet(f"{opposite}{part.version}")


def _words(text: str) -> str:
    """Return a text as a part of a local version: letters and digits between dots."""
    return re.sub(r"[^A-Za-z0-9]+", ".", text).strip(".")
