"""Locks in another tool's form: which reader and writer serves a format."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.pylock import Pylock
from packaging.utils import canonicalize_name

from envfit.errors import FileError, InputError
from envfit.knowledge.model import KnowledgeBase
from envfit.lock.file import read_lock
from envfit.lock.reading import locked_target, rebased

if TYPE_CHECKING:
    from envfit.export import UvTables

__all__ = ["FORMATS", "into_project", "texts"]

#: What a lock can be exported as.
FORMATS = ("requirements", "constraints", "conda", "uv")

_Load = Callable[[], KnowledgeBase]


def texts(locks: Sequence[Path], form: str, *, project: Path | None, load: _Load) -> Mapping[str, str]:
    """Return the texts of an export, by the suffix of the file that each belongs in."""
    from envfit.export import constraints, environment_yml, provided_constraints, requirements, uv_fragment

    if form not in FORMATS:
        raise InputError(f"unknown format {form!r}", hints=[f"formats: {', '.join(FORMATS)}"])
    if form == "uv":
        return {"": uv_fragment(_tables(locks, project, load))}
    if len(locks) != 1:
        raise InputError(
            f"{len(locks)} locks are named, and a {form} file can be made of one only",
            hints=["--format uv takes several, one extra for each"],
        )
    document = read_lock(locks[0])
    if form == "constraints":
        return {"": constraints(document)}
    if form == "conda":
        return {"": environment_yml(document)}
    bounds = provided_constraints(document)
    return {"": requirements(document), **({"constraints": bounds} if bounds else {})}


def into_project(locks: Sequence[Path], project: Path, *, load: _Load) -> Sequence[str]:
    """Write an export to uv into a ``pyproject.toml`` in one step."""
    from envfit.export import merged_into_project
    from envfit.project.edit import replace_text

    text = _read(project)
    merged = merged_into_project(text, _tables(locks, project, load), where=str(project))
    if merged.text != text:
        replace_text(project, merged.text)
    return merged.notes


def _tables(locks: Sequence[Path], project: Path | None, load: _Load) -> UvTables:
    from envfit.api.indexes import default_index
    from envfit.export import Named, declared_names, uv_tables

    folder = project.parent if project is not None else Path()
    named = []
    for path in locks:
        lock = read_lock(path)
        # Paths in it are relative to the lock, and those in a project to the project.
        placed = rebased(lock, Path(os.path.relpath(path.absolute().parent, folder.absolute())))
        named.append(Named(name=_name(path, lock), lock=placed))
    declared = (
        declared_names(_read(project), where=str(project))
        if project is not None and project.exists()
        else frozenset()
    )
    return uv_tables(named, load(), default_index=default_index(folder), declared=declared)


def _name(path: Path, lock: Pylock) -> str:
    """Return the name of a lock's target: that of its file, else what it was locked for."""
    middle = path.name.removeprefix("pylock.").removesuffix("toml").strip(".")
    if middle:
        return canonicalize_name(middle)
    target = locked_target(lock)
    if target is None:
        return "locked"
    gpus = dict.fromkeys(gpu.name for gpu in target.gpus)
    words = target.name or "-".join(gpus) or "cpu"
    return canonicalize_name("".join(sign if sign.isalnum() else "-" for sign in words).strip("-"))


def _read(project: Path) -> str:
    try:
        return project.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"cannot read {project}: {error}") from error
