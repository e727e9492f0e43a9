"""``[tool.uv.sources]``: from where uv takes a dependency that is declared by its name.

A repository, an address or a path stands in the place of the range and of any
address in the requirement itself, as in uv.  What cannot be followed is a fault
once a dependency needs it.

Source: uv's documentation, "Managing dependencies", "Dependency sources".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from packaging.utils import canonicalize_name

from envfit.errors import RequirementError
from envfit.project.declared import Declared, parse_requirement
from envfit.project.document import Table

__all__ = ["UvSources"]

_KEYS = {
    "git": frozenset({"git", "rev", "tag", "branch", "subdirectory"}),
    "path": frozenset({"path", "editable"}),
    "url": frozenset({"url", "subdirectory"}),
}


class UvSources:
    """The sources of one ``pyproject.toml``; ``table`` is its ``[tool.uv]``."""

    def __init__(self, table: Table, *, folder: Path) -> None:
        self._sources = table.table("sources")
        self._keys: dict[str, str] = {canonicalize_name(key): key for key in self._sources}
        self._folder = folder

    def applied(self, declared: Declared) -> Declared:
        """Return a requirement with the place that its source names, or as it is where there is none."""
        key = self._keys.get(declared.name or "")
        if key is None:
            return declared
        entries = tuple(self._entries(key))
        if not entries:  # it had those of an export only
            return declared
        if all("index" in entry for entry in entries):
            # Which index serves a name is another room's to say, of the project of the current directory.
            if self._folder.absolute() not in (Path.cwd(), *Path.cwd().parents):
                self._sources.fault(
                    key,
                    "names an index for one package, which is followed for the project of the current "
                    "directory only: another could serve a package of that name that is not meant",
                    f"run envfit in {self._folder}",
                )
            return declared
        if len(entries) != 1:
            self._sources.fault(key, "names several places, of which one cannot be chosen yet")
            return declared
        return self._placed(declared, key, entries[0])

    def _entries(self, key: str) -> Iterator[Table]:
        if not isinstance(self._sources.get(key), list):
            yield self._sources.table(key)
            return
        for item_key, item in self._sources.items(key):
            if isinstance(item, dict):
                yield self._sources.nested(item_key, item)
            else:
                self._sources.wrong(item_key, item, "a table")

    def _placed(self, declared: Declared, key: str, entry: Table) -> Declared:
        kind = next((kind for kind in _KEYS if kind in entry), None)
        if kind is None:
            what = "a member of a workspace" if "workspace" in entry else "a kind of source"
            hint = f"name its directory: {key} = {{ path = ... }}" if "workspace" in entry else ""
            self._sources.fault(key, f"is {what} that is not supported", *([hint] if hint else []))
            return declared
        unsupported = [name for name in entry if name not in _KEYS[kind] and entry.get(name) is not False]
        for name in unsupported:
            self._sources.fault(key, f"says {name}, which is not supported")
        place = None if unsupported else self._place(kind, key, entry)
        if place is None:
            return declared
        extras = f"[{','.join(sorted(declared.extras))}]" if declared.extras else ""
        text = f"{declared.name}{extras} @ {place}"
        editable = kind == "path" and bool(entry.flag("editable"))
        try:
            placed = parse_requirement(text, self._sources.place(key), folder=self._folder, editable=editable)
        except RequirementError as error:
            self._sources.note(error)
            return declared
        marker = f" ; {declared.marker}" if declared.marker is not None else ""
        return replace(placed, marker=declared.marker, text=f"{placed.text}{marker}", where=declared.where)

    def _place(self, kind: str, key: str, entry: Table) -> str | None:
        """Return what goes behind ``NAME @``, or None where there is a fault."""
        place = entry.text(kind)
        if not place:
            self._sources.fault(key, f"says {kind} and names nothing")
            return None
        subdirectory = entry.text("subdirectory")
        fragment = f"#subdirectory={quote(subdirectory)}" if subdirectory else ""
        if kind == "path":
            return place if "/" in place else f"./{place}"
        if kind == "url":
            return f"{place}{'&' + fragment[1:] if fragment and '#' in place else fragment}"
        revisions = [text for name in ("rev", "tag", "branch") if (text := entry.text(name))]
        if len(revisions) > 1:
            self._sources.fault(key, "says more than one of rev, tag and branch")
            return None
        revision = f"@{quote(revisions[0])}" if revisions else ""
        return f"git+{place.removeprefix('git+')}{revision}{fragment}"
