"""The replacement of an environment by a new version, one journalled step after the other."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from envfit.errors import EnvfitError, FileError, SourceError
from envfit.install.durable import sync_file_system
from envfit.install.environment import ADOPTED, PROVED, Environment
from envfit.install.holding import alone
from envfit.install.journal import Entry, Journal, Step
from envfit.install.recovery import recover, remove, settle
from envfit.install.switching import clear, put

__all__ = ["Replacement", "file_errors", "replacement"]

Notify = Callable[[str], None]


class Replacement:
    """A new version under way."""

    def __init__(self, environment: Environment, journal: Journal, number: int) -> None:
        """Choose names, by the number given, for the new version and for what it takes the place of."""
        former = environment.in_use
        self._environment = environment
        self._journal = journal
        self._aside: str | None = None
        self._had_directory = environment.prefix.is_dir() and not environment.prefix.is_symlink()
        if environment.has_directory:
            self._aside = former or f"{ADOPTED}{number:04}"
            number += former is None
        self.former: str | None = self._aside or former
        self._entry = Entry.now(Step.MAKE, f"{number:04}", self.former)

    @property
    def version(self) -> Path:
        """Where the new version is made."""
        return self._environment.path_of(self._entry.version)

    def begin(self, step: Step) -> None:
        """Say what is done next; raises OSError."""
        self._entry = replace(self._entry, step=step)
        self._journal.write(self._entry)

    def put_in_place(self) -> None:
        """Switch to the new version, which was proved and is on the disk first; raises OSError."""
        (self.version / PROVED).touch()
        sync_file_system(self.version)
        self.begin(Step.SWITCH)
        in_use = [self.former] if self.former is not None else []
        self._environment.remember(*in_use, self._entry.version)
        put(self._environment, self._entry.version, aside=self._aside)
        with contextlib.suppress(OSError):  # the entry before it would do; a full disk stops nothing any more
            self.begin(Step.CONFIRM)

    def undo(self, notify: Notify) -> None:
        """Leave everything as it was; where that cannot be, say so."""
        environment = self._environment
        try:
            settle(environment, self._entry)
            if environment.in_use == self._entry.version:
                self._switch_back()
            if self.version.is_dir():
                remove(environment, self._entry.version)
            self._journal.end()
            if not environment.names():
                shutil.rmtree(environment.versions)
        except OSError as error:
            notify(f"not all could be undone ({error}); the next envfit install or rollback does the rest")
        if environment.in_use == self._entry.version:
            notify(f"{environment.prefix} is the new version, and could not be switched back")
        elif self._aside is not None and not environment.prefix.exists():
            notify(
                f"nothing is at {environment.prefix} until the next envfit install or rollback puts it back"
            )
        else:
            notify(f"{environment.prefix} is as it was")

    def _switch_back(self) -> None:
        if self.former is not None:
            put(self._environment, self.former)
            return
        clear(self._environment)
        if self._had_directory:
            self._environment.prefix.mkdir()

    def finish(self, keep: int, notify: Notify) -> None:
        """Remove all older versions but the ``keep`` used last; what cannot be removed is told."""
        environment = self._environment
        try:
            self.begin(Step.CLEAN)
            made = [name for name in environment.others() if not name.startswith(ADOPTED)]
            for name in made[keep:]:
                remove(environment, name)
            for name in environment.names():
                is_unproved = not (environment.path_of(name) / PROVED).exists()
                if is_unproved and name != environment.in_use and not name.startswith(ADOPTED):
                    remove(environment, name)
            self._journal.end()
        except OSError as error:
            notify(f"warning: older versions could not be removed: {error}")
        except BaseException:
            notify(f"{environment.prefix} is the new version; the next run removes older ones")
            raise


@contextlib.contextmanager
def replacement(
    environment: Environment, *, keep: int = 1, adopt: bool = False, notify: Notify = lambda _: None
) -> Iterator[Replacement]:
    """Yield a version to be made and put in place; where the block does not end well, nothing has changed.

    ``keep`` is how many former versions stay; an adopted directory always does.
    Raises InstallError where the prefix is not envfit's or somebody else is
    installing into it, FileError where the disk does not allow it.
    """
    with file_errors(environment.prefix):
        environment.check_own(adopt=adopt)
        with alone(environment.versions, environment.prefix):
            # Taken before what is left is removed: a uv whose envfit was killed may still write there.
            number = environment.last_number + 1
            recover(environment, notify)
            environment.check_own(adopt=adopt)
            under_way = Replacement(environment, Journal(directory=environment.versions), number)
            try:
                under_way.begin(Step.MAKE)
                yield under_way
            except BaseException:
                under_way.undo(notify)
                raise
            under_way.finish(keep, notify)


@contextlib.contextmanager
def file_errors(prefix: Path, doing: str = "install into") -> Iterator[None]:
    """Turn what the operating system refuses into FileError, and say of every failure what can be done."""
    try:
        yield
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise FileError(
            f"cannot {doing} {prefix}: {place}{error.strerror or error}", hints=[_remedy(error, prefix)]
        ) from error
    except EnvfitError as error:
        error.hints = (*error.hints, *_what_to_do(error, prefix))
        raise


def _what_to_do(error: EnvfitError, prefix: Path) -> list[str]:
    if isinstance(error, SourceError) and not error.hints:
        return [
            "the same command again goes on: uv's cache keeps the files that came whole",
            "where there is no network: --offline installs what the cache has, or names what is missing",
        ]
    if isinstance(error, FileError) and not error.hints:
        return [f"make room where {prefix} lies and in uv's cache (uv cache prune), then install again"]
    return []


def _remedy(error: OSError, prefix: Path) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"make room where {prefix} lies, or choose another --prefix, then do the same again"
    if error.errno == errno.EROFS:
        return (
            f"the file system of {prefix} cannot be written: mount it for writing, or choose another --prefix"
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"choose a --prefix whose directory you may write: {prefix.parent} is not one"
    return "do the same again once that is mended"
