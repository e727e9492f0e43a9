"""Names in the search: a package, and a package with one of its extras."""

from __future__ import annotations

__all__ = ["MEANT", "base_name", "split_name"]

# ``torch[=extra]``: an extra that the user asks for, and means.
MEANT = "="


def base_name(name: str) -> str:
    """Return the package behind a name with an extra."""
    return name.partition("[")[0]


def split_name(name: str) -> tuple[str, str, bool]:
    """Return package and extra of a name, and whether it is the user who means the extra."""
    package, _, extra = name.rstrip("]").partition("[")
    return package, extra.removeprefix(MEANT), extra.startswith(MEANT)
