"""What a guard does, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envfit.install import Line

__all__ = ["guard_sentence"]


def guard_sentence(lines: Sequence[Line]) -> str:
    """Return what a guard does in one line."""
    barred = [line.name for line in lines if line.bars]
    refused = f" and refuses {len(barred)} others" if barred else ""
    kept = len(lines) - len(barred)
    return f"guarded: a later pip install keeps {kept} packages to what runs{refused}; envfit guard tells why"
