"""Whether locked files are made for a target, by their tags and the Python that they require."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from packaging.specifiers import SpecifierSet

from envfit.distribution import Distribution, Wheel
from envfit.lock.refusal import Cause
from envfit.target import GLIBC, Fact, FactState, Target

__all__ = ["Fit"]

_NEWEST_GLIBC = 99  # minor; newer than any that a wheel is tagged with


class Fit:
    """What fits a target, and which of several wheels an installer takes.

    ``place`` is what the target is called in a sentence.
    """

    def __init__(self, target: Target, *, place: str = "this machine") -> None:
        # An unknown glibc is a condition, not a refusal: every glibc is admitted then.
        unknown = target.fact(GLIBC).state is FactState.UNKNOWN
        self._target = target
        self._place = place
        tags = (_with_glibc(target, _NEWEST_GLIBC) if unknown else target).tags()
        self._ranks = {tag: rank for rank, tag in enumerate(tags)}

    def best(self, wheels: Iterable[Wheel]) -> Wheel | None:
        """Return the wheel that is installed, by its best tag, then its build tag; None where none fits."""
        ranked = [
            (-rank, wheel.build_tag, wheel.filename, wheel)
            for wheel in wheels
            if (rank := self._rank(wheel)) is not None and self.admits(wheel.requires_python)
        ]
        return max(ranked, key=lambda item: item[:3])[3] if ranked else None

    def misfit(self, file: Distribution) -> tuple[Cause, str] | None:
        """Return why a file cannot be installed on the target, in one sentence, or None where it can."""
        python = self._target.python_minor
        if file.requires_python is not None and not self.admits(file.requires_python):
            return Cause.PYTHON, f"It requires Python {file.requires_python}, and the lock is for {python}."
        # A wheel without tags stands for one whose name is not known.
        if not isinstance(file, Wheel) or not file.tags or self._rank(file) is not None:
            return None
        if self._fits(file, _NEWEST_GLIBC):
            needed = next(minor for minor in range(_NEWEST_GLIBC + 1) if self._fits(file, minor))
            have = self._target.fact(GLIBC)
            found = f"has {have.value}" if have.state is FactState.KNOWN else "has none"
            return Cause.GLIBC, f"Its wheel needs glibc 2.{needed} or newer, and {self._place} {found}."
        return Cause.TAGS, f"{file.filename} is not made for CPython {python} on {self._target.platform}."

    def admits(self, requires_python: SpecifierSet | None) -> bool:
        """Tell whether the target's Python is one that is required."""
        return requires_python is None or requires_python.contains(self._target.python, prereleases=True)

    def _rank(self, wheel: Wheel) -> int | None:
        return min((self._ranks[tag] for tag in wheel.tags if tag in self._ranks), default=None)

    def _fits(self, wheel: Wheel, glibc_minor: int) -> bool:
        return not wheel.tags.isdisjoint(_with_glibc(self._target, glibc_minor).tags())


def _with_glibc(target: Target, minor: int) -> Target:
    glibc = Fact(name=GLIBC, state=FactState.KNOWN, value=f"2.{minor}")
    return replace(target, facts=(*(fact for fact in target.facts if fact.name != GLIBC), glibc))
