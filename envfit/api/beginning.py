"""A new file about a package, begun with what the index says of its newest release."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from envfit.api.scanning import python_rank
from envfit.distribution import Sdist, Wheel
from envfit.errors import EnvfitError, FileError, InputError
from envfit.knowledge.files import constraints_directory
from envfit.knowledge.skeleton import BLANK, ReleasedFile, skeleton
from envfit.target import Platform

if TYPE_CHECKING:
    from envfit.index.source import PackageIndex

__all__ = ["begin"]

_MOST_FILES = 6


def begin(
    name: str,
    directory: Path | None,
    *,
    index_url: str | None,
    offline: bool,
    environ: Mapping[str, str],
    notify: Callable[[str], None],
) -> Path:
    """Write packages/NAME.toml of a constraints directory, or NAME.toml of a folder of rules."""
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name):
        raise InputError(f"{name!r} is no name of a package")
    package = canonicalize_name(name)
    where = constraints_directory() if directory is None else directory
    if directory is None and where.parent.name == "envfit" and (where.parent / "api").is_dir():
        raise InputError(
            "this envfit is installed, not checked out: say where the file goes",
            hints=[f"rules of your own: envfit knowledge new {package} --directory rules"],
        )
    folder = where / "packages" if (where / "axes").is_dir() or (where / "packages").is_dir() else where
    path = folder / f"{package}.toml"
    if path.exists():
        raise InputError(
            f"there is {path} already", hints=["add to it", f"what is known: envfit knowledge list {package}"]
        )
    version, files = (None, ()) if offline else _newest(package, index_url, environ, notify)
    text = skeleton(
        package,
        version=version,
        files=files,
        today=datetime.now(timezone.utc).date(),
        folder="" if directory is None else str(directory),
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _newest(
    name: str, index_url: str | None, environ: Mapping[str, str], notify: Callable[[str], None]
) -> tuple[str | None, tuple[ReleasedFile, ...]]:
    """Return the newest final release on the index and its files; nothing where it cannot be asked."""
    from envfit.api.indexes import IndexRequest, open_packages

    try:
        with open_packages(IndexRequest(directory=Path(), index_url=index_url), environ, notify) as (
            packages,
            _,
        ):
            return _newest_of(name, packages, notify)
    except EnvfitError as error:
        notify(f"note: the index could not be asked ({error.message}); what it would say is left blank")
        return None, ()


def _newest_of(
    name: str, packages: PackageIndex, notify: Callable[[str], None]
) -> tuple[str | None, tuple[ReleasedFile, ...]]:
    listed = [
        file
        for listing in packages.listing(name)
        for file in listing.distributions
        if isinstance(file, Wheel | Sdist) and file.yanked is None
    ]
    finals = [file for file in listed if not file.version.is_prerelease] or listed
    if not finals:
        notify(f"note: no index in use has {name}; what it would say is left blank")
        return None, ()
    newest = max(file.version for file in finals)
    files = sorted((file for file in finals if file.version == newest), key=_rank)
    return str(newest), tuple(
        ReleasedFile(filename=file.filename, sha256=file.sha256 or BLANK) for file in files[:_MOST_FILES]
    )


def _rank(file: Wheel | Sdist) -> tuple[int, str]:
    """Wheels for Linux first, then what is built from."""
    if isinstance(file, Sdist):
        return 100, file.filename
    ranks = [python_rank(file, Platform(machine=machine)) for machine in ("x86_64", "aarch64")]
    return next(
        (place * 20 + rank for place, rank in enumerate(ranks) if rank is not None), 200
    ), file.filename
