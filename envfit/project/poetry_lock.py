"""``poetry.lock``: packages with the groups and the markers under which each is installed.

A marker may be one for all groups or a table with one for each.  Locks of Poetry 1 have
neither, and cannot be followed without its reading of ``pyproject.toml``.

Source: files that Poetry 2.5 wrote, format 2.1.
"""

from __future__ import annotations

from pathlib import Path

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from envfit.errors import LockError
from envfit.project.document import Table
from envfit.project.faults import Faults
from envfit.project.locked import LockedEntry, LockedFile
from envfit.project.locked_files import referred_distribution
from envfit.project.locked_table import LockTable
from envfit.project.toml_file import read_toml
from envfit.reference import DirectReference, ReferenceKind

__all__ = ["read_poetry_lock"]

_MAIN = "main"  # the group of what the project itself requires


def read_poetry_lock(path: Path) -> LockedFile:
    """Read a ``poetry.lock``.

    Raises LockError where it is none or one of Poetry 1, ProjectError with every fault by its
    place, FileError where it cannot be read.
    """
    data = read_toml(path)
    faults = Faults(path)
    table = Table(data, file=path, path="", faults=faults)
    metadata = LockTable(table.table("metadata"), path)
    stated = metadata.version("lock-version")
    if stated is None or stated.release < (2, 1):
        raise LockError(
            f"{path} is of Poetry 1, which does not say when a package is installed",
            details={"file": str(path)},
            hints=["poetry lock of Poetry 2 writes that", "poetry export writes a requirements file"],
        )
    entries: list[LockedEntry] = []
    for package in LockTable(table, path).tables("package"):
        entries += _entries(package)
    faults.raise_any()
    groups = frozenset(group for entry in entries for group in entry.groups)
    project = path.parent / "pyproject.toml"
    return LockedFile(
        path=str(path),
        form="poetry.lock",
        entries=tuple(entries),
        requires_python=metadata.specifier("python-versions"),
        extras={canonicalize_name(key): () for key in table.table("extras")},
        groups=dict.fromkeys(groups, ()),
        default_groups=frozenset({_MAIN, "dev"} & groups),
        relock=("-r", str(project)) if project.is_file() else (),
    )


def _entries(table: LockTable) -> list[LockedEntry]:
    """Return a package once for all of its groups, or for each where they have markers of their own."""
    name = table.name()
    if name is None:
        return []
    groups = frozenset(canonicalize_name(group) for _, group in table.table.texts("groups"))
    if isinstance(table.table.get("markers"), dict):
        markers = LockTable(table.table.table("markers"), table.path)
        return [
            _entry(table, name, frozenset({group}), markers.marker(group) if group in markers.table else None)
            for group in sorted(groups)
        ]
    return [_entry(table, name, groups, table.marker("markers"))]


def _entry(table: LockTable, name: str, groups: frozenset[str], marker: Marker | None) -> LockedEntry:
    version = table.version()
    requires_python = table.specifier("python-versions")
    reference = _reference(table.table.table("source"))
    return LockedEntry(
        name=name,
        version=version,
        where=table.where,
        files=(
            (referred_distribution(reference, path=table.path, name=name, version=version),)
            if reference is not None
            else table.files("files", name, version, requires_python=requires_python)
        ),
        reference=reference,
        marker=marker,
        groups=groups,
        requires_python=requires_python,
    )


def _reference(source: Table) -> DirectReference | None:
    """Return where a package comes from, or None where that is an index."""
    kind, place = source.text("type"), source.text("url") or ""
    if kind == "git":
        return DirectReference(
            kind=ReferenceKind.GIT,
            url=place,
            revision=source.text("reference"),
            commit=source.text("resolved_reference"),
        )
    if kind == "directory":
        return DirectReference(kind=ReferenceKind.DIRECTORY, url=place)
    if kind in ("url", "file"):
        return DirectReference(kind=ReferenceKind.ARCHIVE, url=place)
    return None
