"""A refusal as people and machines read it: the core, the tree of reasons, the ways out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from envfit.cli.render import better_data, better_sentence, group_data

if TYPE_CHECKING:
    from envfit.errors import UnsatisfiableError
    from envfit.requirement import Requirement
    from envfit.resolve.explain import Branch, Explanation
    from envfit.resolve.reason import Group
    from envfit.resolve.way_out import WayOut

__all__ = ["refusal_data", "refusal_lines"]

#: Lines before the hints, where nobody asks for all of them.
_LINES = 12
_SHOWN_WAYS = 5


def refusal_lines(error: UnsatisfiableError, *, verbose: bool) -> Iterator[str]:
    """Yield the lines that say why, then the hints that say what else would do."""
    from envfit.resolve.decide import Unsatisfied

    if not isinstance(error, Unsatisfied):
        return
    yield from _explanation(error.explanation, verbose=verbose)
    for better in error.better:
        yield f"hint: {better_sentence(better)}"
    shown = error.ways if verbose else error.ways[:_SHOWN_WAYS]
    for way in shown:
        yield f"hint: {way}{_typed(way)}"
    more = len(error.ways) - len(shown)
    if more:
        yield f"hint: {more} more way{'' if more == 1 else 's'} out; -v shows all"


def _typed(way: WayOut) -> str:
    """Return what is to be typed, where the sentence does not say it already."""
    options = " ".join(way.change.options)
    return f" ({options})" if options and options not in way.text else ""


def _explanation(explanation: Explanation, *, verbose: bool) -> Iterator[str]:
    from envfit.resolve.reason import fact_sentence

    head = [
        *(f"  {requirement.origin}" for requirement in explanation.core),
        *(f"  you constrain {_where(constraint)}" for constraint in explanation.constraints),
        *(f"  this target: {fact_sentence(fact)}" for fact in explanation.facts),
    ]
    told = frozenset(fact_sentence(fact) for fact in explanation.facts)
    placed = list(_placed(explanation.tree(), 0))
    room = max(_LINES - len(head), 2)  # one reason at least, and how many more there are
    kept = placed if verbose or len(placed) <= room else _nearest(placed, room - 1)
    spare = len(placed) * 100 if verbose else room - len(kept) - (len(kept) < len(placed))
    yield from head
    for depth, group in kept:
        indent = "  " * (depth + 1)
        said, *more = str(group).splitlines()
        if more and not verbose:  # what a build printed: its last line is what went wrong
            said, more = f"{said.removesuffix(' Its last lines:')} {more[-1].strip()}", []
        yield f"{indent}- {said}"
        yield from (f"{indent}    {line}" for line in more)
        facts = [fact for fact in group.reason.facts if fact not in told]
        evidence = group.reason.evidence if verbose else group.reason.evidence[:1]
        for line in [*facts, *evidence][: max(spare, 0)]:
            yield f"{indent}    {line}"
            spare -= 1
    if len(kept) < len(placed):
        yield f"  ... and {len(placed) - len(kept)} more reasons; -v shows all"


def _where(constraint: Requirement) -> str:
    """Return a constraint as it was written, and where."""
    return str(constraint.origin).removeprefix("you ask for ")


def _placed(branches: Sequence[Branch], depth: int) -> Iterator[tuple[int, Group]]:
    for branch in branches:
        yield depth, branch.group
        yield from _placed(branch.below, depth + 1)


def _nearest(placed: Sequence[tuple[int, Group]], count: int) -> list[tuple[int, Group]]:
    """Return some groups in their order: those that a reader meets first, of each depth the widest."""
    wanted = sorted(range(len(placed)), key=lambda place: (placed[place][0], -len(placed[place][1].versions)))
    return [placed[place] for place in sorted(wanted[:count])]


def refusal_data(error: UnsatisfiableError) -> dict[str, Any]:
    """Return a refusal as data."""
    from envfit.resolve.decide import Unsatisfied

    if not isinstance(error, Unsatisfied):
        return {}
    from envfit.resolve.reason import fact_sentence

    explanation = error.explanation
    return {
        "core": [str(requirement) for requirement in explanation.core],
        "constraints": [str(requirement) for requirement in explanation.constraints],
        "facts": [fact_sentence(fact) for fact in explanation.facts],
        "reasons": [{**group_data(group), "leads-to": group.reason.leads_to} for group in explanation.groups],
        "better-builds": [better_data(better) for better in error.better],
        "ways-out": [_way_data(way) for way in error.ways],
    }


def _way_data(way: WayOut) -> dict[str, Any]:
    return {
        "kind": way.kind.name.lower().replace("_", "-"),
        "says": str(way),
        "instead-of": way.change.instead_of or None,
        "write": way.change.write or None,
        "options": list(way.change.options),
        "outcome": {name: str(version) for name, version in way.outcome},
    }
