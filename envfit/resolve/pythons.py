"""One of several Pythons: each is a resolution of its own, and one of them is taken.

The best one for what the user asks for wins: versions are compared name by name in
the order asked for, so that the first name counts most; names that only some of
the Pythons need (``tomli; python_version < "3.11"``) say nothing of which is better.
Then the one that leaves the fewest optional packages out, and at last the newest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from packaging.version import Version

from envfit.errors import EnvfitError
from envfit.frozen import frozen
from envfit.resolve.decide import Unsatisfied
from envfit.resolve.resolution import Pin, PythonNotTaken, Resolution
from envfit.selection.preferences import Strategy

__all__ = ["Tried", "choose_python"]

_NONE = Version("0")


@frozen
class Tried:
    """What came of one Python."""

    python: Version
    outcome: Resolution | EnvfitError


def choose_python(tried: Sequence[Tried], *, strategy: Strategy = Strategy.HIGHEST) -> Resolution:
    """Return the best resolution, with why no newer Python was taken.

    Raises the error of the newest Python where none has a resolution.
    """
    newest_first = sorted(tried, key=lambda one: one.python, reverse=True)
    solved = [one.outcome for one in newest_first if isinstance(one.outcome, Resolution)]
    if not solved:
        raise next(one.outcome for one in newest_first if isinstance(one.outcome, EnvfitError))
    named = _asked_everywhere(solved)
    best = solved[0]
    for other in solved[1:]:
        if _is_better(other, best, named, strategy):
            best = other
    not_taken = [
        PythonNotTaken(python=one.python, why=_why_not(one.outcome, best, named))
        for one in newest_first
        if one.python > best.target.python
    ]
    return replace(best, pythons_not_taken=tuple(not_taken))


def _asked_everywhere(solved: Sequence[Resolution]) -> list[str]:
    """Return the names that the user asks for on every Python, in the order asked."""
    asked = [
        dict.fromkeys(item.name for item in one.requirements if item not in one.optional) for one in solved
    ]
    return [name for name in asked[0] if all(name in names for names in asked)]


def _is_better(one: Resolution, other: Resolution, named: Sequence[str], strategy: Strategy) -> bool:
    for name in named:
        mine, theirs = _version(one.pin(name)), _version(other.pin(name))
        if mine != theirs:
            return (mine > theirs) is (strategy is Strategy.HIGHEST)
    return len(one.left_out) < len(other.left_out)


def _version(pin: Pin | None) -> Version:
    return Version(pin.version.public) if pin is not None else _NONE


def _why_not(outcome: Resolution | EnvfitError, best: Resolution, named: Sequence[str]) -> str:
    """Return why a Python was not taken, as a phrase that goes after its number and a colon."""
    if isinstance(outcome, Unsatisfied) and outcome.explanation.groups:
        return f"{outcome.message} ({outcome.explanation.groups[0]})"
    if isinstance(outcome, EnvfitError):
        return outcome.message
    for name in named:
        mine, taken = outcome.pin(name), best.pin(name)
        if mine is not None and taken is not None and _version(mine) != _version(taken):
            return f"{name} would be {mine.version} instead of {taken.version}"
    more = [item.name for item in outcome.left_out if all(item.name != other.name for other in best.left_out)]
    return f"{', '.join(more)} would be left out"
