"""What is asked, tried with one thing changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from packaging.version import Version

from envfit.errors import EnvfitError
from envfit.knowledge.query import Query
from envfit.requirement import Requirement
from envfit.resolve.attempt import Asked, resolved
from envfit.resolve.explain import Explanation
from envfit.resolve.resolution import Resolution
from envfit.resolve.way_out import Change, WayKind, WayOut
from envfit.target import Target

__all__ = ["Trial"]

#: Of each search; a way out that takes more is not looked for.
_BUDGET = 100_000


class Trial:
    """A refused request, and searches with one thing changed."""

    def __init__(
        self,
        asked: Asked,
        requirements: Sequence[Requirement],
        explanation: Explanation,
        pythons: Sequence[Version] = (),
    ) -> None:
        self.asked = replace(asked, budget=min(asked.budget, _BUDGET))
        self.requirements = tuple(requirements)
        self.explanation = explanation
        self.pythons = tuple(pythons)
        self.target = asked.query.target
        self.knowledge = asked.query.knowledge
        #: What the explanation says, in one text.
        self.says = " ".join(group.reason.sentence for group in explanation.groups)
        #: The names of the facts in the core.
        self.facts = frozenset(fact.name for fact in explanation.facts)

    @property
    def core(self) -> tuple[Requirement, ...]:
        """The requirements of the core, but for those that an override put there."""
        return tuple(one for one in self.explanation.core if one in self.requirements)

    def attempt(self, asked: Asked, requirements: Sequence[Requirement]) -> Resolution | None:
        """Return what a changed request resolves to; None where nothing is proved to fit.

        Raises SourceError where an index fails.
        """
        if not requirements:
            return None
        try:
            found = resolved(asked, requirements)
        except EnvfitError as error:
            # Undecided, or a build that only another machine can do.
            if error.code == "index-failed":
                raise
            return None
        return found if found is not None and _has_extras(found, requirements) else None

    def on(self, target: Target) -> Resolution | None:
        """Return what the request resolves to on another target."""
        query = self.asked.query
        there = Query(self.knowledge, target, ignored=query.ignored, refused=query.refused)
        return self.attempt(replace(self.asked, query=there), self.requirements)

    def instead(self, requirement: Requirement, *others: Requirement) -> tuple[Requirement, ...]:
        """Return what is asked with others in the place of one requirement."""
        return tuple(
            other for one in self.requirements for other in (others if one == requirement else (one,))
        )

    def way(self, kind: WayKind, text: str, change: Change, resolution: Resolution) -> WayOut:
        """Return a way out with the versions of what was in the way, else of what is asked for."""
        outcome = resolution.versions_of(requirement.name for requirement in self.explanation.core)
        asked = (requirement.name for requirement in self.requirements)
        return WayOut(kind=kind, text=text, change=change, outcome=outcome or resolution.versions_of(asked))


def _has_extras(resolution: Resolution, requirements: Sequence[Requirement]) -> bool:
    """Tell whether every extra that is asked for is there: an old release that lacks one is no way out."""
    for requirement in requirements:
        pin = resolution.pin(requirement.name)
        if pin is not None and pin.metadata is not None and requirement.extras - pin.metadata.known_extras():
            return False
    return True
