"""Keeping an answer with all that it depends on, so that ``remembered`` can give it again.

What is read is not told by those who read: Python's audit events name every file that is
opened, and every program, library and connection, whoever does it (PEP 578).  A run that
did anything but read files is not kept.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TextIO

from envfit.cli.remembered import NEW, SAME, content_hash, entry_path, packed, stat_of

__all__ = ["Recorder"]

# What a run does not do whose answer can be given again without it.
_BEYOND_FILES = (
    "subprocess.Popen",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "ctypes.dlopen",
    "socket.connect",
)


class Recorder:
    """What one run reads and says."""

    def __init__(self, words: Sequence[str], environ: Mapping[str, str]) -> None:
        """Begin to watch."""
        self._path = entry_path(words, environ)
        self._began = time.time()
        self._opened: dict[str, tuple[int, int] | None] = {}  # files of the user's, as they were then
        cache = os.path.dirname(os.path.dirname(self._path))  # noqa: PTH120
        self._others = (f"{cache}/", f"{_ROOT}/", f"{_CONSTRAINTS}/")
        self._beyond = False
        self._said: list[tuple[str, str]] = []
        self._watching = True
        sys.addaudithook(self._hear)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Keep what is written to standard output and standard error."""
        out, err = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = _Copied(out, self._listener("out")), _Copied(err, self._listener("err"))
        try:
            yield
        finally:
            sys.stdout, sys.stderr = out, err

    def note(self, sentence: str) -> None:
        """Keep a sentence that was said on standard error."""
        self._said.append(("err", f"{sentence}\n"))

    def keep(self, *, lock: str, was_there: bool, until: float) -> None:
        """Keep the answer until a moment, if it rests on files alone; failing to is no error."""
        self._watching = False  # what follows is no part of the answer
        if self._beyond or until <= time.time():
            return
        try:
            contents = {path: content_hash(path) for path in sorted(self._opened) if path != lock}
            if any(stat_of(path) != self._opened[path] for path in contents):
                return  # one of them was changed meanwhile: what was read of it is not known
            with open(lock, "rb") as file:  # noqa: PTH123
                text = file.read()
            entry = {
                "time": (self._began, until),
                "contents": contents,
                "stats": {path: stat_of(path) for path in _parts()},
                "lock": (lock, text, was_there),
                "said": self._said,
            }
            os.makedirs(os.path.dirname(self._path), exist_ok=True)  # noqa: PTH103, PTH120
            path = f"{self._path}{SAME if was_there else NEW}"
            temporary = f"{path}.{os.getpid()}-{os.urandom(4).hex()}"
            with open(temporary, "wb") as kept:  # noqa: PTH123
                kept.write(packed(entry))
            os.replace(temporary, path)  # noqa: PTH105
        except OSError:
            return

    def _listener(self, stream: str) -> Callable[[str], None]:
        return lambda text: self._said.append((stream, text))

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self._watching:
            return
        if event == "open":
            path, mode = arguments[0], arguments[1]
            if isinstance(path, bytes):
                path = os.fsdecode(path)
            if isinstance(path, str) and (mode is None or "r" in str(mode)):
                self._note_opened(os.path.abspath(path))  # noqa: PTH100
        elif event in _BEYOND_FILES:
            self._beyond = True

    def _note_opened(self, path: str) -> None:
        # The cache holds what is for ever, and pages, whose time is told; the program is told as a whole.
        if not path.endswith((".py", ".pyc", ".so")) and not path.startswith(self._others):
            self._opened.setdefault(path, stat_of(path))


class _Copied:
    """A stream whose text is heard as well."""

    def __init__(self, stream: TextIO, hear: Callable[[str], None]) -> None:
        self._stream = stream
        self._hear = hear

    def write(self, text: str) -> int:
        self._hear(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
_CONSTRAINTS = os.path.join(os.path.dirname(_ROOT), "constraints")  # noqa: PTH118, PTH120


def _parts() -> Iterator[str]:
    """Yield what changes when a part of the program does: its files, and the folders of what it uses."""
    for folder, _, names in os.walk(_ROOT):
        yield from (f"{folder}/{name}" for name in names if name.endswith((".py", ".toml")))
    for folder, _, names in os.walk(_CONSTRAINTS):
        yield folder
        yield from (f"{folder}/{name}" for name in names if name.endswith(".toml"))
    yield from sorted(path for path in sys.path if path.endswith(("site-packages", "dist-packages")))
