"""What an exported file says of itself: where it comes from and where it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from packaging.pylock import Pylock

__all__ = ["comment_header", "provided_pins", "told"]


def comment_header(lock: Pylock) -> Iterator[str]:
    """Yield the comment lines of an export: its origin, the contract, the Python."""
    yield "# Exported by envfit from a lock."
    contract = told(lock).get("contract")
    if contract:
        yield f"# Runs on: {contract}"
    if lock.requires_python is not None:
        yield f"# Python: {lock.requires_python}"


def told(lock: Pylock) -> dict[str, Any]:
    """Return what envfit wrote into a lock for its readers; empty where it was deleted."""
    table = (lock.tool or {}).get("envfit")
    return dict(table) if isinstance(table, dict) else {}


def provided_pins(lock: Pylock) -> list[str]:
    """Return as NAME==VERSION what a lock says that a module provides."""
    return [str(pin) for pin in told(lock).get("target", {}).get("provided", ())]
