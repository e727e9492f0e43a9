"""What an export says to uv, merged into a ``pyproject.toml`` that keeps everything else as it is written.

envfit's lines in an array stand between two comments, by which the next export finds and replaces them.
Indexes are added and stay; a source belongs to envfit where its package stands between the comments of
its extra.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, MutableMapping, Sequence
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from envfit.errors import ProjectError
from envfit.export.uv import conflict_item, extra_items, list_items, source_item, toml_string
from envfit.export.uv_tables import UvSource, UvTables
from envfit.frozen import frozen
from envfit.toml_text import parse_toml

__all__ = ["MergedProject", "declared_names", "merged_into_project"]

_BEGIN = "# envfit export writes from here"
_END = "# to here"
_BLOCK = re.compile(rf"[ \t]*{_BEGIN}\n(.*?)[ \t]*{_END}[^\n]*\n?", re.DOTALL)
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
    former = merging.put_extras(extras, tables)
    merging.put_settings(uv, tables)
    for key, table in (("optional-dependencies", extras), ("uv", uv)):
        if key in new:
            table.add(tomlkit.nl())  # before the table that follows
    names = merging.put_indexes(uv, tables)
    merging.put_sources(uv, tables, names, former)
    for table, key in ((project, "optional-dependencies"), (uv, "sources")):
        if key in table and not table[key]:
            del table[key]
    merged = tomlkit.dumps(document)
    if not _keeps(text, merged):
        raise _would_lose(where)
    return MergedProject(text=merged, notes=(*notes, *merging.notes))


def declared_names(text: str, *, targets: Container[str], where: str) -> frozenset[str]:
    """Return the normalized names that a project asks for, in its groups and extras too.

    What a former export wrote does not count, nor do the extras of the targets.  Raises
    ProjectError where the text is malformed.
    """
    try:
        document = parse_toml(_BLOCK.sub("", text))
    except ValueError as error:
        raise ProjectError(f"{where} is malformed: {error}") from error
    project = document.get("project", {})
    extras = project.get("optional-dependencies", {})
    lists = [
        project.get("dependencies", []),
        *(texts for name, texts in extras.items() if canonicalize_name(name) not in targets),
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

    def put_extras(self, extras: Any, tables: UvTables) -> set[tuple[str, str]]:
        """Write the extras; return the (extra, package) that a former export wrote."""
        former = set[tuple[str, str]]()
        mine = {extra.name: extra_items(extra) for extra in tables.extras}
        for key in list(extras):
            block = _BLOCK.search(extras[key].as_string())
            if block is not None:
                former |= {(canonicalize_name(key), name) for name in _names(block[1])}
                if canonicalize_name(key) not in mine:
                    self.notes.append(f"the extra {key} of a former export is gone")
                    _put(extras, key, [])
        spelled: dict[str, str] = {canonicalize_name(key): key for key in extras}
        for name, lines in mine.items():
            key = spelled.get(name, name)
            if key in extras and not _BLOCK.search(extras[key].as_string()) and extras[key]:
                self.notes.append(f"the extra {key} keeps what it had")
            _put(extras, key, lines)
        return former

    def put_settings(self, uv: Any, tables: UvTables) -> None:
        """Write conflicts, environments, constraints and the like."""
        names = [extra.name for extra in tables.extras]
        _put(uv, "conflicts", [f"  {conflict_item(names)},"] if len(names) > 1 else [])
        environments = list_items(tables.environments)
        if "environments" in uv and _without_block(uv["environments"].as_string()) is not None:
            self.notes.append("[tool.uv] environments is yours and was kept; the locks are for less than all")
            environments = []
        _put(uv, "environments", environments)
        for key, values in (
            ("constraint-dependencies", tables.constraints),
            ("override-dependencies", tables.overrides),
            ("exclude-dependencies", tables.excluded),
        ):
            own = _own_strings(uv, key)
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

    def put_sources(
        self, uv: Any, tables: UvTables, names: Mapping[str, str], former: set[tuple[str, str]]
    ) -> None:
        """Write the sources in the place of those that a former export wrote."""
        wanted: dict[str, list[UvSource]] = {}
        for source in tables.sources:
            wanted.setdefault(source.package, []).append(source)
        if not wanted and "sources" not in uv:
            return
        sources = _table(uv, "sources")
        spelled: dict[str, str] = {canonicalize_name(key): key for key in sources}
        for package in sorted({*wanted, *(name for _, name in former if name in spelled)}):
            key = spelled.get(package, package)
            there = sources.get(key, [])
            entries = [there] if isinstance(there, Mapping) else list(there)
            kept = [
                item
                for item in entries
                if (canonicalize_name(str(item.get("extra", ""))), package) not in former
            ]
            added = [item for item in wanted.get(package, ()) if not self._is_said(item, kept, names)]
            if len(kept) == len(entries) and not added:
                continue
            items = [*map(_inline, kept), *(_renamed(item, names) for item in added)]
            if items:
                _set(sources, key, _array(f"[{', '.join(items)}]"))
            else:
                del sources[key]

    def _is_said(self, source: UvSource, kept: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> bool:
        """Tell whether the project says so already; raises ProjectError where it says something else."""
        for item in kept:
            whose = item.get("extra")
            if item.get("group") is not None or (
                whose is not None and canonicalize_name(str(whose)) != source.extra
            ):
                continue
            if source.index and item.get("index") == names[source.index] and "marker" not in item:
                return True
            raise ProjectError(
                f"[tool.uv.sources] of {self._where} says {_inline(item)} of {source.package}, and for "
                f"{source.extra} it comes from {names.get(source.index, source.path)}",
                hints=[f"take the source of {source.package} out; the export has one for each target"],
            )
        return False


def _names(block: str) -> set[str]:
    texts = parse_toml(f"x = [\n{block}]")["x"]
    return {canonicalize_name(Requirement(text).name) for text in texts if isinstance(text, str)}


def _put(table: Any, key: str, lines: Sequence[str]) -> None:
    """Put lines between the comments in an array, and leave what else is in it; none: take them away."""
    text = table[key].as_string() if key in table else "[]"
    own = _without_block(text)
    if not lines:
        if own is not None:
            if own != text:
                _set(table, key, _array(own))
        elif key in table and text != "[]":
            del table[key]
        return
    block = "\n".join([f"  {_BEGIN}", *lines, f"  {_END}", ""])
    if own is None:
        _set(table, key, _array(f"[\n{block}]"))
        return
    head = own[: own.rindex("]")].rstrip(" \t")
    head = head if head.endswith("\n") else f"{head}\n"
    try:
        _set(table, key, _array(f"{head}{block}]"))
    except ValueError:  # no comma after the last item
        body = head.rstrip("\n")
        # A comment would swallow the comma.
        comma = ",\n" if "#" not in body.rpartition("\n")[2] else "\n  ,\n"
        _set(table, key, _array(f"{body}{comma}{block}]"))


def _without_block(text: str) -> str | None:
    """Return the text of an array without envfit's lines; None where nothing else is in it."""
    own = _BLOCK.sub("", text)
    return own if parse_toml(f"x = {own}")["x"] else None


def _own_strings(table: Any, key: str) -> set[str]:
    own = _without_block(table[key].as_string()) if key in table else None
    return {str(item) for item in parse_toml(f"x = {own}")["x"]} if own is not None else set()


def _array(text: str) -> Any:
    """Return an array; raises ValueError where its text is none."""
    import tomlkit

    array: Any = tomlkit.parse(f"x = {text}\n")["x"]
    return array


def _set(table: Any, key: str, item: Any) -> None:
    """Set a key, with the comment that stood after its former value."""
    if key in table:
        old = table[key].trivia
        item.trivia.comment_ws, item.trivia.comment = old.comment_ws, old.comment
        item.trivia.indent, item.trivia.trail = old.indent, old.trail
    table[key] = item


def _inline(item: Mapping[str, Any]) -> str:
    values = (
        f"{key} = {str(value).lower() if isinstance(value, bool) else toml_string(str(value))}"
        for key, value in item.items()
    )
    return f"{{ {', '.join(values)} }}"


def _renamed(source: UvSource, names: Mapping[str, str]) -> str:
    text = source_item(source)
    if source.index:
        return text.replace(toml_string(source.index), toml_string(names[source.index]), 1)
    return text
