"""What an installation did, or would do."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from envfit.detect.interpreter import Interpreter
from envfit.frozen import frozen
from envfit.install.guard import Line
from envfit.install.plan import Plan
from envfit.install.record import Overridden
from envfit.install.verification import Proof

__all__ = ["InstallReport"]


@frozen
class InstallReport:
    """What an installation did, or would do."""

    plan: Plan
    prefix: Path
    version: Path | None = None  # where the environment lies; None where nothing was done
    former: Path | None = None  # the version that it replaced, where there was one
    proof: Proof = field(default_factory=Proof)  # of the environment; nothing where it was not made
    interpreter: Interpreter | None = None  # whose packages the environment sees
    overridden: tuple[Overridden, ...] = ()  # what speaks against it, and was overridden
    guard: tuple[Line, ...] = ()  # what later installations are held to
