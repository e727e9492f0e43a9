"""All lints over files, and their safe fixes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

from envfit.frozen import frozen
from envfit.knowledge.files import Files
from envfit.knowledge.lint.behaviour import find_dead_rules, find_wrong_examples
from envfit.knowledge.lint.contradictions import find_contradictions, find_empty_ranges
from envfit.knowledge.lint.finding import Finding, Level
from envfit.knowledge.lint.members import find_unknown_members
from envfit.knowledge.lint.proof import find_bad_evidence, find_hosts
from envfit.knowledge.lint.prose import (
    find_bad_sentences,
    find_empty_files,
    find_unfilled,
    find_unmatched_excerpts,
)
from envfit.knowledge.lint.scans import find_capability_rules, find_unmatched_libraries
from envfit.knowledge.lint.subject import Subject
from envfit.knowledge.load import read_knowledge
from envfit.knowledge.model import KnowledgeBase
from envfit.toml_text import parse_toml

__all__ = ["DEFAULT_MONTHS", "LINTS", "Linted", "lint_files"]

#: How many months evidence holds unless somebody says otherwise.
DEFAULT_MONTHS = 12

LINTS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    find_dead_rules,
    find_wrong_examples,
    find_empty_ranges,
    find_contradictions,
    find_unknown_members,
    find_bad_evidence,
    find_hosts,
    find_capability_rules,
    find_unmatched_libraries,
    find_bad_sentences,
    find_empty_files,
    find_unfilled,
    find_unmatched_excerpts,
)


@frozen
class Linted:
    """What was found, by file and place."""

    findings: tuple[Finding, ...]
    knowledge: KnowledgeBase


def lint_files(
    files: Files,
    *,
    today: date,
    months: int = DEFAULT_MONTHS,
    hosts: frozenset[str] = frozenset(),
    only: frozenset[str] | None = None,
) -> Linted:
    """Return everything that is wrong with files: what keeps them from being loaded, and what lints find.

    A file that cannot be loaded as it is gets no further lints, and without axes nothing does.
    ``only`` leaves out what is in other files.
    """
    knowledge, faults = read_knowledge(files)
    found = list(map(_fault, faults))
    faulty = {finding.file for finding in found}
    if not any(files.folder_of(file) == "axes" or file not in files.contents for file in faulty):
        subject = Subject(knowledge, _documents(files, faulty), today=today, months=months, hosts=hosts)
        found += [finding for lint in LINTS for finding in lint(subject) if finding.file not in faulty]
    shown = {
        (finding.file, finding.place, finding.lint, finding.text): finding
        for finding in found
        if only is None or finding.file in only or finding.file not in files.contents
    }
    return Linted(findings=tuple(shown[key] for key in sorted(shown)), knowledge=knowledge)


def _fault(text: str) -> Finding:
    file, _, rest = text.partition(": ")
    place, _, message = rest.partition(": ")
    if not message or " " in place:
        place, message = "", rest
    return Finding(
        lint="fault",
        level=Level.ERROR,
        file=file,
        place=place,
        text=message + ("" if message.endswith(".") else "."),
    )


def _documents(files: Files, faulty: Sequence[str] | set[str]) -> Mapping[str, Mapping[str, object]]:
    return {
        file: parse_toml(content.decode())
        for file, content in files.contents.items()
        if file not in faulty and files.folder_of(file) != "derived"
    }
