"""Files of a lock that lie in directories on this machine: by their name, and by their sha256."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from envfit.digest import sha256_of
from envfit.distribution import Distribution
from envfit.errors import FileError, InstallError

__all__ = ["found_in"]

_READERS = 4


def found_in(directories: Sequence[Path], files: Iterable[Distribution]) -> Mapping[str, Path]:
    """Return the paths of the files that are there, by their addresses in the lock.

    A file of another content in one directory is nothing where a later one has the right one.
    Raises InstallError where a directory has a file of that name with another content and none has
    the right one; FileError where a directory is not there or a file cannot be read.
    """
    for directory in directories:
        if not directory.is_dir():
            raise FileError(f"{directory}, of --find-links, is not a directory")
    wanted = {file.url: file for file in files if "://" in file.url} if directories else {}
    with ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="envfit-links") as readers:
        found = list(readers.map(lambda file: _found(file, directories), wanted.values()))
    return {url: path for url, path in zip(wanted, found, strict=True) if path is not None}


def _found(file: Distribution, directories: Sequence[Path]) -> Path | None:
    wrong = ""
    for path in (directory / file.filename for directory in directories):
        if not path.is_file():
            continue
        what = _difference(file, path)
        if not what:
            return path.absolute()
        wrong = wrong or f"{path} is not the file of the lock: {what}"
    if wrong:
        raise InstallError(wrong, hints=["replace it, or leave that directory out of --find-links"])
    return None


def _difference(file: Distribution, path: Path) -> str:
    """Return how a file differs from what the lock says of it; empty where it does not."""
    try:
        size = path.stat().st_size
        if file.size is not None and size != file.size:
            return f"it has {size} bytes, the lock says {file.size}"
        if file.sha256 is None:
            return ""  # uv checks whatever hash the lock has
        with path.open("rb") as opened:
            found = sha256_of(opened)
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    return "" if found == file.sha256 else f"its sha256 is {found}, the lock says {file.sha256}"
