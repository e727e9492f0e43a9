"""Locks as a fragment of ``pyproject.toml`` for uv: ``uv lock && uv sync --extra NAME`` installs them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from envfit.export.uv_tables import UvExtra, UvSource, UvTables
from envfit.export_marks import marked

__all__ = ["conflict_items", "extra_items", "list_items", "source_items", "uv_fragment"]


def uv_fragment(tables: UvTables) -> str:
    """Return the text to be put into a ``pyproject.toml`` that has a ``[project]``.

    Each array is between the comments by which ``merged_into_project`` finds it.
    """
    return "\n".join([*_header(tables), *_extras(tables), *_settings(tables), *_indexes(tables), ""])


def list_items(values: Iterable[str]) -> list[str]:
    """Return the lines of an array of strings, without its brackets."""
    return [f"  {_toml_string(value)}," for value in values]


def extra_items(extra: UvExtra) -> list[str]:
    """Return the lines of the array of an extra, comments among them."""
    told = [f"  # Runs on: {extra.runs_on}"] if extra.runs_on else []
    told += [
        f"  # Must be compiled, so uv leaves it out, and uv sync removes it without --inexact: {item}"
        for item in extra.compiled
    ]
    told += [f"  # Does not run there and was left out: {name}" for name in extra.left_out]
    return [*told, *list_items(extra.requirements)]


def conflict_items(extras: Sequence[UvExtra]) -> list[str]:
    """Return the line with the extras of which no two go together; none where there is one only."""
    sets = ", ".join(f"{{ extra = {_toml_string(extra.name)} }}" for extra in extras)
    return [f"  [{sets}],"] if len(extras) > 1 else []


def source_items(sources: Iterable[UvSource]) -> list[str]:
    """Return the lines of the array of a package's sources."""
    return [
        f"  {{ {_place(source)}{', editable = true' if source.editable else ''}, "
        f"extra = {_toml_string(source.extra)} }},"
        for source in sources
    ]


def _place(source: UvSource) -> str:
    if source.index:
        return f"index = {_toml_string(source.index)}"
    return f"path = {_toml_string(source.path)}"


def _toml_string(value: str) -> str:
    """Return a string of TOML; what is written here has no control characters."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _header(tables: UvTables) -> Iterator[str]:
    first = tables.extras[0].name
    yield "# Exported by envfit from locks, for a pyproject.toml that has a [project]."
    yield f"# Then: uv lock && uv sync --extra {first}"
    yield "# Without an extra uv is free to take any release, so name one at uv run, too."
    yield "# envfit lock passes over what stands between the comments of an export."
    if tables.python:
        yield f"# Python: {tables.python}, by requires-python in [project] or by uv python pin."
    if any(extra.compiled for extra in tables.extras):
        yield "# What must be compiled, envfit install builds."


def _extras(tables: UvTables) -> Iterator[str]:
    yield from ("", "[project.optional-dependencies]")
    yield "# For each target the GPU stack, and what else differs between targets."
    for extra in tables.extras:
        yield from _array(extra.name, extra_items(extra))


def _settings(tables: UvTables) -> Iterator[str]:
    yield from ("", "[tool.uv]")
    if len(tables.extras) > 1:
        yield "# One target at a time."
        yield from _array("conflicts", conflict_items(tables.extras))
    for comment, key, values in (
        ("What was locked for; elsewhere uv refuses.", "environments", tables.environments),
        ("The rest, the same for every target.", "constraint-dependencies", tables.constraints),
        ("As the locks were asked for.", "override-dependencies", tables.overrides),
        ("Left out whoever asks for it.", "exclude-dependencies", tables.excluded),
    ):
        if values:
            yield from (f"# {comment}", *_array(key, list_items(values)))


def _indexes(tables: UvTables) -> Iterator[str]:
    for index in tables.indexes:
        yield from ("", "[[tool.uv.index]]")
        yield from (f"name = {_toml_string(index.name)}", f"url = {_toml_string(index.url)}")
        yield "explicit = true # serves only what the sources below name"
    if tables.sources:
        yield from ("", "[tool.uv.sources]")
        for package, these in groupby(tables.sources, key=lambda source: source.package):
            yield from _array(package, source_items(these))


def _array(key: str, items: Sequence[str]) -> list[str]:
    return [f"{key} = [", *marked(items), "]"]
