"""TOML as the standard library reads it, loaded where there is some to read."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["parse_toml"]


def parse_toml(text: str) -> dict[str, Any]:
    """Return a document; raises ValueError, with the place, where it is malformed."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)
