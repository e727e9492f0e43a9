"""Reading a text file that the user named."""

from __future__ import annotations

import codecs
from pathlib import Path

from envfit.errors import FileError, ProjectError

__all__ = ["read_text"]

# Far above any real project file; below it, no parser runs long.
_LIMIT = 8 * 1024 * 1024  # bytes


def read_text(path: Path, *, named_at: str = "") -> str:
    r"""Return the text of a UTF-8 file, with ``\n`` as the only line end and without a BOM.

    ``named_at`` is the place that named the file, where that was another file.
    Raises FileError where the file cannot be read or is no UTF-8, ProjectError
    where it is larger than 8 MiB.
    """
    origin = f" (named at {named_at})" if named_at else ""
    details = {"file": str(path)}
    try:
        with path.open("rb") as file:
            # One byte past the limit tells, and works for pipes, which have no size.
            content = file.read(_LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise FileError(f"cannot read {path}: {reason.lower()}{origin}", details=details) from error
    if len(content) > _LIMIT:
        raise ProjectError(f"{path} is larger than 8 MiB and no project file{origin}", details=details)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileError(
            f"cannot read {path}: it is UTF-16 text{origin}", details=details, hints=["save it as UTF-8"]
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileError(
            f"cannot read {path}: line {line} is not UTF-8 text{origin}",
            details=details,
            hints=["save it as UTF-8"],
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
