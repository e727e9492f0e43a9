"""Which files of a lock uv has not, when it may not fetch any: it names only the first by itself."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from packaging.pylock import Package, Pylock

from envfit.distribution import Sdist
from envfit.errors import EnvfitError, SourceError
from envfit.install.run_uv import sync
from envfit.lock.file import lock_text, read_lock
from envfit.lock.reading import LockedPackage, locked_packages

__all__ = ["not_here"]

_SIDE_BY_SIDE = 8
_ABSENT = re.compile(
    r"Network connectivity is disabled|network was disabled|Remote Git fetches are not allowed"
)
_ITSELF = re.compile(r"wasn't found in the cache: \S*/([^/\s?#]+)")


def not_here(python: Path, given: Path, *, variables: Mapping[str, str]) -> SourceError | None:
    """Return an error that names every file of a lock that uv's cache has not; None where it has all.

    ``given`` is the lock as uv was given it.  Each package is asked for by itself, into a
    directory that is thrown away, since uv tells nothing of its cache.
    """
    lock = read_lock(given)
    packages = locked_packages(lock)
    with (
        tempfile.TemporaryDirectory(prefix="envfit-") as directory,
        ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE, thread_name_prefix="envfit-missing") as workers,
    ):
        places = [Path(directory) / f"pylock.n{number}.toml" for number in range(len(packages))]
        alone = [_alone(lock, package) for package in lock.packages]
        words = list(
            workers.map(
                lambda package, only, place: _missing(package, only, place, python, variables),
                packages,
                alone,
                places,
            )
        )
    missing = [word for word in words if word]
    return _error(missing, len(packages)) if missing else None


def _alone(lock: Pylock, package: Package) -> Pylock:
    return replace(lock, packages=[replace(package, dependencies=None)])


def _missing(
    package: LockedPackage, only: Pylock, place: Path, python: Path, variables: Mapping[str, str]
) -> str:
    """Return what is missing of one package, empty where nothing is; ``only`` is written at ``place``."""
    place.touch(mode=0o600)  # addresses in it may hold credentials
    place.write_text(lock_text(only), encoding="utf-8")
    try:
        sync(
            python,
            place,
            require_hashes=False,
            offline=True,
            into=place.with_suffix(""),
            variables=variables,
            notify=lambda _: None,
        )
    except EnvfitError as error:
        return _said(package, error.message)
    return ""


def _said(package: LockedPackage, said: str) -> str:
    if not _ABSENT.search(said):
        return ""  # another failure: the whole lock fails of it too, and says so
    itself = _ITSELF.search(said)
    filename = package.distribution.filename
    built = isinstance(package.distribution, Sdist) and (itself is None or itself[1] != filename)
    return f"{filename}: what it is built with" if built and not package.is_source_tree else filename


def _error(missing: Sequence[str], of: int) -> SourceError:
    count = f"{len(missing)} of {of} files" if of > 1 else "the file"
    are = "are" if of > 1 and len(missing) > 1 else "is"
    return SourceError(
        f"offline, and {count} of the lock {are} neither in uv's cache nor in a directory of --find-links",
        details={"missing": "\n".join(missing)},
        hints=[
            "where there is a network: envfit wheelhouse LOCK DIR",
            "then here: envfit install LOCK --offline --find-links DIR",
            "install once without --offline on this machine: uv keeps the files in its cache",
        ],
    )
