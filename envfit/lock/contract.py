"""The contract: in one line, where a lock runs.

It is found by asking the rules, not by remembering how the lock came about:
each compute capability that exists is put to every locked distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from packaging.version import Version

from envfit.distribution import Distribution, Wheel, claimed_glibc
from envfit.frozen import frozen
from envfit.knowledge.model import CAPABILITY, KnowledgeBase
from envfit.knowledge.own_code import own_parts
from envfit.knowledge.query import Query
from envfit.knowledge.verdict import IMPOSSIBLE
from envfit.requirement import Requirement
from envfit.target import CUDA, CUDA_DRIVER, GLIBC, Capability, Fact, FactState, Gpu, Platform, Target

__all__ = ["Contract", "contract_of"]


@frozen
class Contract:
    """Where a set of distributions runs."""

    platform: Platform
    glibc: str | None  # oldest glibc, None where no wheel states one
    driver: str | None  # oldest driver version on a machine with a GPU, None where no rule states one
    later_drivers: tuple[tuple[str, tuple[Capability, ...]], ...]  # newer ones, and the GPUs that need them
    capabilities: tuple[Capability, ...] | None  # None where none of the packages cares
    without_gpu: bool  # whether it works on a machine without a GPU
    known: tuple[Capability, ...]  # every capability of the platform's GPUs, lowest first

    def __str__(self) -> str:
        parts = []
        if self.capabilities:
            parts.append(f"capability {self._ranges(self.capabilities)}")
        elif self.capabilities is not None:
            parts.append("no GPU")
        if self.capabilities != () and self.driver is not None:
            later = "; ".join(
                f"{driver} for {self._ranges(capabilities)}" for driver, capabilities in self.later_drivers
            )
            parts.append(f"driver {self.driver} or newer" + (f" ({later})" if later else ""))
        if parts and self.capabilities and self.without_gpu:
            parts = [f"no GPU or {parts[0]}", *parts[1:]]
        if self.glibc is not None:
            parts.append(f"glibc {self.glibc} or newer")
        parts.append(f"{self.platform.system} {self.platform.machine}")
        return ", ".join(parts)

    def _ranges(self, capabilities: Sequence[Capability]) -> str:
        runs: list[list[Capability]] = []
        inside = False
        for capability in self.known:
            if capability not in capabilities:
                inside = False
                continue
            if inside:
                runs[-1].append(capability)
            else:
                runs.append([capability])
            inside = True
        return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def contract_of(
    packages: Sequence[tuple[str, Version, Distribution | None]],
    target: Target,
    knowledge: KnowledgeBase,
    *,
    ignored: frozenset[str] = frozenset(),
) -> Contract:
    """Return where these distributions run, other things being as on the target.

    Machine code alone counts, and the driver that its libraries need; only where
    the target itself depends on PTX does PTX count, and then with the driver of
    the toolkit that wrote it.
    """
    judge = _Judge(packages, target, knowledge, ignored)
    known = _capabilities_on(target.platform, knowledge)
    driver, serving = judge.serving(known, cuda="0.0")
    if not set(target.capabilities) <= set(serving):
        driver, serving = judge.serving(known, cuda="99.0")
        driver = max([driver, *judge.toolkit_drivers()], key=lambda text: Version(text or "0"))
    return Contract(
        platform=target.platform,
        glibc=_glibc(packages, judge.query),
        driver=driver,
        later_drivers=_later_drivers(serving, driver, knowledge) if driver is not None else (),
        capabilities=serving if len(serving) < len(known) else None,
        without_gpu=judge.works_without_gpu(),
        known=known,
    )


def _later_drivers(
    serving: Sequence[Capability], driver: str, knowledge: KnowledgeBase
) -> tuple[tuple[str, tuple[Capability, ...]], ...]:
    """Return the first drivers of GPUs that are younger than a driver, oldest driver first."""
    found: dict[str, list[Capability]] = {}
    for capability in serving:
        entry = knowledge.capabilities.get(capability)
        if entry is not None and entry.first_driver and Version(entry.first_driver) > Version(driver):
            found.setdefault(entry.first_driver, []).append(capability)
    return tuple((first, tuple(found[first])) for first in sorted(found, key=Version))


def _capabilities_on(platform: Platform, knowledge: KnowledgeBase) -> tuple[Capability, ...]:
    """Return the capabilities of GPUs that exist on a platform, lowest first.

    A Jetson board's is no gap in what runs on x86_64.  Where no models are known,
    every capability counts.
    """
    sold = {model.capability for model in knowledge.gpus if model.platform in (None, platform)}
    return tuple(sorted(sold or set(knowledge.capabilities)))


class _Judge:
    """The rules, asked of one set of distributions for imagined GPUs."""

    def __init__(
        self,
        packages: Sequence[tuple[str, Version, Distribution | None]],
        target: Target,
        knowledge: KnowledgeBase,
        ignored: frozenset[str],
    ) -> None:
        self.query = query = Query(knowledge, target, ignored=ignored)
        # What is provided is judged by what the target says of it.
        self._packages = [
            package for package in packages if package[2] is None or not query.is_silent_on(package[0])
        ]
        self._target = target
        self._knowledge = knowledge
        self._ignored = ignored
        self._others = tuple(
            fact for fact in target.facts if not fact.name.startswith(("__cuda", "__libcuda"))
        )

    def serving(self, known: Sequence[Capability], *, cuda: str) -> tuple[str | None, tuple[Capability, ...]]:
        """Return the oldest driver that the libraries take, and the capabilities that the code serves."""
        # So new a driver that nothing is lacking for its age.
        driver = Fact(name=CUDA_DRIVER, state=FactState.KNOWN, value="9999")
        supported = Fact(name=CUDA, state=FactState.KNOWN, value=cuda)
        serving = []
        floors: dict[Version, str] = {}
        for capability in known:
            gpu = Gpu(name=f"capability {capability}", capability=capability)
            requirements = self._requirements((gpu,), (driver, supported))
            if all(_admits(requirement, capability) for requirement in requirements):
                serving.append(capability)
            floors.update(
                (Version(bound.version), bound.version)
                for requirement in requirements
                if requirement.name == CUDA_DRIVER
                for bound in requirement.specifier
                if bound.operator == ">="
            )
        return (floors[max(floors)] if floors else None), tuple(serving)

    def toolkit_drivers(self) -> list[str]:
        """Return the drivers of the toolkits that wrote PTX in these distributions."""
        query = Query(self._knowledge, self._target, ignored=self._ignored)
        wrote = set()
        for name, _, distribution in self._packages:
            code = query.device_code(name, distribution)
            if code is None:
                continue
            parts = own_parts(code, query.package(name), self._knowledge.toolkits) or ()
            wrote |= {part.toolkit for part in parts if part.ptx} | ({code.cuda} if code.ptx else set())
        return [toolkit.driver for toolkit in self._knowledge.toolkits if toolkit.version in wrote]

    def works_without_gpu(self) -> bool:
        """Tell whether nothing in these distributions requires a GPU."""
        absent = tuple(Fact(name=name, state=FactState.ABSENT) for name in (CUDA, CUDA_DRIVER))
        return all(item.name != IMPOSSIBLE for item in self._requirements((), absent))

    def _requirements(self, gpus: tuple[Gpu, ...], facts: tuple[Fact, ...]) -> list[Requirement]:
        target = replace(self._target, gpus=gpus, facts=(*facts, *self._others))
        query = Query(self._knowledge, target, ignored=self._ignored)
        return [
            requirement
            for name, version, distribution in self._packages
            for requirement in query.judge(name, version, distribution).requirements
        ]


def _admits(requirement: Requirement, capability: Capability) -> bool:
    if requirement.name.startswith(f"{CAPABILITY}@"):
        return requirement.specifier.contains(str(capability))
    return requirement.name != IMPOSSIBLE


def _glibc(packages: Sequence[tuple[str, Version, Distribution | None]], query: Query) -> str | None:
    """Return the oldest glibc that every wheel accepts, as tags claim or knowledge of prebuilt wheels."""
    claimed = [
        claimed_glibc(tag.platform for tag in distribution.tags)
        for _, _, distribution in packages
        if isinstance(distribution, Wheel)
    ]
    for name, version, _ in packages:
        wheel = query.prebuilt(name, version)
        claimed += [
            Version(bound.version)
            for condition in (wheel.entry.requires if wheel is not None else ())
            if condition.name == GLIBC
            for bound in condition.specifier
            if bound.operator == ">="
        ]
    return str(max(needed)) if (needed := [version for version in claimed if version is not None]) else None
