"""The ``[build-system]`` table of a source tree (PEP 517, PEP 518)."""

from __future__ import annotations

import sys
from pathlib import Path

from envfit.frozen import frozen

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["BuildSystem", "build_system"]

# PEP 517: what holds for a source tree that names no back end.
_LEGACY_BACKEND = "setuptools.build_meta:__legacy__"
_LEGACY_REQUIRES = ("setuptools>=40.8.0",)


@frozen
class BuildSystem:
    """The back end of a source tree, with PEP 517's defaults."""

    requires: tuple[str, ...]
    backend: str
    backend_path: tuple[str, ...]


def build_system(tree: Path) -> BuildSystem:
    """Return the back end of a source tree; raises ValueError where its pyproject.toml is malformed."""
    file = tree / "pyproject.toml"
    document = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    table = document.get("build-system")
    if not isinstance(table, dict):
        return BuildSystem(requires=_LEGACY_REQUIRES, backend=_LEGACY_BACKEND, backend_path=())
    return BuildSystem(
        requires=tuple(map(str, table.get("requires", ()))),
        backend=str(table.get("build-backend") or _LEGACY_BACKEND),
        backend_path=tuple(map(str, table.get("backend-path", ()))),
    )
