"""The last proof: what an environment is for, imported once more where it will be used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from envfit.errors import VerificationError
from envfit.prove.imports import Outcome, verify
from envfit.target import Target

__all__ = ["confirm"]


def confirm(
    prefix: Path, names: Sequence[str], target: Target, *, notify: Callable[[str], None] = lambda _: None
) -> None:
    """Import through the prefix names that work in the version; raises VerificationError where they do not.

    What depends on the path that a program is started by shows itself only here.
    """
    if not names:
        return
    notify(f"trying once more through {prefix}")
    results = verify(prefix / "bin" / "python", names, gpu=bool(target.gpus))
    failed = [item for item in results if item.outcome is Outcome.FAILED]
    if failed:
        raise VerificationError(
            f"{failed[0].name} works in the new version and fails through {prefix}, so it was switched back: "
            f"{failed[0]}",
            details={item.name: str(item) for item in failed},
        )
