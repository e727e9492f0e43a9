"""The build back end that a source tree names (PEP 517, PEP 518), and what calls it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pyproject_hooks

from envfit.frozen import frozen

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["BuildSystem", "Runner", "build_system", "hooks"]

# PEP 517: what holds for a source tree that names no back end.
_LEGACY_BACKEND = "setuptools.build_meta:__legacy__"
_LEGACY_REQUIRES = ("setuptools>=40.8.0",)

# Since 1.3, pyproject-hooks repeats the warnings of a back end here; they are its author's concern.
_BACKEND_WARNING = getattr(pyproject_hooks, "BuildBackendWarning", None)
if _BACKEND_WARNING is not None:
    warnings.filterwarnings("ignore", category=_BACKEND_WARNING)


class Runner(Protocol):
    """What runs a command of a back end, and raises where it fails."""

    def __call__(
        self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        """Run it in a directory, with further variables."""


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


def hooks(
    tree: Path, system: BuildSystem, *, python: str, runner: Runner
) -> pyproject_hooks.BuildBackendHookCaller:
    """Return what calls the back end of a source tree, in an interpreter, by commands that are run for it."""
    return pyproject_hooks.BuildBackendHookCaller(
        str(tree),
        system.backend,
        backend_path=system.backend_path or None,
        runner=runner,
        python_executable=python,
    )
