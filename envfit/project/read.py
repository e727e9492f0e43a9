"""Reading whatever the user points at: which kind of file it is, and what is used when nothing is named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from packaging.pylock import is_valid_pylock_path

from envfit.errors import FileError, ProjectError
from envfit.project.environment_yml import read_environment_yml
from envfit.project.model import Project, combine
from envfit.project.pylock_file import read_pylock
from envfit.project.pyproject import read_pyproject
from envfit.project.requirements_file import read_requirements_file
from envfit.project.settings import Settings

__all__ = ["find_project", "project_settings", "read_files"]

_PYPROJECT = "pyproject.toml"


def read_files(paths: Sequence[Path], *, extras: Sequence[str] = (), groups: Sequence[str] = ()) -> Project:
    """Read files, each by its kind, into one project.

    ``pyproject.toml`` and locks (``pylock.toml``, ``pylock.NAME.toml``) by their names,
    conda's files by ``.yml`` and ``.yaml``, any other as a requirements file, ``-`` from
    standard input; extras and groups are those of ``pyproject.toml``.
    Raises ProjectError on what is malformed or contradicts itself, LockError on a
    malformed lock, FileError where a file cannot be read.
    """
    if (extras or groups) and not any(path.name == _PYPROJECT for path in paths):
        kind, name = ("extra", extras[0]) if extras else ("group", groups[0])
        raise ProjectError(
            f"the {kind} {name} needs a {_PYPROJECT}, and none is named", hints=[f"name one: -r {_PYPROJECT}"]
        )
    if sum(str(path) == "-" for path in paths) > 1:
        raise ProjectError("standard input can be read once, and is named twice")
    return combine(_read_file(path, extras, groups) for path in paths)


def find_project(directory: Path, *, extras: Sequence[str] = (), groups: Sequence[str] = ()) -> Project:
    """Read the project of a directory: what is used when no requirement and no file is named.

    Raises ProjectError where the directory has no ``pyproject.toml``, or one that asks
    for nothing.
    """
    path = directory / _PYPROJECT
    hints = ["name what is needed: envfit lock torch", "or name a file: envfit lock -r requirements.txt"]
    if (directory / "setup.py").is_file():
        hints.append("or lock what setup.py declares: envfit lock .")
    elif (directory / "pylock.toml").is_file():
        hints.append("or lock what the lock was made for: envfit lock -r pylock.toml")
    try:
        project = read_pyproject(path, extras=extras, groups=groups)
    except FileError as error:
        if isinstance(error.__cause__, FileNotFoundError) and (extras or groups):
            kind, name = ("extra", extras[0]) if extras else ("group", groups[0])
            raise ProjectError(f"the {kind} {name} needs a {_PYPROJECT}, and there is no {path}") from None
        if isinstance(error.__cause__, FileNotFoundError):
            raise ProjectError(f"nothing to lock: there is no {path}", hints=hints) from None
        raise
    if not project.requirements and not project.settings.if_supported:
        raise ProjectError(f"nothing to lock: {path} asks for no package", hints=hints)
    return project


def project_settings(directory: Path) -> Settings:
    """Return the settings of a directory's project; those of none where there is no ``pyproject.toml``.

    Raises ProjectError on a malformed one.
    """
    path = directory / _PYPROJECT
    return read_pyproject(path).settings if path.is_file() else Settings()


def _read_file(path: Path, extras: Sequence[str], groups: Sequence[str]) -> Project:
    if path.name == _PYPROJECT:
        return read_pyproject(path, extras=extras, groups=groups)
    if is_valid_pylock_path(path):
        return read_pylock(path)
    suffix = path.suffix.lower()
    if suffix in (".yml", ".yaml"):
        return read_environment_yml(path)
    if suffix == ".toml":
        raise ProjectError(
            f"{path} is not read: of TOML files, only {_PYPROJECT} and pylock.toml say what is needed"
        )
    return read_requirements_file(path)
