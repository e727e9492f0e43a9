"""An answer given again, when nothing that it depends on has changed since.

``envfit lock`` in a directory where all is as it was, a few minutes later: what was said
and written then is said again, and written where it is not there, without looking at a
single page.  What an answer depends on is kept with it: the words of the command, the
directory, the environment, the contents of every file of the user's that was read (one
that was not there must still not be), the knowledge and the program, and how long the
pages of the indexes may be used without asking.  ``remembering`` writes it.  Of words,
environment and files only hashes are kept: any of them may hold a password.

This module is loaded before anything else, so it loads next to nothing itself.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
import time
from collections.abc import Mapping, Sequence

from envfit.version import __version__

TYPE_CHECKING = False  # typing's own takes as long to load as all the rest
if TYPE_CHECKING:
    from typing import Any

__all__ = ["NEW", "SAME", "answer_again", "content_hash", "entry_path", "packed", "stat_of"]

#: Ends of the names of answers: where the lock was there and stayed, and where there was none.
SAME, NEW = ".same", ".new"

#: Variables that say where and how often a program was started, and nothing to this one.
_PASSING = frozenset(
    {
        "_",
        "COLUMNS",
        "LINES",
        "OLDPWD",
        "PWD",
        "SHLVL",
        "SSH_CLIENT",
        "SSH_CONNECTION",
        "SSH_TTY",
        "TERM_SESSION_ID",
        "WINDOWID",
    }
)


def answer_again(words: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Say again what was answered to the same words, and tell whether that could be done."""
    if environ.get("ENVFIT_FORGET"):
        return False
    path = entry_path(words, environ)
    for suffix in (SAME, NEW):
        try:
            said = _said_again(f"{path}{suffix}")
        except (OSError, EOFError, KeyError, TypeError, ValueError):
            continue
        if said is None:
            continue
        for stream, text in said:
            (sys.stdout if stream == "out" else sys.stderr).write(text)
            (sys.stdout if stream == "out" else sys.stderr).flush()
        return True
    return False


def _said_again(path: str) -> list[tuple[str, str]] | None:
    """Return what was said, the lock being there as it was written; None where something has changed."""
    entry = unpacked(_read(path) or b"")
    if entry is None:
        return None
    since, until = entry["time"]
    if not since <= time.time() < until:
        return None
    if any(content_hash(place) != kept for place, kept in entry["contents"].items()):
        return None
    if any(stat_of(place) != kept for place, kept in entry["stats"].items()):
        return None
    lock, text, was_there = entry["lock"]
    if _read(lock) != (text if was_there else None) or not (was_there or _write(lock, text)):
        return None
    said: list[tuple[str, str]] = entry["said"]
    return said


def entry_path(words: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return where the answer to a command is kept: one place for words, directory and environment."""
    root = environ.get("ENVFIT_CACHE_DIR") or os.path.join(  # noqa: PTH118 - see above
        environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),  # noqa: PTH111
        "envfit",
    )
    lasting = sorted(item for item in environ.items() if item[0] not in _PASSING)
    question = repr((__version__, sys.version, sys.executable, os.getcwd(), tuple(words), lasting))  # noqa: PTH109
    key = hashlib.sha256(question.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{root}/answers-v2-{marshal.version}/{key}"


def packed(entry: dict[str, Any]) -> bytes:
    """Return an entry as it is kept."""
    content = marshal.dumps(entry)
    return hashlib.sha256(content).digest() + content


def unpacked(content: bytes) -> dict[str, Any] | None:
    """Return an entry that was kept; None where it is damaged."""
    if hashlib.sha256(content[32:]).digest() != content[:32]:
        return None
    found: dict[str, Any] = marshal.loads(content[32:])  # noqa: S302 - it was written by this program
    return found


def content_hash(path: str) -> bytes | None:
    """Return the hash of a file's content; None where there is no file."""
    content = _read(path)
    return None if content is None else hashlib.sha256(content).digest()


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def stat_of(path: str) -> tuple[int, int] | None:
    """Return when a file of the program was last written, and its size; None where it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _write(path: str, text: bytes) -> bool:
    """Write a lock where none is, in one step."""
    temporary = f"{path}.{os.getpid()}-{os.urandom(4).hex()}"
    try:
        with open(temporary, "xb") as file:  # noqa: PTH123
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)  # fails where another was faster
    except OSError:
        return False
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)  # noqa: PTH108
    return True
