"""Targets that differ from one in a single fact, and which facts a rule reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from packaging.version import Version

from envfit.errors import TargetImpossibleError
from envfit.knowledge.hardware import check_target
from envfit.knowledge.model import CAPABILITY, KnowledgeBase
from envfit.target import (
    CUDA,
    CUDA_ARCH,
    CUDA_DRIVER,
    GLIBC,
    LIBCUDA,
    Capability,
    Fact,
    FactState,
    Gpu,
    Target,
)

__all__ = ["facts_read", "newer_drivers", "with_glibc", "with_newer_gpu", "without_gpus"]


def facts_read(rule: str, knowledge: KnowledgeBase) -> frozenset[str]:
    """Return the names of the facts that a rule, or a verdict that no file states, depends on."""
    known = next((one for one in knowledge.rules if one.id == rule), None)
    if known is not None:
        return frozenset(
            one.name
            for one in (*known.requires, *known.constrains)
            if one.is_fact and one.name not in knowledge.choices
        )
    subject, _, what = rule.partition("/")
    if what == "device-code":
        return frozenset({CAPABILITY})
    return frozenset({CUDA_DRIVER}) if subject == "cuda" else frozenset()


def without_gpus(target: Target, left_out: Collection[Gpu]) -> Target:
    """Return a target without some of its GPUs, of which others are left."""
    return _with_gpus(target, tuple(gpu for gpu in target.gpus if gpu not in left_out))


def with_newer_gpu(target: Target, knowledge: KnowledgeBase) -> Iterator[tuple[Capability, Target]]:
    """Yield targets with one GPU of each greater capability, lowest first.

    Left out is what the driver does not drive, and what no GPU of the platform has.
    """
    made = {gpu.capability for gpu in knowledge.gpus if gpu.platform in (None, target.platform)}
    for capability in sorted(made):
        if capability <= max(target.capabilities):
            continue
        gpu = Gpu(name=f"capability {capability}", capability=capability, source="tried")
        other = _with_gpus(target, (gpu,))
        if _can_be(other, knowledge):
            yield capability, other


def newer_drivers(
    target: Target, knowledge: KnowledgeBase, *, rule: str | None = None
) -> Iterator[tuple[str, Target]]:
    """Yield targets with the first release of newer driver branches, oldest first.

    Left out is what does not drive the GPUs, and what a rule about the driver still refuses.
    """
    now = target.fact(CUDA_DRIVER).version
    if now is None:
        return
    for branch in knowledge.branches:
        first = Version(branch.first)
        if first <= now or (rule is not None and not _accepts(rule, first, knowledge)):
            continue
        driver = Fact(name=CUDA_DRIVER, state=FactState.KNOWN, value=branch.first, source="tried")
        cuda = Fact(name=CUDA, state=FactState.KNOWN, value=str(branch.cuda), source="tried")
        others = (fact for fact in target.facts if fact.name not in (CUDA, CUDA_DRIVER, LIBCUDA))
        other = replace(target, facts=(cuda, driver, *others))
        if _can_be(other, knowledge):
            yield branch.first, other


def with_glibc(target: Target, version: str) -> Target:
    """Return a target with another glibc."""
    others = (fact for fact in target.facts if fact.name != GLIBC)
    said = Fact(name=GLIBC, state=FactState.KNOWN, value=version, source="tried")
    return replace(target, facts=(*others, said))


def _accepts(rule: str, driver: Version, knowledge: KnowledgeBase) -> bool:
    """Tell whether a rule accepts a driver version, whatever else it reads."""
    known = next((one for one in knowledge.rules if one.id == rule), None)
    if known is not None:
        conditions = (*known.requires, *known.constrains)
        return all(one.specifier.contains(driver) for one in conditions if one.name == CUDA_DRIVER)
    major = rule.removeprefix("cuda/").removesuffix("-driver")
    runtime = knowledge.runtimes.get(int(major)) if major.isdigit() else None
    return runtime is None or driver >= Version(runtime.driver)


def _with_gpus(target: Target, gpus: tuple[Gpu, ...]) -> Target:
    lowest = str(min(gpu.capability for gpu in gpus))
    facts = tuple(
        replace(fact, value=lowest) if fact.name == CUDA_ARCH and fact.state is FactState.KNOWN else fact
        for fact in target.facts
    )
    return replace(target, gpus=gpus, facts=facts)


def _can_be(target: Target, knowledge: KnowledgeBase) -> bool:
    try:
        check_target(knowledge, target)
    except TargetImpossibleError:
        return False
    return True
