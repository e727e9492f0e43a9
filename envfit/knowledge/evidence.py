"""What proves a statement, as files write it."""

from __future__ import annotations

from collections.abc import Iterable

from envfit.knowledge.document import Table
from envfit.knowledge.model import Evidence, EvidenceKind

__all__ = ["proves", "read_evidence"]

_KINDS = {kind.label: kind for kind in EvidenceKind}


def proves(evidence: Iterable[Evidence]) -> bool:
    """Tell whether evidence is good enough for what blocks: documentation or better."""
    return any(item.kind >= EvidenceKind.DOCS for item in evidence)


def read_evidence(table: Table) -> tuple[Evidence, ...]:
    """Return the evidence of a table, which may have none."""
    result = []
    for item in table.tables("evidence"):
        result.append(
            Evidence(
                kind=item.parsed("kind", _kind, EvidenceKind.FORUM),
                source=item.text("source"),
                locator=item.text("locator"),
                checked=item.day("checked"),
                sha256=item.text("sha256") if "sha256" in item else None,
            )
        )
        item.finish()
    return tuple(result)


def _kind(text: str) -> EvidenceKind:
    if text not in _KINDS:
        raise ValueError(f"not one of {', '.join(_KINDS)}")
    return _KINDS[text]
