"""How lists are written in sentences."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["are", "listed", "they_are"]

_SHOWN = 4


def listed(names: Sequence[str]) -> str:
    """Return names as a list in a sentence; of many, the first and how many more there are."""
    if len(names) > _SHOWN + 1:
        return f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def are(names: Sequence[str]) -> str:
    """Return the verb for names."""
    return "is" if len(names) == 1 else "are"


def they_are(names: Sequence[str]) -> str:
    """Return the pronoun for names with its verb."""
    return "it is" if len(names) == 1 else "they are"
