"""Going back to a former version of an environment: what there is, and the switch."""

from __future__ import annotations

from pathlib import Path

from envfit.api.targets import Notify
from envfit.install.rollback import Rollback, Version, roll_back, versions_of

__all__ = ["rollback", "versions"]

_DEFAULT = Path(".venv")


def rollback(
    prefix: Path | None = None, *, to: str | None = None, notify: Notify = lambda _: None
) -> Rollback:
    """Switch an environment, .venv where none is named, to the version before, or to one by its name.

    Raises RefusalError where there is none, InputError on a name that is none, InstallError
    where it is held or the version does not start, FileError where the disk does not allow it.
    """
    return roll_back(prefix or _DEFAULT, to=to, notify=notify)


def versions(prefix: Path | None = None) -> tuple[Version, ...]:
    """Return the versions of an environment that work: the one in use, then those used last."""
    return versions_of(prefix or _DEFAULT)
