"""Which name is decided next.

What the user asked for comes first, in the order asked, so that a later name gives way to
an earlier one.  Then, so that little is fetched in vain: facts and choices, what refuses nobody
else, what was most in conflict, what has the fewest candidates left; last the name, so
that results are stable.  A name with an extra comes before the name without: it
leaves one candidate of that, while the other way round all of its own would be
fetched to find that only the same one will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from envfit.resolve.names import base_name
from envfit.resolve.provider import Demand
from envfit.resolve.statement import ABSENT
from envfit.resolve.trail import Trail

__all__ = ["Order"]

# Candidates of one name that another may refuse before it has to wait until that is decided.
_PATIENCE = 2

_Key = tuple[tuple[int, bool, bool], int, int, int, tuple[str, bool], str]


class Order:
    """The names that wait to be decided."""

    def __init__(self, roots: Sequence[Demand], trail: Trail) -> None:
        self._trail = trail
        self._asked = {demand.name: place for place, demand in reversed(list(enumerate(roots)))}
        self._queue: list[_Key] = []
        self._fixed: dict[str, tuple[tuple[int, bool, bool], tuple[str, bool]]] = {}  # parts of keys
        self._conflicts: dict[str, int] = {}
        self._refusals: dict[tuple[str, str], int] = {}
        self._put_off: dict[str, int] = {}

    def push(self, name: str) -> None:
        """Let a name wait that has to be there, and has several candidates left."""
        heappush(self._queue, self._key(name))

    def pop(self) -> str | None:
        """Return the name to be decided; None where nothing is left to be."""
        while self._queue:
            key = heappop(self._queue)
            name = key[-1]
            left = self._trail.left[name]
            # What has changed since waits with its new key too, where it still waits at all.
            if not left & ABSENT and left & left - 1 and key == self._key(name):
                return name
        return None

    def blame(self, name: str, culprit: str | None) -> bool:
        """Note that one decision did not stand with another, before it; tell whether that is to wait."""
        self._conflicts[name] = self._conflicts.get(name, 0) + 1
        if culprit is None or base_name(culprit) in self._asked:
            return False
        count = self._refusals[name, culprit] = self._refusals.get((name, culprit), 0) + 1
        if count != _PATIENCE:
            return False
        self._put_off[culprit] = self._put_off.get(culprit, 0) + 1
        return True

    def _key(self, name: str) -> _Key:
        fixed = self._fixed.get(name)
        if fixed is None:
            plain = base_name(name)
            is_asked = plain in self._asked
            first = (
                self._asked.get(plain, len(self._asked)),
                is_asked and name == plain,
                not name.startswith("__"),
            )
            fixed = self._fixed[name] = (first, (plain, name == plain))
        return (
            fixed[0],
            self._put_off.get(name, 0),
            -self._conflicts.get(name, 0),
            self._trail.left[name].bit_count(),
            fixed[1],
            name,
        )
