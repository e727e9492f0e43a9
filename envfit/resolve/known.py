"""Names that the user asks for and that no index in use has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from envfit.errors import UnknownPackageError
from envfit.resolve.provider import World

__all__ = ["require_known"]


def require_known(world: World) -> None:
    """Raise UnknownPackageError where no index in use has a name that the user asks for."""
    missing = [
        requirement
        for requirement in world.roots
        if not world.candidates(requirement.name) and not world.rejections(requirement.name)
    ]
    if missing:
        names = ", ".join(dict.fromkeys(requirement.name for requirement in missing))
        states = [state for requirement in missing for state in world.statuses(requirement.name)]
        if states:
            why = f": {states[0].reason}" if states[0].reason else ""
            raise UnknownPackageError(f"{states[0].name} has no files, it is {states[0].status}{why}")
        raise UnknownPackageError(
            f"no index in use has {names}",
            details={requirement.name: str(requirement.origin) for requirement in missing},
            hints=list(_meant(world, dict.fromkeys(requirement.name for requirement in missing))),
        )


def _meant(world: World, names: Iterable[str]) -> Iterator[str]:
    """Yield what may be meant by names that no index has: known names that are near, and are there."""
    import difflib

    for name in names:
        if name == "python":
            yield "--python names the Python, and requires-python in pyproject.toml bounds it"
        near = difflib.get_close_matches(name, world.query.knowledge.packages, cutoff=0.75)
        there = [other for other in near if world.candidates(other) or world.rejections(other)]
        if there:
            yield f"did you mean {' or '.join(there)}?"
