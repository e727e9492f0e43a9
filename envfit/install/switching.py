"""The switch: what is at the prefix becomes another version, by renames alone.

A link is replaced by a rename, which has no moment between.  A directory and a link change
places by RENAME_EXCHANGE (renameat2(2), Linux 3.15), which has none either.  On a file system
that does not know it (some network ones), a directory is moved away first and there is a
moment without anything at the prefix; the journal says what to put back.
"""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

from envfit.install.durable import sync_directory
from envfit.install.environment import ADOPTED, NEXT, Environment

__all__ = ["clear", "put"]

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
#: What kernels, C libraries and file systems without it answer.
_UNKNOWN = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP})


def put(environment: Environment, name: str, *, aside: str | None = None) -> None:
    """Put a version in use.  ``aside`` is what a directory at the prefix is called among the versions.

    Raises OSError with the prefix as it was.
    """
    if name.startswith(ADOPTED):
        _put_directory(environment.prefix, environment.path_of(name), environment.versions / NEXT)
    else:
        _put_link(environment, name, aside)
    sync_directory(environment.prefix.parent)


def clear(environment: Environment) -> None:
    """Take the link at the prefix away."""
    environment.prefix.unlink()
    sync_directory(environment.prefix.parent)


def _put_link(environment: Environment, name: str, aside: str | None) -> None:
    prefix, link = environment.prefix, environment.versions / NEXT
    link.unlink(missing_ok=True)
    # Relative, so that the directory above may be moved or mounted elsewhere.
    link.symlink_to(environment.path_of(name).relative_to(prefix.parent))
    if prefix.is_symlink() or not prefix.is_dir():
        link.replace(prefix)
    elif aside is None:
        prefix.rmdir()  # an empty one; a link cannot replace a directory by a rename
        link.replace(prefix)
    elif _exchange(link, prefix):
        link.rename(environment.path_of(aside))
    else:
        prefix.rename(environment.path_of(aside))
        try:
            link.rename(prefix)
        except OSError:
            environment.path_of(aside).rename(prefix)
            raise


def _put_directory(prefix: Path, directory: Path, link: Path) -> None:
    link.unlink(missing_ok=True)
    if not prefix.is_symlink():
        directory.rename(prefix)  # nothing is there, or an empty directory
    elif _exchange(directory, prefix):
        directory.unlink()
    else:
        prefix.rename(link)
        try:
            directory.rename(prefix)
        except OSError:
            link.rename(prefix)
            raise
        link.unlink()


def _exchange(one: Path, other: Path) -> bool:
    """Have two names change places; False where the file system cannot; raises OSError."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)  # glibc 2.28
    if renameat2 is None:
        return False
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNKNOWN:
        return False
    raise OSError(number, os.strerror(number), str(other))
