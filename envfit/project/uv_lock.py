"""``uv.lock``: the packages of a project or workspace for every platform that it may be installed on.

The packages form a graph that is followed from the project: each edge has its marker,
and names a version where the file has several.  Extras and groups that exclude each
other stand in markers as ``extra == 'extra-7-project-name'`` and ``'group-7-project-name'``,
the number being the length of the project's name; they are rewritten as ``in extras``, which
is how a set of them can be asked for.

Source: uv's documentation, "Locking and syncing", and files that uv 0.13 wrote.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from packaging.markers import InvalidMarker, Marker
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envfit.address import without_credentials
from envfit.distribution import Distribution, parse_moment
from envfit.errors import LockError, ProjectError
from envfit.project.document import Table
from envfit.project.faults import Faults
from envfit.project.locked import LockedEntry, LockedFile, LockedNeed
from envfit.project.locked_files import filename_of, locked_distribution, referred_distribution
from envfit.project.toml_file import read_toml
from envfit.reference import DirectReference, ReferenceKind

__all__ = ["read_uv_lock"]

_VERSION = 1  # of the format; a revision adds and changes nothing
_EXTRA = re.compile(r"""extra\s*(==|!=)\s*(['"])([^'"]+)\2""")
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
    reader = _Reader(Table(data, file=path, path="", faults=faults), path)
    found = reader.file()
    faults.raise_any()
    return found


class _Reader:
    def __init__(self, table: Table, path: Path) -> None:
        self._table = table
        self._path = path
        self._markers: dict[str, Marker | None] = {}

    def file(self) -> LockedFile:
        tables = [
            self._table.nested(key, item)
            for key, item in self._table.items("package")
            if isinstance(item, dict)
        ]
        entries = tuple(entry for table in tables if (entry := self._entry(table)) is not None)
        manifest = self._table.table("manifest")
        members = {canonicalize_name(name) for _, name in manifest.texts("members")}
        projects = [table for table in tables if any(kind in table.table("source") for kind in _PROJECTS)]
        own = next((table for table in projects if self._is_root(table)), None)
        roots = [own] if own is not None else [t for t in projects if self._name(t) in members]
        groups = self._needs_by_key(own.table("dev-dependencies")) if own is not None else {}
        groups |= self._needs_by_key(manifest.table("dependency-groups"))
        wanted = [LockedNeed(name=self._name(table)) for table in roots]
        wanted += self._needs(manifest, "requirements")
        return LockedFile(
            path=str(self._path),
            form="uv.lock",
            entries=entries,
            requires_python=self._specifier(self._table, "requires-python"),
            environments=self._markers_of(self._table, "supported-markers"),
            roots=tuple(wanted) if wanted else tuple(LockedNeed(name=name) for name in sorted(members)),
            extras=self._needs_by_key(own.table("optional-dependencies")) if own is not None else {},
            groups=groups,
            default_groups=self._default_groups() & frozenset(groups),
            project=self._name(own) if own is not None else None,
            relock=self._relock(),
        )

    def _is_root(self, table: Table) -> bool:
        """Tell whether a project is the one that the lock lies beside."""
        source = table.table("source")
        return any(source.get(kind) == "." for kind in _PROJECTS)

    def _relock(self) -> tuple[str, ...]:
        project = self._path.parent / "pyproject.toml"
        return ("-r", str(project)) if project.is_file() else ()

    def _default_groups(self) -> frozenset[str]:
        """Return the groups that uv installs of itself, as the project beside the lock says."""
        project = self._path.parent / "pyproject.toml"
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

    def _name(self, table: Table) -> str:
        return canonicalize_name(table.text("name") or "")

    def _entry(self, table: Table) -> LockedEntry | None:
        name = self._name(table)
        if not name:
            table.fault("name", "is missing")
            return None
        version = self._version(table)
        source = table.table("source")
        reference = self._reference(source)
        return LockedEntry(
            name=name,
            version=version,
            where=str(self._path),
            source=_told(table.get("source")),
            files=self._files(table, name, version, source, reference),
            reference=reference,
            forks=self._markers_of(table, "resolution-markers"),
            needs=tuple(self._needs(table, "dependencies")),
            needs_of_extras=self._needs_by_key(table.table("optional-dependencies")),
        )

    def _version(self, table: Table) -> Version | None:
        stated = table.text("version")
        if stated is None:
            return None
        try:
            return Version(stated)
        except InvalidVersion:
            table.fault("version", f"is {stated!r}, which is no version")
            return None

    def _reference(self, source: Table) -> DirectReference | None:
        for kind in _PROJECTS:
            if (place := source.text(kind)) is not None:
                return DirectReference(kind=ReferenceKind.DIRECTORY, url=place, editable=kind == "editable")
        if (address := source.text("git")) is not None:
            plain, _, commit = address.partition("#")
            asked = parse_qs(urlsplit(plain).query)
            revision = next((asked[key][0] for key in ("rev", "tag", "branch") if key in asked), None)
            return DirectReference(
                kind=ReferenceKind.GIT,
                url=without_credentials(plain.partition("?")[0]),
                revision=revision,
                commit=commit or None,
                subdirectory=asked.get("subdirectory", [None])[0],
            )
        for kind in ("url", "path"):
            if (place := source.text(kind)) is not None:
                return DirectReference(
                    kind=ReferenceKind.ARCHIVE, url=place, subdirectory=source.text("subdirectory")
                )
        return None

    def _files(
        self,
        table: Table,
        name: str,
        version: Version | None,
        source: Table,
        reference: DirectReference | None,
    ) -> tuple[Distribution, ...]:
        if reference is not None and reference.kind is not ReferenceKind.ARCHIVE:
            return (referred_distribution(reference, path=self._path, name=name, version=version),)
        listed = [table.nested(key, item) for key, item in table.items("wheels") if isinstance(item, dict)]
        if "sdist" in table:
            listed.append(table.table("sdist"))
        files = [self._file(file, name, version, source, reference) for file in listed]
        if not files and reference is not None:
            return (referred_distribution(reference, path=self._path, name=name, version=version),)
        return tuple(files)

    def _file(
        self,
        file: Table,
        name: str,
        version: Version | None,
        source: Table,
        reference: DirectReference | None,
    ) -> Distribution:
        place = file.text("url") or file.text("path") or (reference.url if reference is not None else "")
        digest = file.text("hash") or ""
        size = file.get("size")
        moment = file.text("upload-time")
        return locked_distribution(
            file.text("filename") or filename_of(place),
            path=self._path,
            name=name,
            version=version,
            url=place,
            index=source.text("registry") or "",
            sha256=digest.removeprefix("sha256:") if digest.startswith("sha256:") else None,
            size=size if isinstance(size, int) else None,
            upload_time=parse_moment(moment) if moment else None,
            reference=reference,
        )

    def _needs(self, table: Table, key: str) -> Iterator[LockedNeed]:
        for item_key, item in table.items(key):
            if not isinstance(item, dict):
                table.wrong(item_key, item, "a table")
                continue
            entry = table.nested(item_key, item)
            name = self._name(entry)
            if not name:
                entry.fault("name", "is missing")
                continue
            yield LockedNeed(
                name=name,
                version=self._version(entry),
                source=_told(entry.get("source")),
                extras=frozenset(canonicalize_name(extra) for _, extra in entry.texts("extra")),
                marker=self._marker(entry, "marker"),
            )

    def _needs_by_key(self, table: Table) -> dict[str, tuple[LockedNeed, ...]]:
        return {canonicalize_name(key): tuple(self._needs(table, key)) for key in table}

    def _marker(self, table: Table, key: str) -> Marker | None:
        text = table.text(key)
        if not text:
            return None
        if text not in self._markers:
            self._markers[text] = self._parsed(text, table, key)
        return self._markers[text]

    def _parsed(self, text: str, table: Table, key: str) -> Marker | None:
        try:
            return Marker(_EXTRA.sub(_asked, text))
        except InvalidMarker:
            table.fault(key, f"is {text!r}, which is no marker")
            return None

    def _markers_of(self, table: Table, key: str) -> tuple[Marker, ...]:
        found = []
        for item_key, text in table.texts(key):
            if text not in self._markers:
                self._markers[text] = self._parsed(text, table, item_key)
            if (marker := self._markers[text]) is not None:
                found.append(marker)
        return tuple(found)

    def _specifier(self, table: Table, key: str) -> SpecifierSet | None:
        text = table.text(key)
        if text is None:
            return None
        try:
            return SpecifierSet(text)
        except InvalidSpecifier:
            table.fault(key, f"is {text!r}, which is no range of versions")
            return None


def _asked(match: re.Match[str]) -> str:
    """Return a clause about one extra as a clause about the set of them."""
    return f"'{match[3]}' {'in' if match[1] == '==' else 'not in'} extras"


def _told(value: object) -> str:
    """Return a source as a text that is the same for the same source."""
    return json.dumps(value, sort_keys=True, default=str) if isinstance(value, Mapping) else ""
