"""What cannot all be, and how that is known: the search learns it, and a proof is made of it.

A statement excludes one set of states for each name that it speaks of: not every one of
the names can be in its set.  The states of a name are its absence and its positions,
one bit each, absence lowest.
"""

from __future__ import annotations

__all__ = ["ABSENT", "Statement", "states_of"]

#: The state of a name that nobody has.
ABSENT = 1


def states_of(positions: int) -> int:
    """Return the states that positions (a bit for each) are."""
    return positions << 1


class Statement:
    """Sets of states that cannot all hold.

    A statement is what a candidate of ``demander`` demands, or what the user does
    (``demander`` is None), or it follows from others: from the first of ``steps``, resolved
    with each further one upon the name given with it.

    That candidates which demand the same share a statement lets ``states`` grow: what was
    concluded from less still follows.
    """

    __slots__ = ("demander", "states", "steps", "watched")

    def __init__(
        self,
        states: dict[str, int],
        *,
        demander: str | None = None,
        steps: tuple[tuple[str, Statement], ...] = (),
    ) -> None:
        self.states = states
        self.demander = demander
        self.steps = steps
        #: Two of the names: while neither is certain to be in its set, the statement says nothing.
        self.watched: tuple[str, ...] = tuple(states)[:2]
