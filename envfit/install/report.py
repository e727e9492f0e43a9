"""What an installation did, or would do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from envfit.detect.interpreter import Interpreter
from envfit.frozen import frozen
from envfit.install.guard import Line
from envfit.install.plan import Plan
from envfit.install.record import Overridden
from envfit.install.space import Space
from envfit.install.verification import Proof

if TYPE_CHECKING:
    from envfit.build.report import BuildReport

__all__ = ["InstallReport"]


@frozen
class InstallReport:
    """What an installation did, or would do."""

    plan: Plan
    prefix: Path
    version: Path | None = None  # where the environment lies; None where nothing was done
    former: Path | None = None  # the version that it replaced, where there was one
    kept: tuple[str, ...] = ()  # names of versions to which one can go back, the one used last first
    space: Space | None = None  # what it takes on the disk
    adopts: bool = False  # whether a directory that envfit did not make is moved aside
    builds: tuple[BuildReport, ...] = ()  # what had to be compiled, or would have to be
    proof: Proof = field(default_factory=Proof)  # of the environment; nothing where it was not made
    interpreter: Interpreter | None = None  # whose packages the environment sees
    overridden: tuple[Overridden, ...] = ()  # what speaks against it, and was overridden
    guard: tuple[Line, ...] = ()  # what later installations are held to

    def intentions(self, verb: str) -> Iterator[str]:
        """Yield sentences on what is to be made, before it is begun; ``verb`` begins the first."""
        count = len(self.plan.to_install)
        yield (
            f"{verb} {count} package{'' if count == 1 else 's'} for Python {self.plan.python} "
            f"into {self.prefix}"
        )
        for build in self.builds:
            cost = f", {build.cost}" if build.cost is not None else ""
            yield f"to be compiled first: {build.judged.case.release}{cost}"
            yield from (f"note: {advice.text}" for advice in build.advice)
        if self.space is not None:
            yield from self.space.sentences()
        if self.adopts:
            yield (
                f"{self.prefix} is moved aside whole; envfit rollback moves it back to where it is now, "
                "since its scripts work nowhere else"
            )
