"""The search: driven by conflicts, complete, and not trusted.

What is left of a name is a set of states (``statement.py``).  A name is decided to be
its best position that is left.  What that candidate demands becomes statements, and a
statement of which all names but one are certain narrows the last one.  A name that has to be
there and has one position left is followed at once.  Where nothing is left of a name, the statements
that led there are resolved with each other, backwards, into one that would have prevented it; decisions
are taken back, and what was learned keeps the search from the same mistake.

This is conflict-driven clause learning over finite domains, as SAT solvers do it (GRASP, 1996; two watched
literals: Chaff, 2001; going back by one level where that is enough: Nadel and Ryvchin, 2018) and PubGrub does
for versions (2018).
"""

from __future__ import annotations

from collections.abc import Sequence

from envfit.resolve.order import Order
from envfit.resolve.provider import Demand, World
from envfit.resolve.statement import ABSENT, Statement, states_of
from envfit.resolve.trail import ALWAYS, Trail

__all__ = ["BudgetSpentError", "Contradiction", "Search"]


# Candidates of one name that are fetched side by side, at most.
_AT_ONCE = 32


class BudgetSpentError(Exception):
    """More decisions and conflicts than were allowed."""


class Contradiction(Exception):  # noqa: N818 - an outcome, raised
    """The demands exclude each other; ``proof`` is the statement that excludes everything."""

    def __init__(self, proof: Statement) -> None:
        super().__init__()
        self.proof = proof


