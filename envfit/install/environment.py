"""An environment that is replaced in one step.

The layout, for ``--prefix /opt/asr``::

    /opt/asr                       a link to .asr.envfit/0002
    /opt/.asr.envfit/0002/         the environment: a virtual environment, with the
                                   pylock.toml that it was made from, and a file
                                   "proved" once everything in it worked
    /opt/.asr.envfit/0001/         the one before it
    /opt/.asr.envfit/lock          held while somebody installs

A new environment is made under the next number and proved there; then a rename
of the link switches to it.  A failure, an interrupt, a kill or a full disk
before that moment leaves the link as it was.  What a kill leaves behind is
removed by the next installation that succeeds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from envfit.errors import FileError, InstallError
from envfit.frozen import frozen

__all__ = ["Environment"]

_PROVED = "proved"


@frozen
class Environment:
    """The environment at a prefix, in all its versions."""

    prefix: Path  # absolute; itself never resolved, since it is a link

    @classmethod
    def at(cls, prefix: Path) -> Environment:
        """Return the environment at a prefix, which may not be there yet."""
        return cls(prefix=Path(os.path.abspath(prefix)))  # noqa: PTH100 - resolve() would follow the link

    @property
    def versions(self) -> Path:
        """The directory of its versions."""
        return self.prefix.parent / f".{self.prefix.name}.envfit"

    @property
    def current(self) -> Path | None:
        """The version that the link points to, or None where there is no link of envfit's."""
        if not self.prefix.is_symlink():
            return None
        version = self.prefix.parent / self.prefix.readlink()
        return version if version.parent == self.versions else None

    def check_own(self) -> None:
        """Raise InstallError where something is at the prefix that envfit did not make.

        An empty directory is nothing.  FileError where it cannot be looked at.
        """
        with self._as_file_errors():
            what = self._foreign()
        if what is not None:
            raise InstallError(
                f"{self.prefix} is {what} that envfit did not make, so it is left alone",
                hints=["choose another --prefix", f"move {self.prefix} away"],
            )

    def _foreign(self) -> str | None:
        """Return what stands at the prefix that is not envfit's, or None."""
        if self.current is not None:
            return None
        if self.prefix.is_symlink():
            return f"a link to {self.prefix.readlink()}"
        if self.prefix.is_dir():
            return "a directory with files in it" if any(self.prefix.iterdir()) else None
        return "a file" if self.prefix.exists() else None

    @contextlib.contextmanager
    def replacement(self, *, keep: int = 1) -> Iterator[Path]:
        """Yield the path of a version to be made, and switch to it where the block ends well.

        Otherwise it is removed.  ``keep`` is how many former versions stay.
        Raises InstallError where the prefix is not envfit's or somebody else is
        installing into it, FileError where the disk does not allow it.
        """
        with self._as_file_errors():
            self.check_own()
            self.versions.mkdir(parents=True, exist_ok=True)
            with self._alone():
                version = self.versions / f"{max(self._numbers(), default=0) + 1:04}"
                former = self.current
                try:
                    yield version
                    (version / _PROVED).touch()
                    self._switch(version)
                except BaseException:
                    # An interrupt may come after the rename; then the new version is the one in use.
                    if self.current != version:
                        shutil.rmtree(version, ignore_errors=True)
                        self._remove_if_empty()
                    raise
                self._remove_others(version, former, keep)

    @contextlib.contextmanager
    def _as_file_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            raise FileError(f"cannot install into {self.prefix}: {place}{error.strerror or error}") from error

    def _numbers(self) -> list[int]:
        return [int(path.name) for path in self._all()]

    def _all(self) -> list[Path]:
        return [path for path in self.versions.iterdir() if path.name.isdecimal()]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.versions / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InstallError(
                    f"another envfit is installing into {self.prefix}", hints=["wait until it is done"]
                ) from error
            except OSError:
                pass  # a file system without locks
            yield

    def _switch(self, version: Path) -> None:
        link = self.versions / "next"
        link.unlink(missing_ok=True)
        # Relative, so that the directory above may be moved or mounted elsewhere.
        link.symlink_to(version.relative_to(self.prefix.parent))
        if self.prefix.is_dir() and not self.prefix.is_symlink():
            self.prefix.rmdir()  # an empty one; a link cannot replace a directory by a rename
        link.replace(self.prefix)

    def _remove_others(self, version: Path, former: Path | None, keep: int) -> None:
        """Remove all versions but this one and the ``keep`` that worked last."""
        others = [path for path in self._all() if path != version]
        worked = [path for path in others if (path / _PROVED).exists()]
        worked.sort(key=lambda path: (path == former, int(path.name)), reverse=True)
        for path in others:
            if path not in worked[:keep]:
                shutil.rmtree(path, ignore_errors=True)

    def _remove_if_empty(self) -> None:
        with contextlib.suppress(OSError):
            if not self._all():
                shutil.rmtree(self.versions)
