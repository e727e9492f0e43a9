"""GPU models by name, targets by name, and targets that cannot exist."""

from __future__ import annotations

import re
from collections.abc import Sequence

from packaging.version import Version

from envfit.errors import TargetError, TargetImpossibleError
from envfit.knowledge.model import DriverBranch, GpuModel, KnowledgeBase, PythonEntry
from envfit.target import (
    CUDA,
    CUDA_ARCH,
    CUDA_DRIVER,
    GLIBC,
    Capability,
    Fact,
    FactState,
    Gpu,
    Platform,
    Target,
)

__all__ = ["branch_of", "check_target", "find_gpu", "named_target", "python_entry"]

# What every manylinux_2_28 system has: the oldest base that current GPU wheels are built for.
_ASSUMED_GLIBC = "2.28"
_DRIVER = re.compile(r"\d{3}(\.\d{1,3}){0,2}")


def _squeezed(name: str) -> str:
    squeezed = re.sub(r"[\s_-]+", "", name.lower())
    return squeezed.removeprefix("nvidia")


def find_gpu(knowledge: KnowledgeBase, text: str) -> GpuModel:
    """Return the model that a name, an alias or a capability such as sm_70 means.

    Case, spaces, dashes, underscores and a leading "NVIDIA" are ignored.  Raises
    TargetError with the nearest names where there is none.
    """
    wanted = _squeezed(text)
    by_name = {_squeezed(name): model for model in knowledge.gpus for name in (model.name, *model.aliases)}
    if wanted in by_name:
        return by_name[wanted]
    try:
        capability = Capability.parse(text)
    except TargetError:
        pass
    else:
        if capability not in knowledge.capabilities:
            known = ", ".join(str(entry) for entry in sorted(knowledge.capabilities))
            raise TargetError(f"no GPU has compute capability {capability}", hints=[f"capabilities: {known}"])
        return GpuModel(name=f"capability {capability}", capability=capability)
    import difflib

    near = difflib.get_close_matches(wanted, by_name, n=5, cutoff=0.5)
    names = list(dict.fromkeys(by_name[name].name for name in near))
    hints = [f"nearest names: {', '.join(names)}"] if names else []
    hints.append("envfit knows GPUs of NVIDIA only")
    hints.append("a compute capability works too, such as --gpu 7.0 or --gpu sm_70")
    raise TargetError(f"unknown GPU {text!r}", hints=hints)


def branch_of(knowledge: KnowledgeBase, driver: str) -> DriverBranch:
    """Return the branch of a driver version: that of its first number, else the nearest older one.

    Raises TargetError on what is no driver version, or is older than every branch known.
    """
    if not _DRIVER.fullmatch(driver):
        raise TargetError(
            f"{driver!r} is not a driver version", hints=["a driver version looks like 580.95.05 or 580"]
        )
    number = int(driver.partition(".")[0])
    older = [branch for branch in knowledge.branches if branch.branch <= number]
    if not older:
        oldest = knowledge.branches[0].branch
        raise TargetError(f"driver {driver} is older than every branch known ({oldest} is the oldest)")
    return older[-1]


def python_entry(knowledge: KnowledgeBase, text: str) -> Version:
    """Return a full Python version for ``3.11`` or ``3.11.9``.

    Raises TargetError on a minor that is unknown or malformed.
    """
    known: dict[str, PythonEntry] = {entry.minor: entry for entry in knowledge.pythons}
    if text in known:
        return known[text].newest
    version = Version(text) if re.fullmatch(r"3\.\d{1,2}\.\d{1,2}", text) else None
    if version is None or f"{version.major}.{version.minor}" not in known:
        raise TargetError(
            f"unknown Python {text!r}", hints=[f"Pythons: {', '.join(known)}, or a patch release of one"]
        )
    return version


def named_target(
    knowledge: KnowledgeBase,
    gpus: Sequence[str],
    *,
    driver: str | None = None,
    python: str | None = None,
    glibc: str | None = None,
    platform: str | None = None,
) -> Target:
    """Return the target that consists of named GPUs, or of none.

    What is not said takes the documented default and is marked as assumed: the
    first release of the oldest driver branch that NVIDIA supports and that
    drives every GPU, glibc 2.28, the newest patch release of the Python.
    Raises TargetError on an unknown name or a malformed value, and
    TargetImpossibleError where GPU, driver or platform exclude each other.
    """
    models = [find_gpu(knowledge, text) for text in gpus]
    where = _platform(models, platform)
    in_use = tuple(
        Gpu(name=model.name, capability=model.capability, source=f"--gpu {text}")
        for model, text in zip(models, gpus, strict=True)
    )
    facts = [
        *_gpu_facts(knowledge, in_use, driver),
        _glibc_fact(glibc),
    ]
    assumed = {
        *({"python"} if python is None or len(python.split(".")) < 3 else ()),
        *({"platform"} if platform is None and not any(model.platform for model in models) else ()),
    }
    target = Target(
        platform=where,
        python=python_entry(knowledge, knowledge.default_python if python is None else python),
        gpus=in_use,
        facts=tuple(facts),
        assumed=frozenset(assumed),
    )
    check_target(knowledge, target)
    return target


