"""Reading whatever file locks packages: which tool's it is, by its name and by what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from packaging.pylock import is_valid_pylock_path

from envfit.errors import LockError, ProjectError
from envfit.project.locked import LockedFile

__all__ = ["read_locked"]


def read_locked(path: Path) -> LockedFile:
    """Read a lock or a requirements file.

    ``pylock.toml`` and ``pylock.NAME.toml``, ``uv.lock``, ``poetry.lock`` and ``pdm.lock`` by
    their names, another TOML file or lock by what is in it, any other file as a requirements file.
    Raises LockError, ProjectError and FileError.
    """
    if path.name == "pyproject.toml":
        raise ProjectError(
            f"{path} says what is wanted, and nothing of what is installed for it",
            hints=["lock it (uv lock, envfit lock ...) and name the lock"],
        )
    if path.suffix in (".lock", ".toml") or is_valid_pylock_path(path):
        return _read_toml_lock(path)
    if path.suffix.lower() in (".yml", ".yaml"):
        raise LockError(
            f"{path} names packages of conda, and those are not judged",
            details={"file": str(path)},
            hints=[f"envfit lock -r {path} locks what it asks for of pip"],
        )
    from envfit.project.locked_requirements import read_locked_requirements

    return read_locked_requirements(path)


def _read_toml_lock(path: Path) -> LockedFile:
    from envfit.project.toml_file import read_toml

    if path.name == "pixi.lock" or path.name.startswith("conda-lock"):
        raise LockError(
            f"{path} locks packages of conda, and those are not judged", details={"file": str(path)}
        )
    data = read_toml(path)
    if "lock-version" in data or is_valid_pylock_path(path):
        from envfit.project.locked_pylock import read_locked_pylock

        return read_locked_pylock(path)
    if path.name == "poetry.lock" or _is_of(data, "lock-version"):
        from envfit.project.poetry_lock import read_poetry_lock

        return read_poetry_lock(path)
    if path.name == "pdm.lock" or _is_of(data, "lock_version"):
        from envfit.project.pdm_lock import read_pdm_lock

        return read_pdm_lock(path)
    if isinstance(data.get("version"), int):
        from envfit.project.uv_lock import read_uv_lock

        return read_uv_lock(path)
    raise LockError(
        f"{path} is no lock that is known",
        details={"file": str(path)},
        hints=["known are pylock.toml, uv.lock, poetry.lock, pdm.lock and requirements files"],
    )


def _is_of(data: Mapping[str, object], key: str) -> bool:
    """Tell whether a lock states its version under a key of its metadata, as one tool does."""
    metadata = data.get("metadata")
    return isinstance(metadata, dict) and key in metadata
