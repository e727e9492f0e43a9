"""The driver with which a set that only lacks a newer one would run, tried before it is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from envfit.errors import TargetError, TargetImpossibleError
from envfit.knowledge.hardware import branch_of, check_target
from envfit.knowledge.query import Query
from envfit.lock.contract import contract_of
from envfit.lock.reading import LockedPackage
from envfit.lock.verdict import SetVerdict
from envfit.target import CUDA, CUDA_DRIVER, LIBCUDA, Fact, FactState, Target

__all__ = ["driver_that_serves"]


def driver_that_serves(packages: Sequence[LockedPackage], query: Query, *, whole: bool) -> str | None:
    """Return the oldest driver with which nothing speaks against packages on the target, or None.

    The driver must drive the GPUs of the target too.
    """
    contract = contract_of(
        [(item.name, item.version, item.distribution) for item in packages if item.version is not None],
        query.target,
        query.knowledge,
        ignored=query.ignored,
    )
    here = set(query.target.capabilities)
    later = [version for version, capabilities in contract.later_drivers if here.intersection(capabilities)]
    for driver in filter(None, (contract.driver, *later)):
        try:
            target = _with_driver(query.target, driver, query)
        except (TargetError, TargetImpossibleError):
            continue
        verdict = SetVerdict(target, query.knowledge, query.ignored, whole=whole)
        verdict.judge(packages, [package.name for package in target.provided])
        if not verdict.refusals():
            return driver
    return None


def _with_driver(target: Target, driver: str, query: Query) -> Target:
    """Return a target with another driver; raises where that does not drive its GPUs."""
    cuda = branch_of(query.knowledge, driver).cuda
    facts = {CUDA_DRIVER: driver, CUDA: str(cuda)}
    kept = tuple(fact for fact in target.facts if fact.name not in {*facts, LIBCUDA})
    new = tuple(Fact(name=name, state=FactState.KNOWN, value=value) for name, value in facts.items())
    other = replace(target, facts=(*kept, *new))
    check_target(query.knowledge, other)
    return other