def _platform(models: Sequence[GpuModel], platform: str | None) -> Platform:
    said = Platform.parse(platform) if platform is not None else None
    wanted = said or next((model.platform for model in models if model.platform is not None), Platform())
    for model in models:
        if model.platform is not None and model.platform != wanted:
            raise TargetImpossibleError(f"{model.name} exists only on {model.platform}, not on {wanted}")
    return wanted


def _gpu_facts(knowledge: KnowledgeBase, gpus: Sequence[Gpu], driver: str | None) -> list[Fact]:
    if not gpus:
        if driver is not None:
            raise TargetError("--driver says nothing about a target without a GPU")
        return [
            Fact(name=name, state=FactState.ABSENT, source="--gpu none")
            for name in (CUDA, CUDA_DRIVER, CUDA_ARCH)
        ]
    lowest = min(gpu.capability for gpu in gpus)
    if driver is not None:
        branch, source, assumed = branch_of(knowledge, driver), "--driver", False
        version = driver
        if "." not in driver:
            version, source = branch.first, f"--driver {driver}, the first release of that branch"
    else:
        branch = _assumed_branch(knowledge, gpus)
        version, assumed = branch.first, True
        source = f"branch {branch.branch} is the " + (
            "oldest supported one that drives every GPU named"
            if branch.supported
            else "newest one that drives every GPU named, and NVIDIA no longer supports it"
        )
    return [
        Fact(
            name=CUDA,
            state=FactState.KNOWN,
            value=str(branch.cuda),
            source=f"supported by driver branch {branch.branch}",
            assumed=assumed,
        ),
        Fact(name=CUDA_DRIVER, state=FactState.KNOWN, value=version, source=source, assumed=assumed),
        Fact(name=CUDA_ARCH, state=FactState.KNOWN, value=str(lowest), source="the lowest of the GPUs named"),
    ]


def _assumed_branch(knowledge: KnowledgeBase, gpus: Sequence[Gpu]) -> DriverBranch:
    for only_supported in (True, False):
        for branch in knowledge.branches if only_supported else reversed(knowledge.branches):
            if only_supported and not branch.supported:
                continue
            if all(_drives(knowledge, branch, branch.first, gpu.capability) is None for gpu in gpus):
                return branch
    names = " and ".join(gpu.name for gpu in gpus)
    raise TargetImpossibleError(f"no driver branch drives {names} at once")


def _glibc_fact(glibc: str | None) -> Fact:
    if glibc is None:
        return Fact(
            name=GLIBC,
            state=FactState.KNOWN,
            value=_ASSUMED_GLIBC,
            source="the base that current GPU wheels are built for",
            assumed=True,
        )
    if not re.fullmatch(r"2\.\d{1,2}", glibc):
        raise TargetError(f"{glibc!r} is not a glibc version", hints=["a glibc version looks like 2.28"])
    return Fact(name=GLIBC, state=FactState.KNOWN, value=glibc, source="--glibc")


def _drives(
    knowledge: KnowledgeBase, branch: DriverBranch, driver: str, capability: Capability
) -> str | None:
    """Return why a driver does not drive a capability, or None where nothing says so."""
    if capability < branch.oldest:
        return f"drivers of branch {branch.branch} start at compute capability {branch.oldest}"
    entry = knowledge.capabilities.get(capability)
    if entry is not None and entry.first_driver is not None and Version(driver) < Version(entry.first_driver):
        return (
            f"{entry.architecture} GPUs of compute capability {capability} need driver "
            f"{entry.first_driver} or newer"
        )
    return None


def check_target(knowledge: KnowledgeBase, target: Target) -> None:
    """Raise TargetImpossibleError where the driver does not drive a GPU of the target."""
    fact = target.fact(CUDA_DRIVER)
    if fact.state is not FactState.KNOWN:
        return
    branch = branch_of(knowledge, fact.value)
    for gpu in target.gpus:
        reason = _drives(knowledge, branch, fact.value, gpu.capability)
        if reason is None:
            continue
        entry = knowledge.capabilities.get(gpu.capability)
        evidence = branch.evidence if gpu.capability < branch.oldest else entry.evidence if entry else ()
        raise TargetImpossibleError(
            f"{gpu.name} (compute capability {gpu.capability}) does not run with driver {fact.value}: "
            f"{reason}",
            details={
                "gpu": gpu.name,
                "capability": str(gpu.capability),
                "driver": f"{fact.value} ({fact.source})",
                **({"evidence": str(evidence[0])} if evidence else {}),
            },
        )
