"""A selection as plain values, and back: what a page comes to for a target, kept in the cache."""

from __future__ import annotations

from typing import Any

from envfit.distribution import FileRow
from envfit.selection.candidates import Candidates, Selection, Status
from envfit.selection.positions import Positions

__all__ = ["record_of", "selection_of"]


def record_of(selection: Selection) -> object:
    """Return a selection from a page as plain values."""
    candidates = selection.candidates
    return (
        list(candidates.versions),
        [tuple(file) for file in candidates.files if isinstance(file, FileRow)],
        None if candidates.is_descending else list(candidates.ascending),
        candidates.prereleases.bits,
        candidates.yanked.bits,
        list(selection.rejected),
        [(status.name, status.status, status.reason) for status in selection.statuses],
    )


def selection_of(name: str, record: Any) -> Selection | None:
    """Return the selection that a record holds; None where it holds none."""
    if record is None:
        return None
    versions, rows, ascending, prereleases, yanked, rejected, statuses = record
    return Selection(
        Candidates(
            name,
            versions,
            rows,
            ascending=ascending,
            prereleases=Positions(prereleases),
            yanked=Positions(yanked),
        ),
        rejected=rejected,
        statuses=[Status(name=name, status=status, reason=reason) for name, status, reason in statuses],
    )
