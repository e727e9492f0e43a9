"""What an installation needs of whoever compiles what its lock marks as builds.

Compiling takes hours and asks indexes, so it is passed in; alone, this room refuses to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from packaging.pylock import Pylock

from envfit.install.plan import Plan
from envfit.install.refusal import Refused
from envfit.knowledge.model import KnowledgeBase

if TYPE_CHECKING:
    from envfit.build.report import BuildReport

__all__ = ["Builder", "NoBuilder"]


class Builder(Protocol):
    """Puts compiled wheels in place of the source distributions of a lock."""

    def reuse(self, lock: Pylock) -> Pylock:
        """Return a lock with the wheels that were compiled before."""

    def reports(self, planned: Plan) -> tuple[BuildReport, ...]:
        """Return what is still to be compiled of the lock that ``reuse`` was given.

        Raises an error where that cannot be, or may not be.
        """

    def compile(self, lock: Pylock) -> Pylock:
        """Return a lock with all wheels; raises BuildError where one could not be made."""

    def knowledge(self, base: KnowledgeBase) -> KnowledgeBase:
        """Return knowledge with what was read in the wheels of the locks that were returned."""


class NoBuilder:
    """Compiles nothing."""

    def reuse(self, lock: Pylock) -> Pylock:
        """Return the lock as it is."""
        return lock

    def reports(self, planned: Plan) -> tuple[BuildReport, ...]:
        """Raise Refused where something is to be compiled."""
        if not planned.to_build:
            return ()
        names = [package.name for package in planned.to_build]
        raise Refused(
            f"{', '.join(names)} must be compiled, and nothing is compiled now",
            [],
            hints=[f"install the rest with {' '.join(f'--skip {name}' for name in names)}"],
        )

    def compile(self, lock: Pylock) -> Pylock:
        """Return the lock as it is."""
        return lock

    def knowledge(self, base: KnowledgeBase) -> KnowledgeBase:
        """Return the knowledge as it is."""
        return base
