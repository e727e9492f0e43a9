"""The names that installed packages are imported by."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from packaging.utils import canonicalize_name

__all__ = ["import_names", "names_of"]

# Top-level names that say nothing of the package that ships them.
_BESIDE = frozenset({"benchmarks", "doc", "docs", "examples", "scripts", "test", "tests"})


def import_names(site_packages: Path, package: str) -> tuple[str, ...]:
    """Return the names that an installed package is imported by, from its metadata; none where it has none.

    Where one of them is the package's own name, that one alone.
    """
    for directory in site_packages.glob("*.dist-info"):
        if canonicalize_name(directory.stem.rpartition("-")[0]) == package:
            return names_of(directory, package)
    return ()


def names_of(metadata: Path, package: str) -> tuple[str, ...]:
    """Return the names that a package is imported by, as its metadata directory tells."""
    return _public(_top_level(metadata), package)


def _top_level(dist_info: Path) -> set[str]:
    declared = _read(dist_info / "top_level.txt")
    if declared.strip():
        # PySide6 declares a package that it has not; an editable one has its own elsewhere.
        there = {name for name in declared.split() if _is_there(dist_info.parent, name)}
        return there or set(declared.split())
    names = set()
    for row in csv.reader(_read(dist_info / "RECORD").splitlines()):
        # A path by its text: a package may have ten thousand files.
        if row and row[0].endswith((".py", ".so")):
            # A module is its name up to the first dot: _speedups.cpython-311-x86_64-linux-gnu.so
            names.add(row[0].partition("/")[0].partition(".")[0])
    return names


def _is_there(site: Path, name: str) -> bool:
    return (site / name).is_dir() or any(site.glob(f"{name}.*"))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _public(names: Iterable[str], package: str) -> tuple[str, ...]:
    # __editable___thing_finder is how setuptools finds a project that is installed in editable mode.
    importable = sorted(name for name in names if name.isidentifier() and not name.startswith("__editable__"))
    own = [name for name in importable if canonicalize_name(name) == package]
    if own:
        return tuple(own)
    public = [name for name in importable if not name.startswith("_") and name not in _BESIDE]
    return tuple(public or importable)
