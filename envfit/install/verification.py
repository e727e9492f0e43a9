"""The proof of an environment that was just made, before anything points to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from envfit.errors import VerificationError
from envfit.frozen import frozen
from envfit.install.options import Options, Verify
from envfit.install.plan import Plan
from envfit.installed.import_names import import_names
from envfit.prove.imports import ImportResult, Outcome, verify
from envfit.target import Target

__all__ = ["Proof", "prove"]


@frozen
class Proof:
    """What was tried, and how long it took."""

    imports: tuple[ImportResult, ...] = ()
    seconds: float | None = None


def prove(
    version: Path,
    planned: Plan,
    target: Target,
    options: Options,
    *,
    notify: Callable[[str], None] = lambda _: None,
) -> Proof:
    """Import what an environment is for; raises VerificationError where something does not work."""
    if options.verify is Verify.NONE:
        return Proof()
    site_packages = version / "lib" / f"python{planned.python}" / "site-packages"
    names = [
        name
        for check in planned.checks
        for name in check.imports or import_names(site_packages, check.package)
    ]
    begun = time.perf_counter()
    results = verify(version / "bin" / "python", names, gpu=bool(target.gpus), notify=notify)
    seconds = time.perf_counter() - begun
    _require_working(results)
    return Proof(imports=results, seconds=seconds)


def _require_working(results: tuple[ImportResult, ...]) -> None:
    failed = [result for result in results if result.outcome is Outcome.FAILED]
    if not failed:
        return
    others = f"; {', '.join(item.name for item in failed[1:])} failed too" if failed[1:] else ""
    raise VerificationError(
        f"everything was installed, but {failed[0]}{others}; the environment was not put in place",
        details={item.name: str(item) for item in failed},
    )
