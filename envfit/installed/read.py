"""Reads what is installed at a prefix: names, versions, requirements and who installed them.

Nothing is run and no package is imported: a broken environment is read like any other.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envfit.errors import FileError, InputError
from envfit.header_fields import header_fields
from envfit.installed.model import InstalledDistribution, InstalledEnvironment, PrefixKind
from envfit.installed.search_path import is_version, prefix_kind, read_python, search_path

__all__ = ["is_environment", "read_environment"]

_NAME = re.compile(r"([A-Za-z0-9][\w.]*?)(?:-(\d[^-]*).*)?\.(?:dist|egg)-info", re.ASCII)
_REQUIRES_TXT = re.compile(r"\[(?:([^\]:]*))?(?::([^\]]*))?\]")


def is_environment(prefix: Path) -> bool:
    """Tell whether a directory is a Python environment: virtual, conda's or a system's."""
    return prefix.is_dir() and prefix_kind(prefix) is not None


def read_environment(prefix: Path, environ: Mapping[str, str]) -> InstalledEnvironment:
    """Read the environment at a prefix, as its interpreter would see it with that environment.

    Raises InputError where there is none, FileError where it may not be read.
    """
    prefix = Path(os.path.abspath(prefix))  # noqa: PTH100 - resolve() would follow the link of a version
    kind = prefix_kind(prefix) if prefix.is_dir() else None
    if kind is None:
        raise InputError(
            f"{prefix} is no Python environment",
            hints=["name the directory that has pyvenv.cfg, conda-meta or lib/python3.X in it"],
        )
    python = read_python(prefix, kind)
    try:
        path = search_path(prefix, kind, python, environ)
        entries = [(directory, sorted(os.listdir(directory))) for directory in path.directories]  # noqa: PTH208
    except OSError as error:
        raise FileError(f"{error.filename} cannot be read: {error.strerror}") from error
    found = [item for directory, names in entries for item in _distributions(directory, names)]
    marker = prefix / f"lib/python{python.minor}/EXTERNALLY-MANAGED"
    return InstalledEnvironment(
        prefix=prefix,
        kind=kind,
        python=python.executable,
        python_version=python.version,
        site_directories=path.directories,
        # Stable: those of one name stay in the order of the search path.
        distributions=tuple(sorted(found, key=lambda item: item.name)),
        own_directories=path.own,
        half_removed=tuple(
            directory / name
            for directory, names in entries
            for name in names
            if name.startswith("~") and directory in path.own
        ),
        dead_paths=path.dead,
        conda_revision=_conda_revision(prefix),
        made_anew=kind is PrefixKind.VENV and is_version(prefix),
        managed_outside=str(marker) if marker.is_file() else "",
    )


def _conda_revision(prefix: Path) -> int | None:
    """Return the number of the last revision in conda's history of a prefix; the first is 0."""
    lines = _text(prefix / "conda-meta/history").splitlines()
    return sum(line.startswith("==> ") for line in lines) - 1 if lines else None


def _distributions(directory: Path, names: Iterable[str]) -> Iterator[InstalledDistribution]:
    for name in names:
        if name.startswith("~") or not name.endswith((".dist-info", ".egg-info")):
            continue
        found = _distribution(directory, name)
        if found is not None:
            yield found


def _distribution(directory: Path, metadata: str) -> InstalledDistribution | None:
    place = directory / metadata
    is_directory = place.is_dir()
    inside = set(os.listdir(place)) if is_directory else set()  # noqa: PTH208 - a Path for each takes long
    is_egg = metadata.endswith(".egg-info")
    file = ("PKG-INFO" if is_egg else "METADATA") if is_directory else ""
    text = _read(place / file) if not file or file in inside else None
    fields = header_fields(text) if text is not None else {}
    by_name = _NAME.fullmatch(metadata)
    name = next(iter(fields.get("name", ())), None) or (by_name and by_name[1])
    if not name:
        return None
    says = next(iter(fields.get("version", ())), "") or (by_name and by_name[2]) or ""
    requires = tuple(fields.get("requires-dist", ()))
    if is_egg and not requires and "requires.txt" in inside:
        requires = tuple(_egg_requires(_text(place / "requires.txt")))
    wheel = header_fields(_read(place / "WHEEL") or b"") if "WHEEL" in inside else {}
    return InstalledDistribution(
        name=canonicalize_name(name),
        version=_version(says),
        says=says,
        directory=directory,
        metadata=metadata,
        requires=requires,
        requires_python=next(iter(fields.get("requires-python", ())), None),
        tags=tuple(wheel.get("tag", ())),
        installer=_text(place / "INSTALLER").strip().partition(" ")[0] if "INSTALLER" in inside else "",
        editable=_editable(_text(place / "direct_url.json")) if "direct_url.json" in inside else None,
        has_metadata=bool(fields.get("name")),
        has_record="RECORD" in inside,
    )


def _version(says: str) -> Version | None:
    try:
        return Version(says)
    except InvalidVersion:
        return None


def _editable(text: str) -> str | None:
    """Return the address of an editable installation's project (PEP 610)."""
    try:
        stated = json.loads(text)
        return str(stated["url"]) if stated.get("dir_info", {}).get("editable") else None
    except (ValueError, KeyError, AttributeError, TypeError):
        return None


def _egg_requires(text: str) -> Iterator[str]:
    """Yield the requirements of setuptools' requires.txt as Requires-Dist has them."""
    marker = ""
    for line in map(str.strip, text.splitlines()):
        if section := _REQUIRES_TXT.fullmatch(line):
            parts = [f"({section[2]})"] if section[2] else []
            parts += [f'extra == "{section[1]}"'] if section[1] else []
            marker = " and ".join(parts)
        elif line and not line.startswith("#"):
            yield f"{line} ; {marker}" if marker else line


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _text(path: Path) -> str:
    return (_read(path) or b"").decode("utf-8", "replace")
