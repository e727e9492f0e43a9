"""``uv.lock``: the packages of a project or workspace for every platform that it may be installed on.

The packages form a graph that is followed from the project: each edge has its marker,
and names a version where the file has several.  Extras and groups that exclude each
other stand in markers as ``extra == 'extra-7-project-name'`` and ``'group-7-project-name'``,
the number being the length of the project's name.

Source: uv's documentation, "Locking and syncing", and files that uv 0.13 wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.address import without_credentials
from envfit.distribution import Distribution, parse_moment
from envfit.errors import LockError, ProjectError
from envfit.project.document import Table
from envfit.project.faults import Faults
from envfit.project.locked import LockedEntry, LockedFile, LockedNeed
from envfit.project.locked_files import filename_of, locked_distribution, referred_distribution
from envfit.project.locked_table import LockTable
from envfit.project.toml_file import read_toml
from envfit.reference import DirectReference, ReferenceKind

__all__ = ["read_uv_lock"]

_VERSION = 1  # of the format; a revision adds and changes nothing
# Sources that are a project of the user's, in a directory.
_PROJECTS = ("editable", "virtual", "directory")
# The group that uv installs unless it is told otherwise.
_DEFAULT_GROUPS = frozenset({"dev"})


def read_uv_lock(path: Path) -> LockedFile:
    """Read a ``uv.lock``.

    Raises LockError where it is none, or of a version that is not known, ProjectError with
    every fault by its place, FileError where it cannot be read.
    """
    data = read_toml(path)
    if not isinstance(data.get("version"), int) or "package" not in data:
        raise LockError(
            f"{path} is no lock of uv: it has no version or no package", details={"file": str(path)}
        )
    if data["version"] != _VERSION:
        raise LockError(
            f"{path} is of version {data['version']} of uv's format, and only {_VERSION} is known",
            details={"file": str(path)},
            hints=["uv export -o pylock.toml writes it in a form that every tool reads"],
        )
    faults = Faults(path)
    found = _file(LockTable(Table(data, file=path, path="", faults=faults), path))
    faults.raise_any()
    return found


def _file(table: LockTable) -> LockedFile:
    packages = list(table.tables("package"))
    entries = tuple(entry for package in packages if (entry := _entry(package)) is not None)
    manifest = LockTable(table.table.table("manifest"), table.path)
    members = [canonicalize_name(name) for _, name in manifest.table.texts("members")]
    projects = [item for item in packages if any(kind in item.table.table("source") for kind in _PROJECTS)]
    own = next((item for item in projects if _is_root(item)), None)
    roots = [own] if own is not None else [item for item in projects if item.name() in members]
    groups = _needs_by_key(manifest, "dependency-groups")
    if own is not None:
        groups |= _needs_by_key(own, "dev-dependencies")
    beside = table.path.parent / "pyproject.toml"
    return LockedFile(
        path=str(table.path),
        form="uv.lock",
        entries=entries,
        requires_python=table.specifier("requires-python"),
        environments=table.markers("supported-markers"),
        roots=(
            *(LockedNeed(name=name) for root in roots if (name := root.name()) is not None),
            *_needs(manifest, "requirements"),
        ),
        extras=_needs_by_key(own, "optional-dependencies") if own is not None else {},
        groups=groups,
        default_groups=_default_groups(beside) & frozenset(groups),
        project=own.name() if own is not None else None,
        relock=("-r", str(beside)) if beside.is_file() else (),
    )


def _is_root(table: LockTable) -> bool:
    """Tell whether a project is the one that the lock lies beside."""
    source = table.table.table("source")
    return any(source.get(kind) == "." for kind in _PROJECTS)


def _default_groups(project: Path) -> frozenset[str]:
    """Return the groups that uv installs of itself, as the project beside the lock says."""
    try:
        document = read_toml(project) if project.is_file() else {}
    except ProjectError:
        return _DEFAULT_GROUPS
    tool = document.get("tool")
    own = tool.get("uv") if isinstance(tool, dict) else None
    stated = own.get("default-groups") if isinstance(own, dict) else None
    if stated == "all":
        declared = document.get("dependency-groups")
        return frozenset(map(canonicalize_name, declared)) if isinstance(declared, dict) else frozenset()
    if isinstance(stated, list):
        return frozenset(canonicalize_name(name) for name in stated if isinstance(name, str))
    return _DEFAULT_GROUPS


def _entry(table: LockTable) -> LockedEntry | None:
    name = table.name()
    if name is None:
        return None
    version = table.version()
    source = table.table.table("source")
    reference = _reference(source)
    return LockedEntry(
        name=name,
        version=version,
        where=table.where,
        source=_told(table.table.get("source")),
        files=_files(table, name, version, source, reference),
        reference=reference,
        forks=table.markers("resolution-markers"),
        needs=tuple(_needs(table, "dependencies")),
        needs_of_extras=_needs_by_key(table, "optional-dependencies"),
    )


def _reference(source: Table) -> DirectReference | None:
    """Return where a package comes from, or None where that is an index."""
    for kind in _PROJECTS:
        if (place := source.text(kind)) is not None:
            return DirectReference(kind=ReferenceKind.DIRECTORY, url=place, editable=kind == "editable")
    if (address := source.text("git")) is not None:
        plain, _, commit = address.partition("#")
        asked = parse_qs(urlsplit(plain).query)
        return DirectReference(
            kind=ReferenceKind.GIT,
            url=without_credentials(plain.partition("?")[0]),
            revision=next((asked[key][0] for key in ("rev", "tag", "branch") if key in asked), None),
            commit=commit or None,
            subdirectory=asked["subdirectory"][0] if "subdirectory" in asked else None,
        )
    for kind in ("url", "path"):
        if (place := source.text(kind)) is not None:
            return DirectReference(
                kind=ReferenceKind.ARCHIVE, url=place, subdirectory=source.text("subdirectory")
            )
    return None


def _files(
    table: LockTable, name: str, version: Version | None, source: Table, reference: DirectReference | None
) -> tuple[Distribution, ...]:
    listed = [*table.tables("wheels")]
    if "sdist" in table.table:
        listed.append(LockTable(table.table.table("sdist"), table.path))
    if reference is not None and (reference.kind is not ReferenceKind.ARCHIVE or not listed):
        return (referred_distribution(reference, path=table.path, name=name, version=version),)
    return tuple(_distribution(file, name, version, source, reference) for file in listed)


def _distribution(
    file: LockTable, name: str, version: Version | None, source: Table, reference: DirectReference | None
) -> Distribution:
    table = file.table
    place = table.text("url") or table.text("path") or (reference.url if reference is not None else "")
    digest, size, moment = table.text("hash") or "", table.get("size"), table.text("upload-time")
    return locked_distribution(
        table.text("filename") or filename_of(place),
        path=file.path,
        name=name,
        version=version,
        url=place,
        index=source.text("registry") or "",
        sha256=digest.removeprefix("sha256:") if digest.startswith("sha256:") else None,
        size=size if isinstance(size, int) else None,
        upload_time=parse_moment(moment) if moment else None,
        reference=reference,
    )


def _needs(table: LockTable, key: str) -> Iterator[LockedNeed]:
    for entry in table.tables(key):
        name = entry.name()
        if name is not None:
            yield LockedNeed(
                name=name,
                version=entry.version(),
                source=_told(entry.table.get("source")),
                extras=frozenset(canonicalize_name(extra) for _, extra in entry.table.texts("extra")),
                marker=entry.marker(),
            )


def _needs_by_key(table: LockTable, key: str) -> dict[str, tuple[LockedNeed, ...]]:
    """Return what each extra or group of a table needs."""
    inner = LockTable(table.table.table(key), table.path)
    return {canonicalize_name(name): tuple(_needs(inner, name)) for name in inner.table}


def _told(value: object) -> str:
    """Return a source as a text that is the same for the same source."""
    return json.dumps(value, sort_keys=True, default=str) if isinstance(value, Mapping) else ""
