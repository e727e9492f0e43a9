"""Going back to a version that was in use before; itself undone by going back again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from envfit.errors import InputError, InstallError, RefusalError
from envfit.frozen import frozen
from envfit.install.environment import ADOPTED, Environment
from envfit.install.holding import alone
from envfit.install.journal import Entry, Journal, Step
from envfit.install.recovery import interrupted, recover
from envfit.install.replacement import file_errors
from envfit.install.switching import put

__all__ = ["Rollback", "Version", "roll_back", "versions_of"]

_LIMIT = 30  # seconds that an interpreter has to start


@frozen
class Version:
    """One version of an environment."""

    name: str
    path: Path  # where it lies at this moment
    is_in_use: bool
    is_next: bool  # whether a rollback without a name goes to it

    @property
    def was_adopted(self) -> bool:
        """Whether it is a directory that envfit did not make."""
        return self.name.startswith(ADOPTED)


@frozen
class Rollback:
    """What a rollback did."""

    prefix: Path
    before: str | None  # the version that was in use
    now: str


def versions_of(prefix: Path) -> tuple[Version, ...]:
    """Return the versions that work of the environment at a prefix: the one in use, then those used last."""
    environment = Environment.at(prefix)
    with file_errors(environment.prefix, "roll back"):
        in_use, former = environment.in_use, environment.former
        names = [*([in_use] if in_use is not None else []), *environment.others()]
        entry = interrupted(environment)
        given_up = entry.version if entry is not None and entry.step is not Step.BACK else None
        return tuple(
            Version(
                name=name,
                path=environment.path_of(name) if environment.path_of(name).exists() else environment.prefix,
                is_in_use=name == in_use,
                is_next=name == former,
            )
            for name in names
            if name == in_use or name != given_up
        )


def roll_back(
    prefix: Path, *, to: str | None = None, notify: Callable[[str], None] = lambda _: None
) -> Rollback:
    """Switch to the version that was in use before, or to one that is named.

    A directory that was adopted is moved back to where it was; one that was moved back, aside again.
    Raises RefusalError where there is nothing to go back to, InputError on a name that is none,
    InstallError where somebody else holds the environment, FileError where the disk does not allow it.
    """
    environment = Environment.at(prefix)
    with file_errors(environment.prefix, "roll back"):
        if not environment.versions.is_dir():
            raise RefusalError(
                f"there is nothing to roll back: envfit made no environment at {environment.prefix}",
                hints=["--prefix names the environment; without it it is .venv"],
            )
        with alone(environment.versions, environment.prefix):
            recover(environment, notify)
            before = environment.in_use
            if before is None:
                environment.check_own()
            now = _chosen(environment, to)
            _require_python(environment.path_of(now))
            journal = Journal(directory=environment.versions)
            journal.write(Entry.now(Step.BACK, now, before))
            try:
                environment.remember(*([before] if before is not None else []), now)
                put(environment, now, aside=before if environment.has_directory else None)
            except BaseException:
                recover(environment, notify)
                raise
            journal.end()
    return Rollback(prefix=environment.prefix, before=before, now=now)


def _chosen(environment: Environment, name: str | None) -> str:
    others = environment.others()
    if name is None:
        if not others:
            raise RefusalError(
                f"there is nothing to roll back: {environment.prefix} has no former version",
                hints=["envfit install keeps one former version; --keep N keeps more"],
            )
        return others[0]
    if name not in others:
        if name == environment.in_use:
            raise InputError(f"version {name} of {environment.prefix} is the one in use")
        there = f"there are {', '.join(sorted(others))}" if others else "there is none to go back to"
        raise InputError(f"{environment.prefix} has no former version {name}", hints=[there])
    return name


def _require_python(version: Path) -> None:
    """Raise InstallError where the interpreter of a version does not start, such as after it was removed."""
    python = version / "bin" / "python"
    try:
        ended = subprocess.run(
            [python, "-I", "-c", ""],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMIT,
            check=False,
        )
        why = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2] if ended.returncode else None
    except (OSError, subprocess.TimeoutExpired) as error:
        why = str(error)
    if why is not None:
        raise InstallError(
            f"nothing was switched: the interpreter of the former version does not start: {why}",
            hints=["envfit install makes a new one"],
        )
