"""Texts that users see, kept whole beside the tests.

``UPDATE_SNAPSHOTS=1`` writes them anew; read the difference before it is kept.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["compare"]


def compare(path: Path, text: str, *, wrapped: bool = False) -> None:
    """Hold a text against a snapshot; ``wrapped`` says that line breaks do not matter."""
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    kept = path.read_text(encoding="utf-8")
    if wrapped:
        kept, text = " ".join(kept.split()), " ".join(text.split())
    assert text == kept, f"not as in {path.name}; UPDATE_SNAPSHOTS=1 writes it anew"
