"""Refusals of packages that come with a refused package and are refused for the same: one finding, not many.

That torch needs a newer driver is the finding; that the fourteen libraries of CUDA which it brings
need it too says nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envfit.lock.refusal import Cause, Refusal
from envfit.project.locked import LockedFile

__all__ = ["brought_by", "folded"]

# What is the same to whoever reads it: an old GPU lacks code in torch and in the libraries of CUDA.
_ALIKE = {Cause.DRIVER: Cause.DRIVER, Cause.GPU: Cause.GPU, Cause.CODE: Cause.GPU}


def brought_by(file: LockedFile) -> Mapping[str, frozenset[str]]:
    """Return, for each name of a file, the names that it brings, directly or not, whatever the markers."""
    needs = {
        entry.name: {
            need.name for several in (entry.needs, *entry.needs_of_extras.values()) for need in several
        }
        for entry in file.entries
    }
    return {name: _reached(name, needs) for name in needs}


def _reached(name: str, needs: Mapping[str, set[str]]) -> frozenset[str]:
    reached: set[str] = set()
    pending = [*needs[name]]
    while pending:
        other = pending.pop()
        if other not in reached:
            reached.add(other)
            pending += needs.get(other, ())
    return frozenset(reached)


def folded(
    refusals: Sequence[Refusal], brought: Mapping[str, frozenset[str]]
) -> list[tuple[Refusal, list[Refusal]]]:
    """Return the refusals that stand by themselves, in their order, each with those that come with it."""
    standing: list[tuple[Refusal, list[Refusal]]] = []
    for refusal in refusals:
        home = next((others for first, others in standing if _is_brought(refusal, first, brought)), None)
        if home is None:
            standing.append((refusal, []))
        else:
            home.append(refusal)
    return standing


def _is_brought(refusal: Refusal, first: Refusal, brought: Mapping[str, frozenset[str]]) -> bool:
    cause = _ALIKE.get(refusal.cause)
    if cause is None or _ALIKE.get(first.cause) is not cause or not refusal.packages:
        return False
    comes = frozenset[str]().union(*(brought.get(name, frozenset()) for name in _names(first)))
    return _names(refusal) <= comes


def _names(refusal: Refusal) -> frozenset[str]:
    return frozenset(package.partition(" ")[0] for package in refusal.packages)
