"""The Python that runs envfit, where it is the one that is wanted."""

from __future__ import annotations

import sys

__all__ = ["own_interpreter"]


def own_interpreter(minor: str) -> str | None:
    """Return the path of the running interpreter, not that of its virtual environment.

    None where it is not CPython of that minor version.  It is better than any that
    a search finds: it is known to run.
    """
    if sys.implementation.name != "cpython" or minor != f"{sys.version_info.major}.{sys.version_info.minor}":
        return None
    base: str = getattr(sys, "_base_executable", None) or sys.executable
    return base
