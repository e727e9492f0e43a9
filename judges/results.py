"""Files of results: written whole, read back, and merged by key, so that parts can be run again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["RESULTS", "merge", "read", "table"]

RESULTS = Path(__file__).with_name("results")


def read(path: Path) -> dict[str, Any]:
    """Return what a file of results holds; nothing where it is not there."""
    if not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def merge(path: Path, entries: Mapping[str, Any]) -> None:
    """Replace entries of a file of results and keep the others; the file is never half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**read(path), **entries}, indent=1, sort_keys=True, ensure_ascii=False)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(f"{text}\n", encoding="utf-8")
    partial.replace(path)


def table(rows: list[tuple[str, ...]]) -> str:
    """Return rows as lines of columns; the first row names them."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)
