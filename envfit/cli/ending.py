"""Signals that end a program, made to end it in order: what was begun is undone first."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["EndedError", "ending_in_order"]

_ENDING = (signal.SIGTERM, signal.SIGHUP)


class EndedError(KeyboardInterrupt):
    """A signal asked the program to end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.name = signal.Signals(number).name
        self.exit_code = 128 + number


@contextlib.contextmanager
def ending_in_order() -> Iterator[None]:
    """Treat SIGTERM (Slurm, docker stop) and SIGHUP (a terminal that is closed) as Ctrl-C is.

    A signal that is ignored, as by nohup, stays ignored.  While what was begun is
    undone, no second one counts: the schedulers that send them wait before they kill.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {number: signal.getsignal(number) for number in _ENDING}
    taken = [number for number, handler in former.items() if handler is signal.SIG_DFL]

    def end(number: int, _: FrameType | None) -> None:
        for each in taken:
            signal.signal(each, signal.SIG_IGN)
        raise EndedError(number)

    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, former[number])
