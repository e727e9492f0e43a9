"""Where uv is, the program that makes environments and builds metadata."""

from __future__ import annotations

import re
import shutil
import subprocess

from envfit.errors import InstallError

__all__ = ["find_uv"]

#: The oldest that reads a pylock.toml as envfit writes it: the bound of envfit's own dependency.
_OLDEST = (0, 9, 17)
_HINT = "install envfit again, or uv by itself: pip install uv"


def find_uv() -> str:
    """Return the path of uv: the one installed beside envfit, else one on PATH that is new enough.

    Raises InstallError where there is none.
    """
    try:
        import uv

        return uv.find_uv_bin()
    except (ImportError, FileNotFoundError):
        pass
    found = shutil.which("uv")
    if found is None:
        raise InstallError(
            "uv, with which envfit installs, is neither beside envfit nor on PATH", hints=[_HINT]
        )
    version = _version(found)
    if version is None or version < _OLDEST:
        what = "does not say its version" if version is None else f"is {'.'.join(map(str, version))}"
        oldest = ".".join(map(str, _OLDEST))
        raise InstallError(
            f"uv is not beside envfit, and {found} {what}: {oldest} or newer is needed", hints=[_HINT]
        )
    return found


def _version(program: str) -> tuple[int, int, int] | None:
    """Return the version that a uv states, or None where it states none."""
    try:
        said = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=10,
            check=False,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    stated = re.match(r"uv (\d+)\.(\d+)\.(\d+)", said)
    return (int(stated[1]), int(stated[2]), int(stated[3])) if stated else None
