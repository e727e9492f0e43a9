"""Symptoms as files write them."""

from __future__ import annotations

import re
from functools import lru_cache

from packaging.utils import canonicalize_name

from envfit.knowledge.document import Table
from envfit.knowledge.evidence import read_evidence
from envfit.knowledge.symptom import Symptom, SymptomRank
from envfit.knowledge.symptom_pattern import Pattern, compile_pattern
from envfit.knowledge.symptom_text import PLACEHOLDER, READINGS

__all__ = ["read_symptom"]

_RANKS = {rank.label: rank for rank in SymptomRank}
_ID = re.compile(r"[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9.-]*")


def read_symptom(stem: str, table: Table) -> Symptom:
    """Return a ``[[symptom]]`` of the file of a subject."""
    symptom = Symptom(
        id=table.text("id"),
        patterns=table.texts("patterns", required=True),
        also=table.texts("also"),
        unless=table.texts("unless"),
        cause=table.text("cause"),
        remedy=table.texts("remedy", required=True),
        package=canonicalize_name(table.text("package")) if "package" in table else None,
        rules=table.texts("rules"),
        rank=table.parsed("rank", _rank, SymptomRank.CAUSE, required=False),
        environment=table.flag("environment", default=True),
        otherwise=table.mapping("otherwise"),
        related=table.texts("related"),
        excerpts=table.texts("excerpts", required=True),
        evidence=read_evidence(table),
        file=table.file,
    )
    table.finish()
    if not _ID.fullmatch(symptom.id) or symptom.id.partition("/")[0] != stem:
        table.fault(f"is not {stem}/ and a name of small letters, digits and dashes", "id")
    for key in ("patterns", "remedy", "excerpts", "evidence"):
        if not getattr(symptom, key) and key in table:
            table.fault("is empty", key)
    if not symptom.evidence:
        table.fault("is missing", "evidence")
    _check_patterns(symptom, table)
    return symptom


def _check_patterns(symptom: Symptom, table: Table) -> None:
    before = len(table.faults)
    found = {
        key: table.parse_each(key, getattr(symptom, key), compile_pattern, _nothing())
        for key in ("patterns", "also", "unless")
    }
    for text, pattern in zip(symptom.patterns, found["patterns"], strict=True):
        if not pattern.words:
            table.fault(f"{text!r}: has no word of four letters outside of groups to look for", "patterns")
    if len(table.faults) > before:
        return
    captured = set(symptom.otherwise)
    if found["patterns"]:
        captured |= set.intersection(*(set(each.expression.groupindex) for each in found["patterns"]))
    captured |= {name for each in found["also"] for name in each.expression.groupindex}
    for key, texts in (("cause", (symptom.cause,)), ("remedy", symptom.remedy)):
        for text in texts:
            for name, reading in PLACEHOLDER.findall(text):
                if name not in captured:
                    table.fault(f"{{{name}}} is a group neither of every pattern nor in otherwise", key)
                if reading and reading not in READINGS:
                    table.fault(f"{reading} is none of {', '.join(READINGS)}", key)


@lru_cache(maxsize=1)
def _nothing() -> Pattern:
    return compile_pattern("nothing")


def _rank(text: str) -> SymptomRank:
    if text not in _RANKS:
        raise ValueError(f"not one of {', '.join(_RANKS)}")
    return _RANKS[text]
