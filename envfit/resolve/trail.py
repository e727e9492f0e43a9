"""What is left of each name, and the way back.

Everything that narrows a name is kept in order, with the statement that made it so; a
decision has none, and begins a level.  Level 0 is what holds without any decision.
"""

from __future__ import annotations

from bisect import bisect_right

from envfit.resolve.statement import Statement

__all__ = ["ALWAYS", "Trail"]

#: The place of what was so from the beginning.
ALWAYS = -1


class Trail:
    """The states left of each name; ``left`` is read by everybody and written here alone."""

    def __init__(self) -> None:
        self.left: dict[str, int] = {}
        self._steps: list[tuple[str, int, Statement | None]] = []  # the name, what was left before, and why
        self._places: dict[str, list[int]] = {}  # in the steps, of each name
        self._decisions: list[int] = []  # places of the decisions

    @property
    def level(self) -> int:
        """How many decisions stand."""
        return len(self._decisions)

    def add(self, name: str, states: int) -> None:
        """Begin with all states of a name."""
        self.left[name] = states
        self._places[name] = []

    def decide(self, name: str, state: int) -> None:
        """Begin a level with a name in one state."""
        self._decisions.append(len(self._steps))
        self.narrow(name, state, None)

    def narrow(self, name: str, left: int, why: Statement | None) -> None:
        """Leave fewer states of a name."""
        self._places[name].append(len(self._steps))
        self._steps.append((name, self.left[name], why))
        self.left[name] = left

    def since(self, name: str, states: int) -> int:
        """Return the place from which on a name is certain to be in some states, which it is now."""
        for place in reversed(self._places[name]):
            if self._steps[place][1] & ~states:
                return place
        return ALWAYS

    def why(self, place: int) -> Statement:
        """Return the statement that narrowed a name at a place that is no decision."""
        statement = self._steps[place][2]
        assert statement is not None, "a decision"  # noqa: S101 - a fault here, no input leads to it
        return statement

    def level_at(self, place: int) -> int:
        """Return how many decisions stood at a place."""
        return bisect_right(self._decisions, place)

    def decided(self, level: int) -> str:
        """Return the name whose decision began a level."""
        return self._steps[self._decisions[level - 1]][0]

    def go_back(self, level: int) -> list[str]:
        """Undo all that came after a level; return the names of which more is left now."""
        size = self._decisions[level]
        del self._decisions[level:]
        undone = self._steps[size:]
        del self._steps[size:]
        for name, before, _ in reversed(undone):
            self.left[name] = before
            self._places[name].pop()
        return list(dict.fromkeys(name for name, _, _ in undone))
