"""A program of its own, run by another Python: say what it is and which distributions it sees.

Its text is given to that Python by ``-c``, so that it works inside a container
whose Python cannot see envfit's files.  It prints one line, a mark and JSON after
it; what ``sitecustomize`` and the like print goes before.  It imports the
standard library alone, no distribution, and runs from Python 3.8 on: where that
has no ``importlib.metadata``, it tells of the interpreter only.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # Both are loaded before this line; what follows must not come from where somebody happens to be.
    sys.path[:] = [path for path in sys.path if path not in ("", ".", os.getcwd())]

import json
import platform
import site
import sysconfig
from typing import Any

MARK = "envfit-interpreter:"
# Nothing of a distribution is executed: torch says in these two what it was built with.
TORCH_FILES = ("torch/version.py", "torch/share/cmake/Torch/TorchConfig.cmake")


def main() -> None:
    """Print what this interpreter is, and every distribution on its path, in the order of the path."""
    directories = _directories()
    answer: dict[str, Any] = {
        "python": ".".join(map(str, sys.version_info[:3])),
        "implementation": sys.implementation.name,
        "free-threaded": "t" in getattr(sys, "abiflags", ""),
        "system": platform.system(),
        "machine": platform.machine(),
        "glibc": _glibc(),
        "executable": sys.executable,
        "directories": directories,
        "site-directories": _site_directories(directories),
        "distributions": _distributions(directories) if sys.version_info >= (3, 8) else [],
    }
    print(MARK + json.dumps(answer))


def _directories() -> list[str]:
    """Return the search path without the standard library."""
    paths = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    standard = {os.path.realpath(path) for path in paths if path}
    standard |= {os.path.join(path, "lib-dynload") for path in standard}
    found: list[str] = []
    for path in sys.path:
        usable = os.path.isabs(path) and os.path.exists(path) and path not in found
        if usable and os.path.realpath(path) not in standard:
            found.append(path)
    return found


def _site_directories(directories: list[str]) -> list[str]:
    """Return the directories whose .pth files this interpreter reads when it starts."""
    own = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    return [path for path in directories if path in own]


def _glibc() -> str:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").replace("glibc ", "")
    except (AttributeError, OSError, ValueError):  # musl does not know the name
        return ""


def _distributions(directories: list[str]) -> list[dict[str, Any]]:
    import importlib.metadata

    found = []
    for directory in directories:
        for distribution in importlib.metadata.distributions(path=[directory]):
            entry: dict[str, Any] = {"directory": directory}
            try:
                entry["name"] = distribution.metadata["Name"]
                entry["version"] = distribution.metadata["Version"]
                entry["requires"] = distribution.requires or []
            except Exception as error:  # noqa: BLE001 - one bad distribution hides no other
                entry["error"] = type(error).__name__
            folder = getattr(distribution, "_path", None)  # the one way to tell which one is meant
            entry["metadata"] = os.path.basename(str(folder)) if folder is not None else ""
            if str(entry.get("name")).lower() == "torch":
                entry["files"] = {name: _text(distribution, name) for name in TORCH_FILES}
            found.append(entry)
    return found


def _text(distribution: Any, name: str) -> str:
    try:
        with open(str(distribution.locate_file(name)), encoding="utf-8", errors="replace") as file:
            return file.read(100_000)
    except OSError:
        return ""


if __name__ == "__main__":
    main()
