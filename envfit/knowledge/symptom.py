"""Symptoms: what a log says when an environment does not fit, and what that comes from.

Frozen data.  It is read by ``symptom_file`` and looked for by ``symptom_match``.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import field

from envfit.frozen import frozen
from envfit.knowledge.model import Evidence

__all__ = ["Symptom", "SymptomRank"]


class SymptomRank(enum.IntEnum):
    """How near a message is to its cause; the higher, the nearer."""

    HARMLESS = 1  # frightens, and breaks nothing
    WRAPPER = 2  # says that something else failed, which is to be looked for
    GENERAL = 3  # has several causes
    CAUSE = 4  # has one

    @property
    def label(self) -> str:
        """The rank as it is written in files."""
        return self.name.lower()


@frozen
class Symptom:
    """One message by which a fault is known.

    ``patterns`` are alternatives, ``also`` must all occur somewhere in the text, and no line
    that a pattern matched may have one of ``unless``.  ``cause`` and ``remedy`` may hold
    ``{name}``, what a group of that name captured.
    """

    id: str
    patterns: tuple[str, ...]
    also: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    cause: str
    remedy: tuple[str, ...]
    package: str | None = None  # normalized: the package that it is about
    rules: tuple[str, ...] = ()  # ids of the rules that prevent it
    rank: SymptomRank = SymptomRank.CAUSE
    environment: bool = True  # False: another environment would not help
    otherwise: Mapping[str, str] = field(default_factory=dict)  # words for a group that captured nothing
    related: tuple[str, ...] = ()  # ids of symptoms that are in the same text
    excerpts: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    file: str  # relative to the constraints directory
