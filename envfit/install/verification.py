"""The proof of an environment that was just made, before anything points to it.

What proves it is passed in by whoever knows more than this room: ``prove_imports`` alone needs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from envfit.errors import VerificationError
from envfit.frozen import frozen
from envfit.install.options import Options
from envfit.install.plan import Plan
from envfit.installed.import_names import import_names
from envfit.prove.imports import ImportResult, Outcome, verify
from envfit.target import Target

__all__ = ["VERIFIED", "Proof", "Prover", "prove_imports", "requested_imports"]

#: The name of the file in an environment that keeps the report of its proof.
VERIFIED = "envfit-verified.json"


@frozen
class Proof:
    """What was tried, and what came of it; what speaks against an environment is an error instead."""

    imports: tuple[ImportResult, ...] = ()
    seconds: float | None = None  # that it took; None where nothing was tried
    stages: tuple[str, ...] = ()  # that were run, in order
    skipped: tuple[str, ...] = ()  # stages that were not, and why: "gpu: this machine has no GPU"
    remarks: tuple[str, ...] = ()  # what was found and does not stand in the way, a sentence each
    report: str | None = None  # as ``envfit check --json`` has it, to be kept


#: Proves the environment in a directory; raises VerificationError where what was asked for does not work.
Prover = Callable[[Path, Plan, Target, Options, Callable[[str], None]], Proof]


def prove_imports(
    version: Path, planned: Plan, target: Target, _: Options, notify: Callable[[str], None]
) -> Proof:
    """Import what an environment is for; raises VerificationError where something does not work."""
    begun = time.perf_counter()
    names = requested_imports(version, planned)
    results = verify(version / "bin" / "python", names, gpu=bool(target.gpus), notify=notify)
    seconds = time.perf_counter() - begun
    _require_working(results)
    return Proof(imports=results, seconds=seconds, stages=("imports",))


def requested_imports(version: Path, planned: Plan) -> dict[str, str]:
    """Return what to import of what was asked for, in order, each name with its package."""
    site_packages = version / "lib" / f"python{planned.python}" / "site-packages"
    return {
        name: check.package
        for check in planned.checks
        for name in check.imports or import_names(site_packages, check.package)
    }


def _require_working(results: tuple[ImportResult, ...]) -> None:
    failed = [result for result in results if result.outcome is Outcome.FAILED]
    if not failed:
        return
    others = f"; {', '.join(item.name for item in failed[1:])} failed too" if failed[1:] else ""
    raise VerificationError(
        f"everything was installed, but {failed[0]}{others}; the environment was not put in place",
        details={item.name: str(item) for item in failed},
    )
