"""The Pythons on this machine, for tools that resolve with one of them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import uv
from packaging.version import Version

__all__ = ["find_interpreter", "installed_interpreters", "search_path"]


def installed_interpreters() -> Mapping[Version, str]:
    """Return the CPythons that uv finds, and those of pyenv, which its search path need not show."""
    listed = subprocess.run(
        [uv.find_uv_bin(), "python", "list", "--only-installed", "--no-config", "--output-format", "json"],
        env={**os.environ, "PATH": search_path()},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[Version, str] = {}
    for entry in json.loads(listed.stdout):
        version = Version(entry["version"])
        if entry["implementation"] == "cpython" and version not in found:
            executable = _executable(entry["path"])
            if executable is not None:
                found[version] = executable
    return found


def search_path() -> str:
    """Return the search path with the Pythons of pyenv on it."""
    versions = sorted((Path.home() / ".pyenv" / "versions").glob("*/bin"))
    return os.pathsep.join([*map(str, versions), os.environ.get("PATH", "")])


def find_interpreter(installed: Mapping[Version, str], python: str) -> str | None:
    """Return the newest interpreter of a version that is written as far as it matters: 3.12, or 3.13.0."""
    wanted = Version(python).release
    fitting = [version for version in installed if version.release[: len(wanted)] == wanted]
    return installed[max(fitting)] if fitting else None


def _executable(path: str) -> str | None:
    """Return what really runs at a path, which may be a script that searches; None where nothing does."""
    answer = subprocess.run(
        [path, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() if answer.returncode == 0 else None
