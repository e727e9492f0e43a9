"""The comments between which an export to uv stands in a ``pyproject.toml``.

By them a later export finds what a former one wrote.  And whoever reads the project
to lock it passes over what is between them: it is what was locked before, and says
nothing of what is asked for now.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["marked", "marked_parts", "without_export"]

_BEGIN = "# envfit export writes from here"
_END = "# to here"
_MARKED = re.compile(rf"^[ \t]*{_BEGIN}\n(.*?)^[ \t]*{_END}[^\n]*\n", re.DOTALL | re.MULTILINE)


def marked(lines: Sequence[str]) -> list[str]:
    """Return lines of an array between the comments."""
    return [f"  {_BEGIN}", *lines, f"  {_END}"]


def marked_parts(text: str) -> list[str]:
    """Return what stands between the comments, part by part."""
    return _MARKED.findall(text)


def without_export(text: str, *, keep_lines: bool = False) -> str:
    """Return a text without what stands between the comments.

    ``keep_lines`` leaves empty lines, so that an error in the rest names the line where it is.
    """
    if _BEGIN not in text:
        return text
    return _MARKED.sub(lambda found: "\n" * found[0].count("\n") if keep_lines else "", text)
