"""What the user puts in the place of what packages say that they require.

An override stands in place of every requirement on its name; an excluded name is
required by nobody.  The search sees the amended requirements only, and the check
of a resolution amends them anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from envfit.frozen import frozen
from envfit.requirement import Requirement

__all__ = ["Amendments"]


@frozen
class Amendments:
    """Overrides and exclusions."""

    #: By name, what stands instead: nothing where no override of the name holds on the target.
    overrides: Mapping[str, tuple[Requirement, ...]] = field(default_factory=dict)
    excluded: frozenset[str] = frozenset()

    def amend(self, requirement: Requirement) -> tuple[Requirement, ...]:
        """Return what stands in the place of a requirement; itself where nothing does.

        Extras stay asked for, and who asks stays the origin.
        """
        if requirement.name in self.excluded:
            return ()
        instead = self.overrides.get(requirement.name)
        if instead is None:
            return (requirement,)
        return tuple(
            Requirement(
                name=other.name,
                specifier=other.specifier,
                extras=requirement.extras | other.extras,
                origin=requirement.origin,
                direct=other.direct,
            )
            for other in instead
        )
