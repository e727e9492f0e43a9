"""Small files and directories written so that they are there after a loss of power, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["sync_directory", "sync_file_system", "write_durably"]


def write_durably(path: Path, text: str) -> None:
    """Replace a file in one step; raises OSError with the former one untouched."""
    partial = path.with_name(f".{path.name}.new")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Have the names in a directory on the disk; where a file system cannot, nothing is lost by trying."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def sync_file_system(path: Path) -> None:
    """Have all that was written to the file system of a path on its disk (syncfs(2)).

    Thousands of files are synced so in one call; uv syncs none.
    """
    import ctypes

    syncfs = getattr(ctypes.CDLL(None), "syncfs", None)
    if syncfs is None:
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        syncfs(handle)
    finally:
        os.close(handle)
