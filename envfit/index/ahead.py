"""What is done while an answer is waited for: what has come is looked at, and more is asked for.

One thread does everything.  While it waits for the one thing that the search needs
next, it looks at the other things that have come, so that what they lead to is on
its way too.  What goes wrong with them is not told here: whoever needs them will see.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from envfit.index.once import Once
from envfit.index.session import Session
from envfit.index.transfer import Transfer

__all__ = ["Ahead"]

_GLANCE = 0.005  # seconds between two looks at what has come, while another thread works


class Ahead:
    """Acts that wait for a transfer, and acts that wait for nothing but leisure."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._acts: dict[Transfer, list[Callable[[], None]]] = {}
        self._ready: deque[Callable[[], None]] = deque()
        session.when_done(self._done)

    def after(self, transfer: Transfer | None, act: Callable[[], None]) -> None:
        """Do something at leisure once a transfer is done; at once where there is none."""
        if transfer is None or transfer.done:
            self._ready.append(act)
        else:
            self._acts.setdefault(transfer, []).append(act)

    def wait(self, transfer: Transfer) -> None:
        """Return once a transfer is done, having done at leisure what could be."""
        while not transfer.done:
            self._session.advance(wait=not self._ready)
            if not transfer.done and self._ready:
                with suppress(Exception):  # raised again to whoever asks for it
                    self._ready.popleft()()

    def wait_for(self, value: Once[Any]) -> None:
        """Return once another thread has computed a value, having done at leisure what could be."""
        while value.is_begun and not value.is_there:
            self._session.advance(wait=False)
            if self._ready:
                with suppress(Exception):  # raised again to whoever asks for it
                    self._ready.popleft()()
            else:
                value.wait(_GLANCE)

    def _done(self, transfer: Transfer) -> None:
        self._ready.extend(self._acts.pop(transfer, ()))
