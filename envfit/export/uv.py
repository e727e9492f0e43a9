"""Locks as a fragment of ``pyproject.toml`` for uv: ``uv lock && uv sync --extra NAME`` installs them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from envfit.export.uv_tables import UvExtra, UvSource, UvTables

__all__ = [
    "conflict_item",
    "extra_items",
    "list_items",
    "source_item",
    "toml_string",
    "uv_fragment",
]


def uv_fragment(tables: UvTables) -> str:
    """Return the text to be put into a ``pyproject.toml`` that has a ``[project]``."""
    return "\n".join([*_header(tables), *_extras(tables), *_settings(tables), *_indexes(tables), ""])


def list_items(values: Iterable[str]) -> list[str]:
    """Return the lines of an array of strings, without its brackets."""
    return [f"  {toml_string(value)}," for value in values]


def extra_items(extra: UvExtra) -> list[str]:
    """Return the lines of the array of an extra, comments among them."""
    told = [f"  # Runs on: {extra.runs_on}"] if extra.runs_on else []
    told += [
        f"  # Must be compiled, so uv leaves it out, and uv sync removes it without --inexact: {item}"
        for item in extra.compiled
    ]
    told += [f"  # Does not run there and was left out: {name}" for name in extra.left_out]
    return [*told, *list_items(extra.requirements)]


def conflict_item(names: Sequence[str]) -> str:
    """Return the set of extras of which no two go together."""
    return f"[{', '.join(f'{{ extra = {toml_string(name)} }}' for name in names)}]"


def source_item(source: UvSource) -> str:
    """Return one source of a package, as an inline table."""
    place = f"index = {toml_string(source.index)}" if source.index else f"path = {toml_string(source.path)}"
    editable = ", editable = true" if source.editable else ""
    return f"{{ {place}{editable}, extra = {toml_string(source.extra)} }}"


def toml_string(value: str) -> str:
    """Return a string of TOML; what is written here has no control characters."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _header(tables: UvTables) -> Iterator[str]:
    first = tables.extras[0].name
    yield "# Exported by envfit from locks, for a pyproject.toml that has a [project]."
    yield f"# Then: uv lock && uv sync --extra {first}"
    yield "# Without an extra uv is free to take any release, so name one at uv run, too."
    if tables.python:
        yield f"# Python: {tables.python}, by requires-python in [project] or by uv python pin."
    if any(extra.compiled for extra in tables.extras):
        yield "# What must be compiled, envfit install builds."


def _extras(tables: UvTables) -> Iterator[str]:
    yield from ("", "[project.optional-dependencies]")
    yield "# For each target the GPU stack, and what else differs between targets."
    for extra in tables.extras:
        yield from (f"{extra.name} = [", *extra_items(extra), "]")


def _settings(tables: UvTables) -> Iterator[str]:
    yield from ("", "[tool.uv]")
    if len(tables.extras) > 1:
        yield "# One target at a time."
        yield f"conflicts = [{conflict_item([extra.name for extra in tables.extras])}]"
    for comment, key, values in (
        ("What was locked for; elsewhere uv refuses.", "environments", tables.environments),
        ("The rest, the same for every target.", "constraint-dependencies", tables.constraints),
        ("As the locks were asked for.", "override-dependencies", tables.overrides),
        ("Left out whoever asks for it.", "exclude-dependencies", tables.excluded),
    ):
        if values:
            yield from (f"# {comment}", f"{key} = [", *list_items(values), "]")


def _indexes(tables: UvTables) -> Iterator[str]:
    for index in tables.indexes:
        yield from ("", "[[tool.uv.index]]")
        yield from (f"name = {toml_string(index.name)}", f"url = {toml_string(index.url)}")
        yield "explicit = true # serves only what the sources below name"
    if tables.sources:
        yield from ("", "[tool.uv.sources]")
        for package, these in groupby(tables.sources, key=lambda source: source.package):
            yield f"{package} = [{', '.join(map(source_item, these))}]"
