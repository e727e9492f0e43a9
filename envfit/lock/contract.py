"""The contract: in one line, where a lock runs.

It is found by asking the rules, not by remembering how the lock came about:
each compute capability that exists is put to every locked distribution.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from packaging.tags import Tag
from packaging.version import Version

from envfit.distribution import Distribution, Wheel
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.target import CUDA, CUDA_DRIVER, Capability, Fact, FactState, Gpu, Platform, Target

__all__ = ["Contract", "contract_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Where a set of distributions runs."""

    platform: Platform
    glibc: str | None  # oldest glibc, None where no wheel states one
    driver: str | None  # oldest driver version on a machine with a GPU, None where no rule states one
    capabilities: tuple[Capability, ...] | None  # None where none of the packages cares
    known: tuple[Capability, ...]  # every capability that exists, lowest first

    def __str__(self) -> str:
        parts = []
        if self.capabilities is not None:
            parts.append(f"capability {self._ranges() or 'none'}")
        if self.driver is not None:
            parts.append(f"driver {self.driver} or newer")
        if self.glibc is not None:
            parts.append(f"glibc {self.glibc} or newer")
        parts.append(f"{self.platform.system} {self.platform.machine}")
        return ", ".join(parts)

    def _ranges(self) -> str:
        runs: list[list[Capability]] = []
        inside = False
        for capability in self.known:
            if capability not in (self.capabilities or ()):
                inside = False
                continue
            if inside:
                runs[-1].append(capability)
            else:
                runs.append([capability])
            inside = True
        return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def contract_of(
    packages: Sequence[tuple[str, Version, Distribution | None]], target: Target, knowledge: KnowledgeBase
) -> Contract:
    """Return where these distributions run, other things being as on the target."""
    known = tuple(sorted(knowledge.capabilities))
    newest = knowledge.branches[-1] if knowledge.branches else None
    driver = Fact(name=CUDA_DRIVER, state=FactState.KNOWN, value=newest.first if newest else "999")
    cuda = Fact(name=CUDA, state=FactState.KNOWN, value=str(newest.cuda) if newest else "99.0")
    others = tuple(fact for fact in target.facts if not fact.name.startswith("__cuda"))
    serving, bounded = [], False
    floors: dict[Version, str] = {}
    for capability in known:
        gpu = Gpu(name=f"capability {capability}", capability=capability)
        query = Query(knowledge, replace(target, gpus=(gpu,), facts=(driver, cuda, *others)))
        fits = True
        for name, version, distribution in packages:
            for requirement in query.judge(name, version, distribution).requirements:
                if requirement.name == CUDA_DRIVER:
                    for bound in requirement.specifier:
                        if bound.operator == ">=":
                            floors[Version(bound.version)] = bound.version
                elif requirement.name.startswith(("__capability@", "__impossible")):
                    fits = (
                        fits
                        and requirement.specifier.contains(str(capability))
                        and (requirement.name != "__impossible")
                    )
        serving += [capability] if fits else []
        bounded = bounded or not fits
    return Contract(
        platform=target.platform,
        glibc=_glibc(distribution for _, _, distribution in packages),
        driver=floors[max(floors)] if floors else None,
        capabilities=tuple(serving) if bounded else None,
        known=known,
    )


def _glibc(distributions: Iterable[Distribution | None]) -> str | None:
    """Return the oldest glibc that every wheel accepts, as their tags claim."""
    needed: list[Version] = []
    for distribution in distributions:
        if isinstance(distribution, Wheel):
            claimed = [_tag_glibc(tag) for tag in distribution.tags]
            if all(version is not None for version in claimed):
                needed.append(min(version for version in claimed if version is not None))
    return str(max(needed)) if needed else None


def _tag_glibc(tag: Tag) -> Version | None:
    legacy = {"manylinux1": "2.5", "manylinux2010": "2.12", "manylinux2014": "2.17"}
    name, _, rest = tag.platform.partition("_")
    if name in legacy:
        return Version(legacy[name])
    parts = rest.split("_")
    return Version(f"{parts[0]}.{parts[1]}") if name == "manylinux" else None
