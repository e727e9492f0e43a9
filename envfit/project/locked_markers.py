"""Markers of locks about a set of extras.

Tools write that an extra was asked for as ``extra == 'name'``, as metadata does; several may be
asked for at once, and so the clause is read as ``'name' in extras`` (PEP 751).
"""

from __future__ import annotations

import re
from functools import lru_cache

from packaging.markers import InvalidMarker, Marker

__all__ = ["lock_marker"]

_EXTRA = re.compile(r"""\bextra\s*(==|!=)\s*(['"])([^'"]+)\2""")


@lru_cache(maxsize=1 << 12)
def lock_marker(text: str) -> Marker | None:
    """Parse a marker; None where it is none.  A lock has few, and each of them often."""
    try:
        return Marker(_EXTRA.sub(_asked, text))
    except InvalidMarker:
        return None


def _asked(match: re.Match[str]) -> str:
    return f"'{match[3]}' {'in' if match[1] == '==' else 'not in'} extras"
