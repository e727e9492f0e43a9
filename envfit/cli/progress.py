"""A few lines on a terminal that say how far long work has come; nothing anywhere else."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

__all__ = ["Progress"]

_EVERY = 0.2  # seconds
_CLEAR = "\r\x1b[2K"
_CLEAR_ABOVE = "\x1b[1A\x1b[2K"
_SMALL = (80, 24)  # columns and lines of a terminal that does not say its size


class Progress:
    """Status lines below the talk, drawn anew a few times a second and gone at the end."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._drawing = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._status: Callable[[], str] = str
        self._lines = 0  # that are drawn

    @property
    def is_seen(self) -> bool:
        """Whether the stream is a terminal, on which a status is shown."""
        return self._stream.isatty()

    def watch(self, status: Callable[[], str]) -> None:
        """Begin to show a status instead of the one before, where the stream is a terminal."""
        self._status = status
        if not self.is_seen or self._thread is not None:
            return
        self._thread = threading.Thread(target=self._draw, daemon=True)
        self._thread.start()

    def talk(self, sentence: str) -> None:
        """Say a sentence above the status."""
        with self._drawing:
            # In one piece: several threads talk while metadata is fetched.
            self._stream.write(f"{self._cleared()}{sentence}\n")
            self._stream.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._stream.write(self._cleared() or _CLEAR)
            self._stream.flush()

    def _draw(self) -> None:
        while not self._ended.wait(_EVERY):
            with self._drawing:
                columns, lines = self._size()
                shown = [line[: columns - 1] for line in self._status().splitlines()][: lines - 1]
                self._stream.write(self._cleared() + "\n".join(shown))
                self._stream.flush()
                self._lines = len(shown)

    def _cleared(self) -> str:
        """Return what takes away the lines that are drawn."""
        above, self._lines = max(self._lines - 1, 0), 0
        return _CLEAR + _CLEAR_ABOVE * above if self._thread is not None else ""

    def _size(self) -> tuple[int, int]:
        """Return columns and lines of the terminal, as it is now."""
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return _SMALL
        return (size.columns or _SMALL[0], size.lines or _SMALL[1])
