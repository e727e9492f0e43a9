"""Ways out of a refusal on another target: a Python, a driver, a system, other GPUs or fewer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from packaging.version import Version

from envfit.errors import EnvfitError, TargetImpossibleError
from envfit.knowledge.hardware import check_target, named_target
from envfit.knowledge.query import Query
from envfit.resolve.resolution import Resolution
from envfit.resolve.trial import Trial
from envfit.resolve.way_out import Change, WayKind, WayOut
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

__all__ = ["drivers", "fewer_gpus", "newer_system", "other_gpus", "other_pythons"]

_NEWEST_GLIBC = 60  # minor; newer than any that a wheel is tagged with


def other_pythons(trial: Trial) -> Iterator[WayOut]:
    """Yield the nearest other Python."""
    if "Python" not in trial.says:
        return
    here = trial.target.python
    for python in sorted(trial.pythons, key=lambda one: (abs(one.minor - here.minor), -one.minor)):
        if (python.major, python.minor) == (here.major, here.minor):
            continue
        assumed = trial.target.assumed - {"python"}
        if found := trial.on(replace(trial.target, python=python, assumed=assumed)):
            minor = f"{python.major}.{python.minor}"
            yield trial.way(
                WayKind.PYTHON, f"with Python {minor}", Change(options=("--python", minor)), found
            )
            return


def drivers(trial: Trial) -> Iterator[WayOut]:
    """Yield the oldest driver that serves."""
    current = trial.target.fact(CUDA_DRIVER).version
    if current is None or not trial.facts & {CUDA, CUDA_DRIVER, LIBCUDA}:
        return
    newer = []
    for branch in trial.knowledge.branches:
        if Version(branch.first) > current:
            target = _with_driver(trial.target, branch.first, str(branch.cuda))
            if _can_be(target, trial.asked.query):
                newer.append((branch.first, target))
    best: tuple[str, Resolution] | None = None
    low, high = 0, len(newer) - 1
    # What a driver runs, a newer one runs too: the oldest is found by halving.
    while low <= high:
        middle = (low + high) // 2 if best is not None else high
        found = trial.on(newer[middle][1])
        if found is not None:
            best = (newer[middle][0], found)
            high = middle - 1
        elif best is None:
            return
        else:
            low = middle + 1
    if best is not None:
        driver, found = best
        yield trial.way(
            WayKind.DRIVER, f"with driver {driver} or newer", Change(options=("--driver", driver)), found
        )


def fewer_gpus(trial: Trial) -> Iterator[WayOut]:
    """Yield the GPUs without which the others are served."""
    capabilities = trial.target.capabilities
    for capability in capabilities if len(capabilities) > 1 else ():
        out = [gpu for gpu in trial.target.gpus if gpu.capability == capability]
        rest = tuple(gpu for gpu in trial.target.gpus if gpu.capability != capability)
        facts = tuple(
            replace(fact, value=str(min(gpu.capability for gpu in rest)))
            if fact.name == CUDA_ARCH and fact.state is FactState.KNOWN
            else fact
            for fact in trial.target.facts
        )
        if found := trial.on(replace(trial.target, gpus=rest, facts=facts)):
            names = " and ".join(dict.fromkeys(map(_called, out)))
            places = [str(gpu.index) for gpu in out if gpu.index is not None]
            options = tuple(word for place in places for word in ("--ignore-gpu", place))
            said = dict.fromkeys(gpu.source for gpu in out if gpu.source.startswith("--gpu "))
            change = Change(instead_of=" ".join(said), options=options)
            yield trial.way(WayKind.FEWER_GPUS, f"without the {names}", change, found)


def newer_system(trial: Trial) -> Iterator[WayOut]:
    """Yield the oldest glibc that serves."""
    glibc = trial.target.fact(GLIBC)
    current = glibc.version
    if current is None or current.major != 2 or not (GLIBC in trial.facts or "glibc" in trial.says):
        return
    low, high = current.minor + 1, _NEWEST_GLIBC
    best: tuple[int, Resolution] | None = None
    while low <= high:
        middle = (low + high) // 2 if best is not None else high
        said = replace(glibc, value=f"2.{middle}", source="--glibc", assumed=False)
        facts = tuple(said if fact.name == GLIBC else fact for fact in trial.target.facts)
        found = trial.on(replace(trial.target, facts=facts))
        if found is not None:
            best = (middle, found)
            high = middle - 1
        elif best is None:
            return
        else:
            low = middle + 1
    if best is not None:
        minor, found = best
        kind = WayKind.SETTING if glibc.assumed else WayKind.SYSTEM
        text = f"with glibc 2.{minor} or newer" + (
            f" (2.{current.minor} is assumed)" if glibc.assumed else ""
        )
        yield trial.way(kind, text, Change(options=("--glibc", f"2.{minor}")), found)


def other_gpus(trial: Trial) -> Iterator[WayOut]:
    """Yield the least capability that serves, in the place of the one that is in the way."""
    prefix = "compute capability of "
    for name in sorted(fact for fact in trial.facts if fact.startswith(prefix)):
        hindering = [gpu for gpu in trial.target.gpus if f"{prefix}{gpu.name}" == name]
        if not hindering:
            continue
        old = hindering[0].capability
        for capability in sorted(trial.knowledge.capabilities):
            if capability <= old or not trial.knowledge.models_of(capability):
                continue
            way = _on_capability(trial, old, capability, _called(hindering[0]))
            if way is not None:
                yield way
                break
    if "GPU" in trial.facts and not trial.target.gpus:
        for capability in sorted(trial.knowledge.capabilities, reverse=True):
            way = _on_capability(trial, None, capability, "")
            if way is not None:
                yield way
                break


def _on_capability(trial: Trial, old: Capability | None, new: Capability, name: str) -> WayOut | None:
    gpus = tuple(_of_capability(new) if gpu.capability == old else gpu for gpu in trial.target.gpus) or (
        _of_capability(new),
    )
    stated = trial.target.fact(CUDA_DRIVER)
    kept = stated.value if stated.state is FactState.KNOWN and not stated.assumed else None
    # Another GPU comes with another driver, where the one that is stated does not do.
    for driver in dict.fromkeys((kept, None)):
        target = _with_gpus(trial, gpus, driver)
        found = trial.on(target) if target is not None else None
        if target is None or found is None:
            continue
        models = [model.name for model in trial.knowledge.models_of(new)]
        such = f" (such as {' or '.join(models[:2])})" if models else ""
        beside = f" and driver {target.fact(CUDA_DRIVER).value}" if kept and driver is None else ""
        place = f" in the place of the {name}" if len(trial.target.capabilities) > 1 else ""
        options = [word for gpu in gpus for word in ("--gpu", str(gpu.capability))]
        if driver is not None or beside:
            options += ["--driver", target.fact(CUDA_DRIVER).value]
        return trial.way(
            WayKind.GPU,
            f"on a GPU of capability {new}{such}{beside}{place}",
            Change(instead_of="--gpu", options=tuple(options)),
            found,
        )
    return None


def _with_gpus(trial: Trial, gpus: Sequence[Gpu], driver: str | None) -> Target | None:
    """Return the target with other GPUs; None where it cannot be."""
    try:
        named = named_target(
            trial.knowledge,
            [str(gpu.capability) for gpu in gpus],
            driver=driver,
            platform=str(trial.target.platform),
        )
    except TargetImpossibleError:
        return None
    own = tuple(fact for fact in named.facts if fact.name.startswith("__cuda"))
    others = tuple(fact for fact in trial.target.facts if not fact.name.startswith(("__cuda", "__libcuda")))
    return replace(trial.target, gpus=named.gpus, facts=(*own, *others))


def _called(gpu: Gpu) -> str:
    """Return the name of a GPU in a sentence; one that was named by its capability is called so."""
    return f"GPU of {gpu.name}" if gpu.name.startswith("capability ") else gpu.name


def _of_capability(capability: Capability) -> Gpu:
    return Gpu(name=f"capability {capability}", capability=capability, source=f"--gpu {capability}")


def _with_driver(target: Target, driver: str, cuda: str) -> Target:
    """Return a target with another driver, and the CUDA version that it supports."""
    values = {CUDA_DRIVER: driver, CUDA: cuda}
    facts = [
        Fact(name=fact.name, state=FactState.KNOWN, value=values[fact.name], source="--driver")
        if fact.name in values
        else fact
        for fact in target.facts
        if fact.name != LIBCUDA
    ]
    return replace(target, facts=tuple(facts))


def _can_be(target: Target, query: Query) -> bool:
    try:
        check_target(query.knowledge, target)
    except EnvfitError:
        return False
    return True
