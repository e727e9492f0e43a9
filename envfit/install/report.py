"""What an installation did, or would do."""

from __future__ import annotations

from pathlib import Path

from envfit.detect.interpreter import Interpreter
from envfit.frozen import frozen
from envfit.install.guard import Line
from envfit.install.plan import Plan
from envfit.prove.imports import ImportResult

__all__ = ["InstallReport"]


@frozen
class InstallReport:
    """What an installation did, or would do."""

    plan: Plan
    prefix: Path
    version: Path | None = None  # where the environment lies; None where nothing was done
    former: Path | None = None  # the version that it replaced, where there was one
    imports: tuple[ImportResult, ...] = ()
    interpreter: Interpreter | None = None  # whose packages the environment sees
    proof_seconds: float | None = None  # that the imports took
    guard: tuple[Line, ...] = ()  # what later installations are held to
