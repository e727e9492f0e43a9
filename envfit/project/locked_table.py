"""The table of one package in a lock of TOML: name, version, marker and files as such locks spell them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from packaging.markers import Marker
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from envfit.distribution import Distribution
from envfit.project.document import Table
from envfit.project.locked_files import filename_of, locked_distribution
from envfit.project.locked_markers import lock_marker

__all__ = ["LockTable"]


class LockTable:
    """A table whose faults are noted by their place."""

    def __init__(self, table: Table, path: Path) -> None:
        self.table = table
        self.path = path

    @property
    def where(self) -> str:
        """The file, as a place in sentences."""
        return str(self.path)

    def name(self, key: str = "name") -> str | None:
        """Return the normalized name; None, with a fault, where there is none."""
        text = self.table.text(key)
        if text is None:
            self.table.fault(key, "is missing")
            return None
        try:
            return canonicalize_name(text, validate=True)
        except InvalidName:
            self.table.fault(key, f"is {text!r}, which is not the name of a package")
            return None

    def version(self, key: str = "version") -> Version | None:
        """Return a version, or None where the key is absent or wrong."""
        text = self.table.text(key)
        if text is None:
            return None
        try:
            return Version(text)
        except InvalidVersion:
            self.table.fault(key, f"is {text!r}, which is no version")
            return None

    def specifier(self, key: str) -> SpecifierSet | None:
        """Return a range of versions, or None where the key is absent or wrong."""
        text = self.table.text(key)
        if text is None:
            return None
        try:
            return SpecifierSet("" if text == "*" else text)
        except InvalidSpecifier:
            self.table.fault(key, f"is {text!r}, which is no range of versions")
            return None

    def marker(self, key: str = "marker") -> Marker | None:
        """Return a marker, or None where the key is absent or wrong."""
        text = self.table.text(key)
        if not text:
            return None
        found = lock_marker(text)
        if found is None:
            self.table.fault(key, f"is {text!r}, which is no marker")
        return found

    def markers(self, key: str) -> tuple[Marker, ...]:
        """Return the markers of a list."""
        found = []
        for item_key, text in self.table.texts(key):
            marker = lock_marker(text)
            if marker is None:
                self.table.fault(item_key, f"is {text!r}, which is no marker")
            else:
                found.append(marker)
        return tuple(found)

    def tables(self, key: str) -> Iterator[LockTable]:
        """Yield the tables of a list; anything else in it is a fault."""
        for item_key, item in self.table.items(key):
            if isinstance(item, dict):
                yield LockTable(self.table.nested(item_key, item), self.path)
            else:
                self.table.wrong(item_key, item, "a table")

    def files(
        self, key: str, name: str, version: Version | None, *, requires_python: SpecifierSet | None = None
    ) -> tuple[Distribution, ...]:
        """Return the files of a list that names each by ``file`` or ``url`` and has its ``hash``."""
        found = []
        for entry in self.tables(key):
            url = entry.table.text("url") or ""
            filename = entry.table.text("file") or filename_of(url)
            if not filename:
                entry.table.fault("file", "is missing")
                continue
            digest = entry.table.text("hash") or ""
            found.append(
                locked_distribution(
                    filename,
                    path=self.path,
                    name=name,
                    version=version,
                    url=url,
                    sha256=digest.removeprefix("sha256:") if digest.startswith("sha256:") else None,
                    requires_python=requires_python,
                )
            )
        return tuple(found)
