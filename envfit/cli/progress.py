"""One line on a terminal that says how far long work has come; nothing anywhere else."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

__all__ = ["Progress"]

_EVERY = 0.2  # seconds
_CLEAR = "\r\x1b[2K"


class Progress:
    """A status line below the talk, drawn anew a few times a second and gone at the end."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._drawing = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_seen(self) -> bool:
        """Whether somebody sees a status: the stream is a terminal."""
        return self._stream.isatty()

    def watch(self, status: Callable[[], str]) -> None:
        """Begin to show a status, where the stream is a terminal."""
        if not self.is_seen or self._thread is not None:
            return
        self._thread = threading.Thread(target=self._draw, args=(status,), daemon=True)
        self._thread.start()

    def talk(self, sentence: str) -> None:
        """Say a sentence above the status line."""
        with self._drawing:
            clear = _CLEAR if self._thread is not None else ""
            # In one piece: several threads talk while metadata is fetched.
            self._stream.write(f"{clear}{sentence}\n")
            self._stream.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._stream.write(_CLEAR)
            self._stream.flush()

    def _draw(self, status: Callable[[], str]) -> None:
        while not self._ended.wait(_EVERY):
            with self._drawing:
                self._stream.write(f"{_CLEAR}{status()}")
                self._stream.flush()
