"""A finding: something wrong or worth knowing about an environment or a lock."""

from __future__ import annotations

import enum

from envfit.frozen import frozen
from envfit.resolve.reason import Reason

__all__ = ["Change", "Finding", "Kind", "Remedy", "Severity", "Stage"]


class Stage(enum.Enum):
    """What is looked at, in this order: a later stage makes sense of what an earlier one found."""

    FILES = "files"
    METADATA = "metadata"
    KNOWLEDGE = "knowledge"
    LIBRARIES = "libraries"
    IMPORTS = "imports"
    SCENARIOS = "scenarios"
    GPU = "gpu"


class Severity(enum.Enum):
    """What a finding means for whoever wants to use the environment."""

    BREAKS = "breaks"  # it cannot work
    WARNS = "warns"  # it works badly, or will fail when something is used
    OPEN = "open"  # it could not be known here, and the finding says what would settle it


@frozen
class Kind:
    """A kind of finding: the code that names it, and what holds for every finding of the kind."""

    code: str  # such as "missing-extension"; never reused
    stage: Stage
    cause: str  # one or two sentences, as the error reference prints them
    remedy: str  # likewise, without commands of one environment


@frozen
class Change:
    """What a remedy does to one package."""

    name: str  # normalized
    before: str | None  # the version that is there; None where it is not
    after: str | None  # a version, or bounds such as "<2"; None where it is removed

    def __str__(self) -> str:
        gone = f"- {self.name} {self.before}" if self.before is not None else ""
        come = f"+ {self.name} {self.after}" if self.after is not None else ""
        return "\n".join(filter(None, (gone, come)))


@frozen
class Remedy:
    """One way to mend a finding."""

    text: str  # one imperative sentence
    commands: tuple[tuple[str, ...], ...] = ()  # each as words; none where a person must decide
    undo: tuple[tuple[str, ...], ...] = ()  # what takes the commands back; none where nothing does
    changes: tuple[Change, ...] = ()  # packages that it changes: a copy of their files takes it back
    moves: tuple[str, ...] = ()  # files and directories that it takes away: putting them back undoes it

    @property
    def is_reversible(self) -> bool:
        """Tell whether commands can be run and taken back again."""
        return bool(self.commands) and bool(self.undo or self.changes or self.moves)


@frozen
class Finding:
    """One thing that is wrong or worth knowing, why it is so, and what mends it."""

    kind: Kind
    severity: Severity
    subject: tuple[str, ...]  # "flash-attn 2.8.3"; several where it is about them together
    text: str  # one sentence that is complete by itself
    because: Reason | None = None  # a rule with its facts and evidence
    measured: tuple[
        str, ...
    ] = ()  # what was seen: a file, a hash, the root of an exception chain; one line each
    remedies: tuple[Remedy, ...] = ()  # the gentlest first

    def __str__(self) -> str:
        return f"{self.text} [{self.kind.code}]"
