"""Facts of a target by the names under which they enter the resolver."""

from __future__ import annotations

from envfit.knowledge.model import CAPABILITY
from envfit.target import Fact, FactState, Gpu, Target

__all__ = ["fact_of", "fact_package"]


def fact_package(name: str, gpu: Gpu | None = None) -> str:
    """Return the package name under which a fact enters the resolver."""
    return f"{CAPABILITY}@{gpu.capability}" if gpu is not None else name


def fact_of(target: Target, package: str) -> Fact | None:
    """Return the fact behind a package name of the resolver, or None where it is none."""
    if package.startswith(f"{CAPABILITY}@"):
        for gpu in target.gpus:
            if fact_package(CAPABILITY, gpu) == package:
                return Fact(
                    name=f"compute capability of {gpu.name}",
                    state=FactState.KNOWN,
                    value=str(gpu.capability),
                    source=gpu.source,
                )
        return None
    if package.startswith("__"):
        for fact in target.facts:
            if fact.name == package:
                return fact
    return None
