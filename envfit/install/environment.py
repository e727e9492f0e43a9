"""An environment that is replaced in one step: where its versions are, and which of them is in use.

The layout, for ``--prefix /opt/asr``::

    /opt/asr                       a link to .asr.envfit/0002
    /opt/.asr.envfit/0002/         the environment: a virtual environment, with the
                                   pylock.toml that it was made from, and a file
                                   "proved" once everything in it worked
    /opt/.asr.envfit/0001/         the one before it
    /opt/.asr.envfit/history       names of versions, the one put in use last at the end
    /opt/.asr.envfit/journal       the step under way, while somebody installs
    /opt/.asr.envfit/lock          held while somebody installs

A directory that was adopted lies there as ``adopted-0001``.  It is no relocatable
environment, so that it comes back into use by being moved to the prefix itself, where it was.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from envfit.errors import InstallError
from envfit.frozen import frozen
from envfit.install.durable import write_durably

__all__ = ["ADOPTED", "GONE", "NEXT", "PROVED", "Environment", "number_of"]

PROVED = "proved"
ADOPTED = "adopted-"  # begins the name of a directory that envfit did not make
GONE = "gone-"  # begins the name of one that is being removed
NEXT = "next"  # the link that a rename puts at the prefix
_HISTORY = "history"
_NAME = re.compile(rf"(?:{ADOPTED})?(\d+)")


def number_of(name: str) -> int | None:
    """Return the number in the name of a version; None of any other name."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else None


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

    @property
    def in_use(self) -> str | None:
        """The name of the version at the prefix: one that is linked, or a directory that was moved back."""
        current = self.current
        if current is not None:
            return current.name
        if not self.has_directory:
            return None
        adopted = (name for name in reversed(self.history()) if name.startswith(ADOPTED))
        return next((name for name in adopted if not self.path_of(name).exists()), None)

    @property
    def has_directory(self) -> bool:
        """Whether a directory with something in it is at the prefix, and no link."""
        return not self.prefix.is_symlink() and self.prefix.is_dir() and any(self.prefix.iterdir())

    @property
    def former(self) -> str | None:
        """The name of the version that was in use before, and is still there."""
        return next(iter(self.others()), None)

    def path_of(self, name: str) -> Path:
        """Return where a version lies that is not a directory at the prefix."""
        return self.versions / name

    def names(self) -> list[str]:
        """Return the names of the versions that are there, unproved ones among them, by number."""
        if not self.versions.is_dir():
            return []
        found = {path.name: number_of(path.name) for path in self.versions.iterdir() if path.is_dir()}
        numbers = {name: number for name, number in found.items() if number is not None}
        return sorted(numbers, key=numbers.__getitem__)

    @property
    def last_number(self) -> int:
        """The highest number that a version has or had; 0 where there was none."""
        numbers = map(number_of, (*self.names(), *self.history()))
        return max((number for number in numbers if number is not None), default=0)

    def history(self) -> tuple[str, ...]:
        """Return the names of versions that were put in use, the last one at the end; some may be gone."""
        try:
            written = (self.versions / _HISTORY).read_text(encoding="utf-8").split()
        except (FileNotFoundError, NotADirectoryError):
            written = [name for name in self.names() if (self.path_of(name) / PROVED).exists()]
        return tuple(name for name in written if number_of(name) is not None)

    def others(self) -> tuple[str, ...]:
        """Return the names of the versions to which one can go back, the one used last first."""
        in_use, there = self.in_use, self.names()
        return tuple(name for name in reversed(self.history()) if name != in_use and name in there)

    def remember(self, *names: str) -> None:
        """Write versions at the end of the history, before they are put in use; raises OSError."""
        there = {*self.names(), self.in_use}
        kept = [name for name in self.history() if name in there and name not in names]
        write_durably(self.versions / _HISTORY, "".join(f"{name}\n" for name in (*kept, *names)))

    def check_own(self, *, adopt: bool = False) -> None:
        """Raise InstallError where something is at the prefix that envfit neither made nor may adopt.

        An empty directory is nothing.  OSError where it cannot be looked at.
        """
        if (self.prefix / "conda-meta").is_dir():
            raise InstallError(
                f"{self.prefix} is an environment of conda's, and envfit leaves those as they are",
                hints=["choose another --prefix: conda's environment goes on to work beside it"],
            )
        what = self._foreign()
        if what is None:
            return
        if os.path.ismount(self.prefix):
            raise InstallError(
                f"{self.prefix} is a mount point, so no link can take its place",
                hints=[f"choose a directory in it: --prefix {self.prefix / 'env'}"],
            )
        is_venv = (self.prefix / "pyvenv.cfg").is_file() and not self.prefix.is_symlink()
        if adopt and is_venv:
            return
        taken = ["--adopt replaces it, and envfit rollback brings it back"] if is_venv else []
        why = "; --adopt takes virtual environments alone, and it is none" if adopt else ""
        raise InstallError(
            f"{self.prefix} is {what} that envfit did not make, so it is left alone{why}",
            hints=[*taken, "choose another --prefix", f"move {self.prefix} away"],
        )

    def _foreign(self) -> str | None:
        """Return what stands at the prefix that is not envfit's, or None."""
        if self.current is not None:
            return None
        if self.prefix.is_symlink():
            return f"a link to {self.prefix.readlink()}"
        if self.prefix.is_dir():
            return (
                "a directory with files in it" if self.has_directory or os.path.ismount(self.prefix) else None
            )
        return "a file" if self.prefix.exists() else None
