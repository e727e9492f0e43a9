"""Writing what was added into ``pyproject.toml``, everything else kept as it is written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from envfit.address import without_credentials
from envfit.errors import FileError

if TYPE_CHECKING:
    from tomlkit.items import Array

__all__ = ["add_to_project", "replace_text"]


def add_to_project(directory: Path, requirements: Sequence[str]) -> Path | None:
    """Add requirements to the dependencies of a directory's project, replacing those of the same name.

    Credentials in addresses are left out, and so is what has no name, such as a path: the
    standard has no room for it there, and the lock does.  Returns the file, or None where
    there is no ``pyproject.toml`` with static dependencies or nothing to change.  The file
    is replaced in one step.  Raises FileError where it cannot be.
    """
    path = directory / "pyproject.toml"
    if not path.is_file():
        return None
    import tomlkit
    from tomlkit.exceptions import ParseError

    try:
        text = path.read_text(encoding="utf-8")
        document = tomlkit.parse(text)
    except (OSError, UnicodeDecodeError, ParseError) as error:
        raise FileError(f"cannot add to {path}: {error}") from error
    project = document.get("project")
    if project is None or "dependencies" in project.get("dynamic", ()):
        return None
    if "dependencies" not in project:
        project["dependencies"] = tomlkit.array()
    dependencies = project["dependencies"]
    for requirement in requirements:
        _put(dependencies, without_credentials(requirement, instead=""))
    if tomlkit.dumps(document) == text:
        return None
    replace_text(path, tomlkit.dumps(document))
    return path


def _put(dependencies: Array, text: str) -> None:
    name = _name(text)
    if name is None:
        return
    for position, other in enumerate(dependencies):
        if _name(str(other)) == name:
            dependencies[position] = text
            return
    dependencies.append(text)


def _name(text: str) -> str | None:
    try:
        return canonicalize_name(Requirement(text).name)
    except InvalidRequirement:
        return None


def replace_text(path: Path, text: str) -> None:
    """Replace a file in one step, its mode kept; raises FileError where it cannot be."""
    import tempfile

    try:
        mode = path.stat().st_mode
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            Path(name).chmod(mode)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error
