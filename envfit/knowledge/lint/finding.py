"""What a lint says: where, what, and the change that mends it."""

from __future__ import annotations

import enum

from envfit.frozen import frozen

__all__ = ["Edit", "Finding", "Level"]


class Level(enum.Enum):
    """Whether something is wrong, or merely not as it should be."""

    ERROR = "error"
    WARNING = "warning"


@frozen
class Edit:
    """One value of a document changed, by the keys and positions that lead to it."""

    keys: tuple[str | int, ...]
    value: str


@frozen
class Finding:
    """Something that a lint found."""

    lint: str  # the id of the lint, such as dead-rule
    level: Level
    file: str
    place: str  # in the file: the id of a rule, or a path such as example[0]
    text: str  # one sentence
    edit: Edit | None = None  # what mends it, where that is beyond doubt

    def __str__(self) -> str:
        return f"{self.file}: {self.place + ': ' if self.place else ''}{self.text} [{self.lint}]"
