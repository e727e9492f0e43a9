"""The journal of an environment: what a run is doing to it, so that the next can finish or undo that.

It is one small file, written and synced before each step, and gone at the end: where there is
one and nobody holds the lock, a run was interrupted.
"""

from __future__ import annotations

import enum
import json
from datetime import datetime, timezone
from pathlib import Path

from envfit.frozen import frozen
from envfit.install.durable import sync_directory, write_durably

__all__ = ["Entry", "Journal", "Step"]


class Step(enum.Enum):
    """What is done to an environment, in the order of an installation; ``BACK`` is a rollback."""

    MAKE = "make"
    PROVE = "prove"
    SWITCH = "switch"
    CONFIRM = "confirm"
    CLEAN = "clean"
    BACK = "back"

    @property
    def doing(self) -> str:
        """What was going on, as the end of a sentence that begins with "while"."""
        return _DOING[self]


_DOING = {
    Step.MAKE: "its files were put in place",
    Step.PROVE: "it was proved",
    Step.SWITCH: "the link was switched",
    Step.CONFIRM: "it was tried once more in its place",
    Step.CLEAN: "older versions were removed",
    Step.BACK: "a rollback switched the link",
}


@frozen
class Entry:
    """One step under way."""

    step: Step
    version: str  # the name of the version that is made, or switched to
    former: str | None  # the name of what was in use when the run began
    begun: str  # when the run began, in UTC

    @classmethod
    def now(cls, step: Step, version: str, former: str | None) -> Entry:
        """Return an entry of a run that begins."""
        begun = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
        return cls(step=step, version=version, former=former, begun=begun)


@frozen
class Journal:
    """The journal in the directory of an environment's versions."""

    directory: Path

    @property
    def path(self) -> Path:
        """Its file."""
        return self.directory / "journal"

    def read(self) -> Entry | None:
        """Return the step that is or was under way; None where there is none, or nobody can tell."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return Entry(
                step=Step(found["step"]),
                version=str(found["version"]),
                former=None if found["former"] is None else str(found["former"]),
                begun=str(found["begun"]),
            )
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
            return None

    def write(self, entry: Entry) -> None:
        """Say what is done next; raises OSError with nothing done."""
        said = {
            "step": entry.step.value,
            "version": entry.version,
            "former": entry.former,
            "begun": entry.begun,
        }
        write_durably(self.path, f"{json.dumps(said)}\n")

    def end(self) -> None:
        """Say that nothing is under way."""
        self.path.unlink(missing_ok=True)
        sync_directory(self.directory)
