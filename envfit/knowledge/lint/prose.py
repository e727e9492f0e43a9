"""Sentences that are none, and files that say nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.utils import canonicalize_name

from envfit.knowledge.lint.finding import Edit, Finding, Level
from envfit.knowledge.lint.subject import Subject, place_of, walk
from envfit.knowledge.skeleton import BLANK
from envfit.knowledge.symptom_match import find_symptoms

__all__ = ["find_bad_sentences", "find_empty_files", "find_unfilled", "find_unmatched_excerpts"]

_SAYING = (
    "rule",
    "imports",
    "gpu_builds",
    "cuda_choice",
    "index_build",
    "metadata",
    "source_build",
    "prebuilt",
    "advice",
    "alternative",
    "own_code",
    "extension",
)


def find_bad_sentences(subject: Subject) -> Iterator[Finding]:
    """Find whys that do not begin or end as sentences do, and those that two rules share."""
    said: dict[str, str] = {}
    for file, position, table in subject.rule_tables():
        rule, why = str(table.get("id")), table.get("why")
        if not isinstance(why, str) or table.get("status", "active") != "active":
            continue
        mended = _as_sentence(why, rule.partition("/")[0], subject)
        if mended != why:
            yield Finding(
                lint="no-sentence",
                level=Level.WARNING,
                file=file,
                place=rule,
                text="Its why is no sentence with a capital and a full stop.",
                edit=Edit(keys=("rule", position, "why"), value=mended) if mended else None,
            )
        former = said.setdefault(why, rule)
        if former != rule:
            yield Finding(
                lint="same-sentence",
                level=Level.WARNING,
                file=file,
                place=rule,
                text=f"Its why is that of {former}, word for word: readers cannot tell them apart.",
            )


def find_empty_files(subject: Subject) -> Iterator[Finding]:
    """Find files about packages that say nothing of them."""
    for file, document in subject.documents.items():
        about_packages = not file.startswith("axes/") and ("package" in document or "packages" in document)
        if about_packages and not any(document.get(key) for key in _SAYING):
            yield Finding(
                lint="empty-file",
                level=Level.ERROR,
                file=file,
                place="",
                text="It says nothing of the package: neither a rule, own code, builds nor imports.",
            )


def find_unfilled(subject: Subject) -> Iterator[Finding]:
    """Find what ``envfit knowledge new`` left to be filled in."""
    for file, document in subject.documents.items():
        for keys, value in walk(document):
            if isinstance(value, str) and BLANK in value:
                place = place_of(document, keys)
                yield Finding(
                    lint="unfilled",
                    level=Level.ERROR,
                    file=file,
                    place=place,
                    text="It is still to be filled in.",
                )


def find_unmatched_excerpts(subject: Subject) -> Iterator[Finding]:
    """Find symptoms whose own excerpts do not show them."""
    for symptom in subject.knowledge.symptoms:
        for position, excerpt in enumerate(symptom.excerpts):
            if not find_symptoms(excerpt, [symptom]):
                yield Finding(
                    lint="unmatched-excerpt",
                    level=Level.ERROR,
                    file=symptom.file,
                    place=symptom.id,
                    text=f"Its patterns do not find excerpts[{position}].",
                )


def _as_sentence(why: str, subject_name: str, subject: Subject) -> str:
    """Return a why as a sentence; the same where it is one, and nothing where that needs a person."""
    text = why.strip()
    if not text:
        return ""
    first = re.split(r"[\s,;:']", text, maxsplit=1)[0]
    name = canonicalize_name(first) if re.fullmatch(r"[A-Za-z0-9][\w.-]*", first) else first
    is_name = (
        subject_name.startswith(name)  # onnxruntime, of onnxruntime-gpu
        or name in subject.knowledge.packages
        or subject.knowledge.lookup.about.get(name) is not None
        or not first.isalpha()
        or any(letter.isupper() for letter in first[1:])
    )
    if text[0].islower() and not is_name:
        text = text[0].upper() + text[1:]
    if text[-1] not in ".!?":
        text = text + "." if text[-1].isalnum() or text[-1] in ")'\"" else ""
    return text
