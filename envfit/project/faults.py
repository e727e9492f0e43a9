"""The faults of one file, collected so that all of them are told at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from envfit.errors import ProjectError

__all__ = ["Faults"]

# Beyond that, the file is of another kind altogether.
_SHOWN = 50


class Faults:
    """Faults found so far in one file and in those that it includes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sentences: list[str] = []
        self._hints: list[str] = []

    def add(self, sentence: str, *, hints: Sequence[str] = ()) -> None:
        """Note a fault, once; the sentence begins with its place."""
        if sentence not in self._sentences:
            self._sentences.append(sentence)
        self._hints.extend(hint for hint in hints if hint not in self._hints)

    def raise_any(self) -> None:
        """Raise ProjectError with the faults noted, in order; do nothing where there is none."""
        if not self._sentences:
            return
        message = self._sentences[0]
        if len(self._sentences) > 1:
            lines = "".join(f"\n  {sentence}" for sentence in self._sentences[:_SHOWN])
            if len(self._sentences) > _SHOWN:
                lines += f"\n  and {len(self._sentences) - _SHOWN} more"
            message = f"{self._path} has {len(self._sentences)} faults:{lines}"
        raise ProjectError(message, details={"file": str(self._path)}, hints=self._hints)
