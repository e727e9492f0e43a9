"""What a run that was interrupted left behind: finished or undone by the next one, told by ``check``."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from envfit.install.environment import ADOPTED, GONE, NEXT, PROVED, Environment
from envfit.install.holding import is_held
from envfit.install.journal import Entry, Journal, Step
from envfit.install.switching import put

__all__ = ["interrupted", "left_to_do", "recover", "remove", "settle"]


def interrupted(environment: Environment) -> Entry | None:
    """Return the step at which a run was interrupted; None where none was, or it goes on still."""
    entry = Journal(directory=environment.versions).read()
    return None if entry is None or is_held(environment.versions) else entry


def left_to_do(prefix: Path) -> str | None:
    """Return in a sentence that a run at a prefix was interrupted; None where none was."""
    environment = Environment.at(prefix)
    try:
        entry = interrupted(environment)
    except OSError:
        return None
    if entry is None:
        return None
    return f"{_sentence(environment, entry)}; the next envfit install or rollback there ends that"


def recover(environment: Environment, notify: Callable[[str], None]) -> None:
    """Finish or undo what a run left behind, once nobody else can be at it; raises OSError.

    It looks at what is there, so that it may itself be interrupted and done again.
    """
    journal = Journal(directory=environment.versions)
    entry = journal.read()
    settle(environment, entry)
    if entry is not None:
        notify(_sentence(environment, entry))
    in_use = environment.in_use
    worked = environment.history()
    for name in environment.names():
        is_given_up = entry is not None and entry.step is not Step.BACK and name == entry.version
        is_whole = name in worked or (environment.path_of(name) / PROVED).exists() or name.startswith(ADOPTED)
        if name != in_use and (is_given_up or not is_whole):
            remove(environment, name)
    for path in environment.versions.glob(f"{GONE}*"):
        shutil.rmtree(path, ignore_errors=True)
    if entry is not None:
        journal.end()


def settle(environment: Environment, entry: Entry | None) -> None:
    """Finish a switch that stopped halfway, or take it back: the prefix is one version or the other."""
    _finish_exchange(environment, entry)
    if entry is not None:
        _put_back(environment, entry)


def remove(environment: Environment, name: str) -> None:
    """Remove a version; from the first moment on nobody takes what is left of it for one.

    What cannot be removed stays for the next run.  Raises OSError where it cannot even be renamed.
    """
    gone = environment.versions / f"{GONE}{name}"
    shutil.rmtree(gone, ignore_errors=True)
    environment.path_of(name).rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _finish_exchange(environment: Environment, entry: Entry | None) -> None:
    """Give what changed places with the prefix its name, or take the link away that did."""
    left = environment.versions / NEXT
    if left.is_symlink():
        left.unlink()
    elif left.is_dir():
        aside = entry.former if entry is not None else None
        left.rename(environment.path_of(aside or f"{ADOPTED}0000"))
    for path in environment.versions.glob(f"{ADOPTED}*"):
        if path.is_symlink():
            path.unlink()


def _put_back(environment: Environment, entry: Entry) -> None:
    """Bring back what was in use, where a run ended between taking it away and the other one's arrival."""
    prefix = environment.prefix
    is_missing = not prefix.is_symlink() and not prefix.exists()
    if is_missing and entry.former is not None and environment.path_of(entry.former).is_dir():
        put(environment, entry.former)


def _sentence(environment: Environment, entry: Entry) -> str:
    what = "rollback" if entry.step is Step.BACK else "installation"
    begins = f"the {what} of {entry.begun} into {environment.prefix} was interrupted while {entry.step.doing}"
    if environment.in_use == entry.version:
        tried = ", but was not tried there" if entry.step in {Step.SWITCH, Step.CONFIRM} else ""
        return f"{begins}: its version {entry.version} is in use{tried}"
    if entry.step is Step.BACK:
        return f"{begins}: nothing was switched"
    return f"{begins}: what it made is given up"
