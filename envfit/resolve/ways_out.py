"""Ways out of a refusal: one thing changed, and everything resolved again.

Nothing is offered that was not solved in full, with the changed request, and checked like every
other resolution.  They come in the order of how little they change: what the user asks
for stays before what the user has, and a package goes last.  No way out switches off a rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from packaging.version import Version

from envfit.errors import EnvfitError
from envfit.requirement import Requirement
from envfit.resolve.attempt import Asked
from envfit.resolve.explain import Explanation
from envfit.resolve.trial import Trial
from envfit.resolve.way_out import WayOut
from envfit.resolve.ways_of_asking import constraints, extras, packages, settings, versions
from envfit.resolve.ways_of_target import drivers, fewer_gpus, newer_system, other_gpus, other_pythons

__all__ = ["ways_out"]

_KINDS = (
    settings,
    versions,
    extras,
    constraints,
    other_pythons,
    drivers,
    fewer_gpus,
    newer_system,
    other_gpus,
    packages,
)


def ways_out(
    asked: Asked,
    requirements: Sequence[Requirement],
    explanation: Explanation,
    *,
    pythons: Sequence[Version] = (),
) -> tuple[WayOut, ...]:
    """Return the ways out of a refusal, those that change least first.

    ``pythons`` are those that may be taken instead.  May fetch what the changed requests need; where an
    index fails on the way, that kind of way out is left out.
    """
    trial = Trial(asked, requirements, explanation, pythons)
    return tuple(sorted(_found(trial), key=lambda way: way.kind))


def _found(trial: Trial) -> Iterator[WayOut]:
    for kind in _KINDS:
        try:
            yield from kind(trial)
        except EnvfitError:
            continue  # an index that fails: no way out is proved
