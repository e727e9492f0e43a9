"""What the user puts in the place of what packages say that they require.

An override stands in place of every requirement on its name; an excluded name is
required by nobody.  To see what one requirement costs, its bound is lifted.  The search
sees the amended requirements only, and the check of a resolution amends them anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace

from packaging.specifiers import SpecifierSet

from envfit.frozen import frozen
from envfit.requirement import MetadataOrigin, Requirement

__all__ = ["Amendments", "Lifted"]

_NO_BOUND = SpecifierSet()


@frozen
class Lifted:
    """The bound that one release sets on one name, which is not to count."""

    package: str  # without extras
    version: str
    name: str

    @classmethod
    def of(cls, requirement: Requirement) -> Lifted | None:
        """Return what lifts a requirement; None where it is not of a package's metadata."""
        origin = requirement.origin
        if not isinstance(origin, MetadataOrigin):
            return None
        return cls(package=origin.package.partition("[")[0], version=origin.version, name=requirement.name)


@frozen
class Amendments:
    """Overrides, exclusions, and bounds that are lifted."""

    #: By name, what stands instead: nothing where no override of the name holds on the target.
    overrides: Mapping[str, tuple[Requirement, ...]] = field(default_factory=dict)
    excluded: frozenset[str] = frozenset()
    lifted: frozenset[Lifted] = frozenset()

    def amend(self, requirement: Requirement) -> tuple[Requirement, ...]:
        """Return what stands in the place of a requirement; itself where nothing does.

        Extras stay asked for, and who asks stays the origin.
        """
        if requirement.name in self.excluded:
            return ()
        instead = self.overrides.get(requirement.name)
        if instead is None:
            return (self.unbound(requirement),)
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

    def unbound(self, requirement: Requirement) -> Requirement:
        """Return a requirement without its bound where that is lifted, else as it is."""
        if not self.lifted or Lifted.of(requirement) not in self.lifted:
            return requirement
        return replace(requirement, specifier=_NO_BOUND)
