"""Reading a text file that the user named, or standard input."""

from __future__ import annotations

import codecs
import sys
from pathlib import Path

from envfit.errors import FileError, ProjectError

__all__ = ["STANDARD_INPUT", "read_standard_input", "read_text"]

#: What standard input is called in messages.
STANDARD_INPUT = "standard input"

# Far above any real project file; below it, no parser runs long.
_LIMIT = 8 * 1024 * 1024  # bytes


def read_text(path: Path, *, named_at: str = "") -> str:
    r"""Return the text of a UTF-8 file, with ``\n`` as the only line end and without a BOM.

    ``named_at`` is the place that named the file, where that was another file.
    Raises FileError where the file cannot be read or is no UTF-8, ProjectError
    where it is larger than 8 MiB.
    """
    origin = f" (named at {named_at})" if named_at else ""
    try:
        with path.open("rb") as file:
            # One byte past the limit tells, and works for pipes, which have no size.
            content = file.read(_LIMIT + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(str(path), error, origin) from error
    return _decoded(content, str(path), origin)


def read_standard_input() -> str:
    """Return the text on standard input, under the conditions of read_text."""
    try:
        content = sys.stdin.buffer.read(_LIMIT + 1)
    except (OSError, ValueError, AttributeError) as error:  # closed, or none at all
        raise _unreadable(STANDARD_INPUT, error, "") from error
    return _decoded(content, STANDARD_INPUT, "")


def _unreadable(file: str, error: Exception, origin: str) -> FileError:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return FileError(f"cannot read {file}: {reason.lower()}{origin}", details={"file": file})


def _decoded(content: bytes, file: str, origin: str) -> str:
    details = {"file": file}
    if len(content) > _LIMIT:
        raise ProjectError(f"{file} is larger than 8 MiB and no project file{origin}", details=details)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileError(
            f"cannot read {file}: it is UTF-16 text{origin}", details=details, hints=["save it as UTF-8"]
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileError(
            f"cannot read {file}: line {line} is not UTF-8 text{origin}",
            details=details,
            hints=["save it as UTF-8"],
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
