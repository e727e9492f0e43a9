"""The worlds of worlds.toml."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["World", "chosen", "read_worlds"]

_ROOT = Path(__file__).parents[1]
_WORLDS = Path(__file__).with_name("worlds.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What every tool is asked to resolve."""

    name: str
    date: str
    python: str
    requirements: tuple[str, ...]
    gpu: str = "A100"
    glibc: str = "2.28"
    whole: bool = False  # wheels are recorded whole
    differs: Mapping[str, str] = field(default_factory=dict)  # name -> why pins may differ
    cannot: Mapping[str, str] = field(default_factory=dict)  # tool -> why it is not asked
    if_supported: tuple[str, ...] = ()  # envfit alone is asked for these, where there is a GPU


def read_worlds(path: Path = _WORLDS) -> Mapping[str, World]:
    """Read the worlds, in the order of the file."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    worlds = [_world(table, document["date"]) for table in document["world"]]
    return {world.name: world for world in worlds}


def chosen(names: Sequence[str]) -> tuple[World, ...]:
    """Return the worlds of these names, all where there are none; raises ValueError for a stranger."""
    worlds = read_worlds()
    unknown = sorted(set(names) - set(worlds))
    if unknown:
        raise ValueError(f"no world: {', '.join(unknown)}; there are {', '.join(worlds)}")
    return tuple(worlds[name] for name in names or worlds)


def _world(table: dict[str, Any], date: str) -> World:
    stated: dict[str, Any] = {}
    for key, value in table.items():
        stated[key] = tuple(value) if isinstance(value, list) else value
    project = stated.pop("project", None)
    if project is not None:
        document = tomllib.loads((_ROOT / project).read_text(encoding="utf-8"))
        stated["requirements"] = (*document["project"]["dependencies"], *stated.pop("also", ()))
        stated["if_supported"] = tuple(document["tool"]["envfit"]["if-supported"])
    return World(date=date, **stated)
