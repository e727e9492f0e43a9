"""Failure texts of public threads, each with what was truly wrong: ``judges/failures/*.toml``."""

from __future__ import annotations

import enum
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["FAILURES", "Failure", "Half", "Verdict", "read_failures"]

FAILURES = Path(__file__).with_name("failures")


class Verdict(enum.Enum):
    """What a right answer is about."""

    CAUSE = "cause"  # something of the environment, of its machine or of how it was made
    HARMLESS = "harmless"  # a warning that breaks nothing, and to say so
    NOT_ENVIRONMENT = "not-environment"  # no other environment would cure it
    UNKNOWN = "unknown"  # the text does not tell


class Half(enum.Enum):
    """One of two halves of the texts, so that what was looked at while writing is told apart."""

    DEV = "dev"
    HELD_OUT = "held-out"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One text, and what any right diagnosis of it has to mention."""

    id: str  # theme/slug; the theme is the file's name
    source: str  # the thread or page
    verdict: Verdict
    cause: str  # one sentence, as the thread settled it
    names: tuple[tuple[str, ...], ...]  # of each group one must be said, in cause or remedy
    never: tuple[str, ...]  # said in a cause, they make it wrong
    text: str

    @property
    def half(self) -> Half:
        """Return the half that the id falls into, by its hash: nobody chooses it."""
        return Half.DEV if hashlib.sha256(self.id.encode()).digest()[0] % 2 == 0 else Half.HELD_OUT


def read_failures(folder: Path = FAILURES) -> tuple[Failure, ...]:
    """Return the texts of every file of a folder, by file and in its order."""
    return tuple(_failures(folder))


def _failures(folder: Path) -> Iterator[Failure]:
    for path in sorted(folder.glob("*.toml")):
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["failure"]:
            yield Failure(
                id=entry["id"],
                source=entry["source"],
                verdict=Verdict(entry["verdict"]),
                cause=entry["cause"],
                names=tuple(tuple(group) for group in entry["names"]),
                never=tuple(entry.get("never", ())),
                text=entry["text"],
            )
