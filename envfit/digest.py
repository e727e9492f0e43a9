"""The sha256 of a file, which is its identity in a lock."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

__all__ = ["sha256_of"]

_PIECE = 1 << 20  # bytes


def sha256_of(file: BinaryIO) -> str:
    """Return the sha256 of what is left of an open file, which is read to its end; raises OSError."""
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()
