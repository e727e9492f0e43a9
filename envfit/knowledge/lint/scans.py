"""What files say against what was read in wheels."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping

from packaging.version import Version

from envfit.knowledge.device_code import runs_on
from envfit.knowledge.lint.finding import Finding, Level
from envfit.knowledge.lint.subject import Subject
from envfit.knowledge.model import CAPABILITY, DeviceCode, KnowledgeBase, Rule, Severity
from envfit.knowledge.own_code import own_parts
from envfit.target import Capability

__all__ = ["find_capability_rules", "find_unmatched_libraries"]


def find_capability_rules(subject: Subject) -> Iterator[Finding]:
    """Find rules about capabilities of wheels whose own code was read: it says the same, or otherwise."""
    knowledge = subject.knowledge
    for rule in knowledge.rules:
        admitted = _admitted(rule, knowledge)
        if admitted is None:
            continue
        agreeing = []
        for code in _about(rule, knowledge):
            runs = _runs(code, knowledge)
            refused = sorted(
                capability for capability, there in runs.items() if there and capability not in admitted
            )
            if refused:
                yield Finding(
                    lint="against-the-scan",
                    level=Level.ERROR,
                    file=rule.file,
                    place=rule.id,
                    text=f"It refuses {', '.join(map(str, refused))}, and {code.filename} has code for "
                    f"{'it' if len(refused) == 1 else 'them'}.",
                )
            elif runs and all(
                capability in runs for capability in knowledge.capabilities if capability not in admitted
            ):
                agreeing.append(code)
        if agreeing:
            yield Finding(
                lint="redundant-rule",
                level=Level.WARNING,
                file=rule.file,
                place=rule.id,
                text=f"The GPU code of {_wheels(agreeing)} says at least as much: own_code and the scan "
                "serve, and follow every release.",
            )


def find_unmatched_libraries(subject: Subject) -> Iterator[Finding]:
    """Find own code that is in no wheel that was read."""
    for file, document in subject.documents.items():
        package = subject.knowledge.packages.get(str(document.get("package")))
        if package is None or "own_code" not in document:
            continue
        read = [code for code in subject.knowledge.device_code.values() if code.package == package.name]
        for position, own in enumerate(package.own_code):
            in_range = [
                code
                for code in read
                if code.libraries and own.versions.contains(code.version, prereleases=True)
            ]
            paths = {library.path for code in in_range for library in code.libraries}
            for pattern in own.libraries:
                wanted = pattern.replace("{}", "[0-9]*")
                if paths and not any(fnmatch.fnmatchcase(path, wanted) for path in paths):
                    yield Finding(
                        lint="unmatched-library",
                        level=Level.ERROR,
                        file=file,
                        place=f"own_code[{position}]",
                        text=f"{pattern} is in none of {_wheels(in_range)}.",
                    )


def _admitted(rule: Rule, knowledge: KnowledgeBase) -> frozenset[Capability] | None:
    """Return the capabilities that a rule about wheels admits; None where it is about something else."""
    conditions = [item for item in (*rule.requires, *rule.constrains) if item.name == CAPABILITY]
    if not conditions or rule.distributions == "sdist" or rule.severity is not Severity.BLOCKS:
        return None
    return frozenset(
        capability
        for capability in knowledge.capabilities
        if all(item.specifier.contains(Version(str(capability)), prereleases=True) for item in conditions)
    )


def _about(rule: Rule, knowledge: KnowledgeBase) -> Iterator[DeviceCode]:
    for code in knowledge.device_code.values():
        if (
            any(fnmatch.fnmatchcase(code.package, name) for name in rule.packages)
            and rule.versions.contains(code.version, prereleases=True)
            and (not rule.platforms or code.platform in rule.platforms)
        ):
            yield code


def _runs(code: DeviceCode, knowledge: KnowledgeBase) -> Mapping[Capability, bool]:
    """Return for each capability whether every library that is loaded there has code for it.

    Without those of which nothing is known: where none of the package's own is loaded.
    """
    package = knowledge.packages.get(code.package)
    if package is None:
        return {}
    found: dict[Capability, bool] = {}
    for part in own_parts(code, package, knowledge.toolkits) or ():
        if not part.has_code or part.own is None or part.own.needed_for or part.own.chosen_by:
            continue
        for capability in part.own.only_for or knowledge.capabilities:
            found[capability] = found.get(capability, True) and runs_on(
                part.sass,
                part.ptx,
                capability,
                built_with=part.toolkit,
                supported_cuda=part.toolkit,
            )
    return found


def _wheels(codes: list[DeviceCode]) -> str:
    first = codes[0].filename
    return first if len(codes) == 1 else f"{first} and {len(codes) - 1} more"
