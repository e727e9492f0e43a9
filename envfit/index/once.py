"""A value computed once, by whichever thread asks first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Once"]

T = TypeVar("T")


class Once(Generic[T]):
    """A value, or the error that computing it ended in.

    A thread that needs the value does not wait for a queue of work that was
    scheduled ahead: it computes at once what no other thread has begun.
    """

    __slots__ = ("_compute", "_error", "_lock", "_there", "_values", "is_begun", "is_there")

    def __init__(self, compute: Callable[[], T]) -> None:
        self._lock = threading.RLock()
        self._compute: Callable[[], T] | None = compute
        self._values: list[T] = []
        self._error: Exception | None = None
        self.is_begun = False  # computing it has begun
        self.is_there = False  # it has ended
        self._there: threading.Event | None = None  # for whoever waits meanwhile

    def get(self) -> T:
        """Return the value; raises, every time, what computing it raised."""
        if not self.is_there:
            with self._lock:
                if self._compute is not None:
                    if self.is_begun:
                        raise RuntimeError("a value was asked for while it was being computed")
                    self.is_begun = True
                    try:
                        self._values.append(self._compute())
                    except Exception as error:  # noqa: BLE001 - remembered and raised to whoever asks
                        self._error = error
                    self._compute = None
                    self.is_there = True
                    if self._there is not None:
                        self._there.set()
        if self._error is not None:
            raise self._error
        return self._values[0]

    def wait(self, seconds: float) -> None:
        """Return once the value is there, or after so many seconds."""
        there = self._there = self._there or threading.Event()
        if not self.is_there:
            there.wait(seconds)