class Search:
    """One search, from what is asked to pins."""

    def __init__(self, world: World, roots: Sequence[Demand], *, budget: int) -> None:
        self._world = world
        self._roots = roots
        self._budget = budget
        self.decisions = 0
        self.conflicts = 0
        self._trail = Trail()
        self._order = Order(roots, self._trail)
        self._all: dict[str, int] = {}  # states of each name
        self._followed: dict[str, int] = {}  # those whose demands are stated
        self._watching: dict[str, list[Statement]] = {}  # statements that watch a name
        self._alike: dict[tuple[str, str, int], Statement] = {}  # by demander, name and what it excludes
        self._narrowed: list[str] = []  # names whose statements are to be looked at
        self._certain: list[str] = []  # names to be followed
        # Statements to be looked at.  One that narrows a name at a later level than that from which on
        # it could have is due again when that level is taken back.
        self._due: list[Statement] = []
        self._late: list[tuple[int, Statement]] = []

    def run(self) -> dict[str, int]:
        """Return a position for each name that has to be there.

        Raises Contradiction with a proof, and BudgetSpentError.
        """
        for demand in self._roots:
            self._due.append(self._add({demand.name: self._excluded(demand)}, None))
        while True:
            broken = self._propagate()
            if broken is not None:
                self._count()
                self.conflicts += 1
                self._learn_from(broken)
                continue
            name = self._order.pop()
            if name is None:
                left = self._trail.left.items()
                return {name: states.bit_length() - 2 for name, states in left if not states & ABSENT}
            self._count()
            self.decisions += 1
            states = self._trail.left[name]
            self._expect(name, states)
            self._trail.decide(name, states & -states)
            self._note(name)

    def _expect(self, name: str, states: int) -> None:
        """Have candidates fetched side by side, the more the more were refused: the next may be too."""
        refused = (self._followed[name] & ~states).bit_count()
        if not refused:
            return
        wanted: list[int] = []
        while states and len(wanted) < min(2 * refused, _AT_ONCE):
            wanted.append((states & -states).bit_length() - 2)
            states &= states - 1
        self._world.expect_metadata(name, wanted)

    def _count(self) -> None:
        if self.decisions + self.conflicts >= self._budget:
            raise BudgetSpentError

    # -- what is demanded -----------------------------------------------------

    def _excluded(self, demand: Demand) -> int:
        """Return the states of a name that a demand excludes, having met the name."""
        name = demand.name
        everything = self._all.get(name)
        if everything is None:
            everything = self._all[name] = states_of(self._world.candidates(name).all.bits) | ABSENT
            self._trail.add(name, everything)
            self._watching[name] = []
            self._followed[name] = 0
        return everything & ~states_of(demand.allowed.bits)

    def _add(self, states: dict[str, int], demander: str | None) -> Statement:
        """Add a statement about what is demanded, without names that it says nothing of."""
        told = {name: excluded for name, excluded in states.items() if excluded != self._all[name]}
        statement = Statement(told, demander=demander)
        self._watch(statement)
        return statement

    def _watch(self, statement: Statement) -> None:
        for name in statement.watched:
            self._watching[name].append(statement)

    def _follow(self, name: str, state: int) -> None:
        """State what the candidate of a state demands."""
        self._followed[name] |= state
        excluded: dict[str, int] = {}
        for demand in self._world.demands(name, state.bit_length() - 2):
            excluded[demand.name] = excluded.get(demand.name, 0) | self._excluded(demand)
        for wanted, states in excluded.items():
            if wanted == name:
                if states & state:
                    self._due.append(self._add({name: state}, name))
                continue
            statement = self._alike.get((name, wanted, states))
            if statement is None:
                statement = self._alike[name, wanted, states] = self._add({name: state, wanted: states}, name)
            else:
                statement.states[name] |= state
            self._due.append(statement)

    # -- what follows ---------------------------------------------------------

    def _propagate(self) -> Statement | None:
        """Narrow what can be narrowed, and follow what is certain; return a statement that is broken."""
        while True:
            while self._due:
                statement = self._due.pop()
                if not self._holds(statement):
                    return statement
            broken = self._narrow()
            if broken is not None:
                return broken
            if not self._certain:
                return None
            name = self._certain.pop()
            state = self._trail.left[name]
            # It may be open again, or followed by now.
            if not (state & state - 1 or state & (ABSENT | self._followed[name])):
                self._follow(name, state)

    def _holds(self, statement: Statement) -> bool:
        """Look at a statement: narrow the one name that it leaves open, tell whether it leaves any."""
        left = self._trail.left
        open_names = [name for name, states in statement.states.items() if left[name] & ~states]
        if len(open_names) == 1:
            (name,) = open_names
            if self._is_late(statement, name):
                self._late.append((self._trail.level, statement))
            narrowed = left[name] & ~statement.states[name]
            if narrowed != left[name]:
                self._trail.narrow(name, narrowed, statement)
                self._note(name)
        return bool(open_names)

    def _is_late(self, statement: Statement, name: str) -> bool:
        """Tell whether a statement could have narrowed a name at an earlier level."""
        trail = self._trail
        others = (trail.since(other, states) for other, states in statement.states.items() if other != name)
        return trail.level_at(max(others, default=ALWAYS)) < trail.level

    def _note(self, name: str) -> None:
        """See to a name of which less is left."""
        self._narrowed.append(name)
        self._put_in_line(name)

    def _put_in_line(self, name: str) -> None:
        """Let a name that has to be there be decided, or followed."""
        left = self._trail.left[name]
        if left & ABSENT:
            return
        if left & left - 1:
            self._order.push(name)
        elif not left & self._followed[name]:
            self._certain.append(name)

    def _narrow(self) -> Statement | None:
        """Look at the statements that watch names of which less is left; return one that is broken."""
        left = self._trail.left
        while self._narrowed:
            name = self._narrowed.pop()
            here = left[name]
            watching = self._watching[name]
            kept = self._watching[name] = []
            for place, statement in enumerate(watching):
                states = statement.states
                if here & ~states[name]:
                    kept.append(statement)
                    continue
                other = statement.watched[0] if statement.watched[0] != name else statement.watched[-1]
                if len(states) > 2:
                    instead = next(
                        (
                            each
                            for each, excluded in states.items()
                            if left[each] & ~excluded and each not in (name, other)
                        ),
                        None,
                    )
                    if instead is not None:
                        statement.watched = (other, instead)
                        self._watching[instead].append(statement)
                        continue
                kept.append(statement)
                after = left[other] & ~states[other]
                if other == name or not after:
                    kept += watching[place + 1 :]
                    return statement
                if after != left[other]:
                    self._trail.narrow(other, after, statement)
                    self._note(other)
        return None

    # -- conflicts ------------------------------------------------------------

    def _learn_from(self, broken: Statement) -> None:
        """Learn from a statement that is broken, and take back decisions until it is not.

        Raises Contradiction where no decision is to blame.
        """
        trail = self._trail
        states = broken.states
        steps = [("", broken)]
        since = {name: trail.since(name, excluded) for name, excluded in states.items()}
        while True:
            if not since:
                raise Contradiction(Statement({}, steps=tuple(steps)))
            last = max(since, key=since.__getitem__)
            place = since.pop(last)
            before = max(since.values(), default=ALWAYS)
            level, culprit = trail.level_at(place), trail.level_at(before)
            if level > culprit:
                break
            why = trail.why(place)
            steps.append((last, why))
            resolved: dict[str, int] = {}
            for name in (*states, *(name for name in why.states if name not in states)):
                here, there = states.get(name, -1), why.states.get(name, -1)
                both = here | there if name == last else here & there
                if self._all[name] & ~both:
                    resolved[name] = both
                    if name == last or both != here:
                        since[name] = trail.since(name, both)
            states = resolved
        learned = broken
        if len(steps) > 1:
            learned = Statement(states, steps=tuple(steps))
            learned.watched = (last, max(since, key=since.__getitem__)) if since else (last,)
            self._watch(learned)
        self._go_back(self._bearing(level, culprit, is_new=learned is not broken))
        self._due.append(learned)

    def _bearing(self, level: int, culprit: int, *, is_new: bool) -> int:
        """Return the level to go back to, where the decision of one does not stand with those up to another.

        Where that had to be learned, all between them is in question.  Where what a candidate
        demands was refused at once, that candidate alone is.
        """
        trail = self._trail
        if self._order.blame(trail.decided(level), trail.decided(culprit) if culprit else None):
            return culprit - 1
        return culprit if is_new else level - 1

    def _go_back(self, level: int) -> None:
        """Take back the decisions after a level."""
        self._narrowed.clear()
        while self._late and self._late[-1][0] > level:
            self._due.append(self._late.pop()[1])
        for name in self._trail.go_back(level):
            self._put_in_line(name)
