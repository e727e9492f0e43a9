"""What provided packages require: a module's own metadata, read for the target.

Between two provided packages nothing can be chosen.  The one that is required is
then counted on, so that what it lacks itself is followed, but its version is not
held against the requirement: a module that does not hold together is told, and
is no obstacle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from packaging.requirements import Requirement as DeclaredRequirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from envfit.knowledge.verdict import IMPOSSIBLE
from envfit.requirement import MetadataOrigin, Requirement, UnusableOrigin
from envfit.resolve.amendments import Amendments
from envfit.target import Provided, Target

__all__ = ["applying", "broken_requirements", "provided_requirements"]


def applying(package: Provided, target: Target, extra: str = "") -> Iterator[DeclaredRequirement]:
    """Yield what a provided package requires on the target: for an extra, what it does not require anyway.

    By name, so that a lock gives the same order as the interpreter that it was made with.
    """
    environment = target.marker_environment()
    for declared in sorted(package.requires or (), key=_by_name):
        marker = declared.marker
        plain = marker is None or marker.evaluate({**environment, "extra": ""})
        wanted = plain
        if extra:
            wanted = not plain and marker is not None and marker.evaluate({**environment, "extra": extra})
        if wanted:
            yield declared


def _by_name(declared: DeclaredRequirement) -> tuple[str, str]:
    return canonicalize_name(declared.name), str(declared.specifier)


def provided_requirements(
    package: Provided, extra: str, target: Target, amendments: Amendments
) -> list[Requirement]:
    """Return what a provided package demands; nothing where it was only stated.

    The user's amendments hold for what it lacks; of what is provided, they can only leave something out.
    """
    if extra and package.extras is not None and extra not in package.extras:
        why = (
            f"is provided, and the lock does not hold what its extra {extra} requires; "
            "name its interpreter again with --provided-from"
        )
        origin = UnusableOrigin(package=package.name, version=str(package.version), why=why)
        return [Requirement(name=IMPOSSIBLE, origin=origin)]
    provided = {other.name for other in target.provided}
    who = MetadataOrigin(
        package=f"{package.name}[{extra}]" if extra else package.name, version=str(package.version)
    )
    found: list[Requirement] = []
    for declared in applying(package, target, extra):
        name = canonicalize_name(declared.name)
        asked = Requirement(
            name=name,
            specifier=SpecifierSet() if name in provided else declared.specifier,
            extras=frozenset(map(canonicalize_name, declared.extras)),
            origin=who,
        )
        if name not in provided:
            found += amendments.amend(asked)
        elif name not in amendments.excluded:
            found.append(asked)
    return found


def broken_requirements(target: Target, names: Iterable[str]) -> tuple[str, ...]:
    """Return, as sentences, what provided packages of these names require of others and do not find there."""
    provided = {package.name: package for package in target.provided}
    faults = []
    for name in sorted(provided.keys() & set(names)):
        package = provided[name]
        for declared in applying(package, target):
            other = provided.get(canonicalize_name(declared.name))
            if other is not None and not declared.specifier.contains(other.version, prereleases=True):
                faults.append(
                    f"the module itself does not hold together: {name} {package.version} requires "
                    f"{other.name}{declared.specifier}, {other.name} {other.version} is there"
                )
    return tuple(faults)
