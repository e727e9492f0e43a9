"""What an export says to uv, merged into a ``pyproject.toml`` that keeps everything else as it is written.

envfit's lines in an array stand between two comments, by which the next export finds and replaces them.
Indexes are added and stay: they serve nothing that no source takes from them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from envfit.errors import ProjectError
from envfit.export.uv import conflict_items, extra_items, list_items, source_items
from envfit.export.uv_tables import UvSource, UvTables
from envfit.export_marks import marked, marked_parts, without_export
from envfit.frozen import frozen
from envfit.toml_text import parse_toml

__all__ = ["MergedProject", "declared_names", "merged_into_project"]

_OURS = {"optional-dependencies": "project", "uv": "tool"}
_TOUCHED = (
    "conflicts",
    "constraint-dependencies",
    "environments",
    "exclude-dependencies",
    "index",
    "override-dependencies",
    "sources",
)


@frozen
class MergedProject:
    """A ``pyproject.toml`` with an export in it."""

    text: str
    notes: tuple[str, ...] = ()  # sentences about what the user should know


def merged_into_project(text: str, tables: UvTables, *, where: str) -> MergedProject:
    """Return the text of a ``pyproject.toml`` with an export in the place of a former one.

    ``where`` names the file in messages.  Raises ProjectError where it is malformed, has no
    ``[project]``, or says something that uv could not hold together with the export.
    """
    import tomlkit
    from tomlkit.exceptions import ParseError
    from tomlkit.items import InlineTable

    try:
        document = tomlkit.parse(text)
    except ParseError as error:
        raise ProjectError(f"{where} is malformed: {error}") from error
    if "project" not in document:
        raise ProjectError(
            f"{where} has no [project], which uv needs", hints=["uv init --bare writes a pyproject.toml"]
        )
    project = document["project"]
    if not isinstance(project, MutableMapping) or "optional-dependencies" in project.get("dynamic", ()):
        raise ProjectError(f"the optional-dependencies of {where} are dynamic, so no extra can be added")
    merging = _Merging(where)
    notes = merging.notes_on_python(project.get("requires-python"), tables.python)
    new = [key for key, table in _OURS.items() if key not in document.get(table, {})]
    extras = _table(project, "optional-dependencies")
    uv = _table(_table(document, "tool", is_super=True), "uv")
    if isinstance(uv, InlineTable):
        raise _would_lose(where)
    merging.put_extras(extras, tables)
    merging.put_settings(uv, tables)
    for key, table in (("optional-dependencies", extras), ("uv", uv)):
        if key in new:
            table.add(tomlkit.nl())  # before the table that follows
    names = merging.put_indexes(uv, tables)
    merging.put_sources(uv, tables, names)
    for table, key in ((project, "optional-dependencies"), (uv, "sources")):
        if key in table and not table[key]:
            del table[key]
    merged = tomlkit.dumps(document)
    if not _keeps(text, merged):
        raise _would_lose(where)
    return MergedProject(text=merged, notes=(*notes, *merging.notes))


def declared_names(text: str, *, where: str) -> frozenset[str]:
    """Return the normalized names that a project asks for, in its groups and extras too.

    What a former export wrote does not count.  Raises ProjectError where the text is malformed.
    """
    try:
        document = parse_toml(without_export(text))
    except ValueError as error:
        raise ProjectError(f"{where} is malformed: {error}") from error
    project = document.get("project", {})
    lists = [
        project.get("dependencies", []),
        *project.get("optional-dependencies", {}).values(),
        *document.get("dependency-groups", {}).values(),
    ]
    return frozenset(name for texts in lists for item in texts if (name := _name(item)) is not None)


def _name(item: object) -> str | None:
    try:
        return canonicalize_name(Requirement(str(item)).name)
    except InvalidRequirement:
        return None  # a group that another includes, or what uv will refuse itself


def _table(parent: Any, key: str, *, is_super: bool = False) -> Any:
    import tomlkit

    if key not in parent:
        parent[key] = tomlkit.table(is_super)
    return parent[key]


def _would_lose(where: str) -> ProjectError:
    return ProjectError(
        f"{where} is written in a way that cannot be added to without loss, so it was left alone",
        hints=["print the export without --write and put it in yourself", "write [tool.uv] as a table"],
    )


def _keeps(text: str, merged: str) -> bool:
    """Tell whether a merge left all that is no business of an export as it was."""
    try:
        return _besides(text) == _besides(merged)
    except ValueError:
        return False


def _besides(text: str) -> Mapping[str, Any]:
    """Return a document without what an export may write into it."""
    document = parse_toml(text)
    project, tool = document.get("project", {}), document.get("tool", {})
    project.pop("optional-dependencies", None)
    uv = tool.get("uv", {})
    for key in _TOUCHED:
        uv.pop(key, None)
    if not uv:
        tool.pop("uv", None)
    if not tool:
        document.pop("tool", None)
    return document


class _Merging:
    """One merge: what it does to each table, and what is to be said of it."""

    def __init__(self, where: str) -> None:
        self._where = where
        self.notes: list[str] = []

    def notes_on_python(self, required: object, locked: str) -> list[str]:
        """Return a note where the project admits other Pythons, too; raise where not that of the locks."""
        minor = re.fullmatch(r"==(\d+\.\d+)\.\*", locked)
        if not isinstance(required, str) or minor is None:
            return []
        try:
            range_of_project = SpecifierSet(required).to_range()
        except InvalidSpecifier as error:
            raise ProjectError(f"requires-python of {self._where} is malformed: {required}") from error
        range_of_locks = SpecifierSet(locked).to_range()
        if range_of_project.intersection(range_of_locks).is_empty:
            raise ProjectError(
                f"{self._where} requires Python {required}, and the locks are for {minor[1]}",
                hints=[f"lock for a Python that it admits: envfit lock --python '{required}'"],
            )
        if range_of_project.is_subset(range_of_locks):
            return []
        return [f"the locks are for Python {minor[1]} alone: uv python pin {minor[1]}"]

    def put_extras(self, extras: Any, tables: UvTables) -> None:
        """Write the extras, and take away those of a former export."""
        spelled: dict[str, str] = {canonicalize_name(key): key for key in extras}
        wanted = {spelled.get(extra.name, extra.name): extra_items(extra) for extra in tables.extras}
        for key in list(extras):
            if key not in wanted and marked_parts(extras[key].as_string()):
                self.notes.append(f"the extra {key} of a former export is gone")
                _put(extras, key, [])
        for key, lines in wanted.items():
            _put(extras, key, lines)
            if _own(extras, key):
                self.notes.append(f"the extra {key} keeps what else is in it")

    def put_settings(self, uv: Any, tables: UvTables) -> None:
        """Write conflicts, environments, constraints and the like."""
        _put(uv, "conflicts", conflict_items(tables.extras))
        environments = list_items(tables.environments)
        if _own(uv, "environments"):
            self.notes.append("[tool.uv] environments is yours and was kept; the locks are for less than all")
            environments = []
        _put(uv, "environments", environments)
        for key, values in (
            ("constraint-dependencies", tables.constraints),
            ("override-dependencies", tables.overrides),
            ("exclude-dependencies", tables.excluded),
        ):
            own = _own(uv, key)
            _put(uv, key, list_items(value for value in values if value not in own))

    def put_indexes(self, uv: Any, tables: UvTables) -> dict[str, str]:
        """Add the indexes that are not there; return how the project calls those of the export."""
        import tomlkit

        there = [item for item in uv.get("index", ()) if "name" in item]
        by_url = {str(item["url"]).rstrip("/"): str(item["name"]) for item in there if "url" in item}
        taken = {str(item["name"]) for item in there}
        names = dict[str, str]()
        for index in tables.indexes:
            name = by_url.get(index.url, index.name)
            while index.url not in by_url and name in taken:
                name = f"{name}-envfit"
            names[index.name] = name
            if index.url in by_url:
                continue
            inline = "index" in uv and not hasattr(uv["index"], "body")
            entry: Any = tomlkit.inline_table() if inline else tomlkit.table()
            entry.update({"name": name, "url": index.url, "explicit": True})
            if "index" not in uv:
                uv["index"] = tomlkit.aot()
            uv["index"].append(entry)
        return names

    def put_sources(self, uv: Any, tables: UvTables, names: Mapping[str, str]) -> None:
        """Write the sources in the place of those that a former export wrote."""
        wanted: dict[str, list[UvSource]] = {}
        for source in tables.sources:
            wanted.setdefault(source.package, []).append(replace(source, index=names.get(source.index, "")))
        if not wanted and "sources" not in uv:
            return
        sources = _table(uv, "sources")
        spelled: dict[str, str] = {canonicalize_name(key): key for key in sources}
        for package in sorted({*wanted, *spelled}):
            key = spelled.get(package, package)
            kept = _own(sources, key)
            added = [source for source in wanted.get(package, ()) if not self._is_said(source, kept)]
            _put(sources, key, source_items(added))

    def _is_said(self, source: UvSource, kept: Sequence[Mapping[str, Any]]) -> bool:
        """Tell whether the project says so already; raises ProjectError where it says something else."""
        for item in kept:
            whose = canonicalize_name(str(item.get("extra", source.extra)))
            if "group" in item or whose != source.extra:
                continue
            if source.index and item.get("index") == source.index and "marker" not in item:
                return True
            said = ", ".join(f"{key} = {value}" for key, value in item.items())
            raise ProjectError(
                f"[tool.uv.sources] of {self._where} says {said} of {source.package}, and for {source.extra} "
                f"it comes from {source.index or source.path}",
                hints=[f"take the source of {source.package} out; the export has one for each target"],
            )
        return False


def _put(table: Any, key: str, lines: Sequence[str]) -> None:
    """Put lines between the comments in an array, and leave what else is in it; none: take them away."""
    text = table[key].as_string() if key in table else "[]"
    if text.startswith("{"):
        text = f"[{text}]"  # a source that stands alone
    own = without_export(text)
    if not lines:
        if own == text:
            return
        if _items(own):
            _set(table, key, own)
        else:
            del table[key]
        return
    head = own[: own.rindex("]")].rstrip(" \t")
    head = head if head.endswith("\n") else f"{head}\n"
    block = "".join(f"{line}\n" for line in marked(lines))
    try:
        _set(table, key, f"{head}{block}]")
    except ValueError:  # no comma after the last item
        body = head.rstrip("\n")
        # A comment would swallow the comma.
        comma = ",\n" if "#" not in body.rpartition("\n")[2] else "\n  ,\n"
        _set(table, key, f"{body}{comma}{block}]")


def _own(table: Any, key: str) -> list[Any]:
    """Return what is in an array besides an export; an inline table counts as an array of one."""
    if key not in table:
        return []
    items = _items(without_export(table[key].as_string()))
    return items if isinstance(items, list) else [items]


def _items(text: str) -> Any:
    return parse_toml(f"x = {text}")["x"]


def _set(table: Any, key: str, text: str) -> None:
    """Set a key, with the comment that stood after its former value; raises ValueError on no TOML."""
    import tomlkit

    item: Any = tomlkit.parse(f"x = {text}\n")["x"]
    if key in table:
        old = table[key].trivia
        item.trivia.comment_ws, item.trivia.comment = old.comment_ws, old.comment
        item.trivia.indent, item.trivia.trail = old.indent, old.trail
    table[key] = item
