"""Ways out of a refusal on another target: a Python, a driver, a system, other GPUs or fewer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from envfit.errors import TargetImpossibleError
from envfit.knowledge.hardware import named_target
from envfit.knowledge.ignored_gpus import ignoring_options
from envfit.knowledge.other_targets import newer_drivers, with_glibc, without_gpus
from envfit.resolve.resolution import Resolution
from envfit.resolve.trial import Trial
from envfit.resolve.way_out import Change, WayKind, WayOut
from envfit.target import (
    CUDA,
    CUDA_DRIVER,
    GLIBC,
    LIBCUDA,
    Capability,
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
    newer = list(newer_drivers(trial.target, trial.knowledge))
    # What a driver runs, a newer one runs too.
    oldest = _first(trial, [target for _, target in newer])
    if oldest is not None:
        place, found = oldest
        driver = newer[place][0]
        yield trial.way(
            WayKind.DRIVER, f"with driver {driver} or newer", Change(options=("--driver", driver)), found
        )


def fewer_gpus(trial: Trial) -> Iterator[WayOut]:
    """Yield the GPUs without which the others are served."""
    capabilities = trial.target.capabilities
    for capability in capabilities if len(capabilities) > 1 else ():
        out = [gpu for gpu in trial.target.gpus if gpu.capability == capability]
        if found := trial.on(without_gpus(trial.target, out)):
            names = " and ".join(dict.fromkeys(map(_called, out)))
            said = dict.fromkeys(gpu.source for gpu in out if gpu.source.startswith("--gpu "))
            options = () if said else ignoring_options(out)
            change = Change(instead_of=" ".join(said), options=options)
            yield trial.way(WayKind.FEWER_GPUS, f"without the {names}", change, found)


def newer_system(trial: Trial) -> Iterator[WayOut]:
    """Yield the oldest glibc that serves."""
    glibc = trial.target.fact(GLIBC)
    current = glibc.version
    if current is None or current.major != 2 or not (GLIBC in trial.facts or "glibc" in trial.says):
        return
    minors = range(current.minor + 1, _NEWEST_GLIBC)
    oldest = _first(trial, [with_glibc(trial.target, f"2.{minor}") for minor in minors])
    if oldest is not None:
        place, found = oldest
        version = f"2.{minors[place]}"
        kind = WayKind.SETTING if glibc.assumed else WayKind.SYSTEM
        note = f" ({current} is assumed)" if glibc.assumed else ""
        change = Change(options=("--glibc", version))
        yield trial.way(kind, f"with glibc {version} or newer{note}", change, found)


def _first(trial: Trial, targets: Sequence[Target]) -> tuple[int, Resolution] | None:
    """Return the place of the first target that serves; all after it do too, and the last is tried first."""
    best: tuple[int, Resolution] | None = None
    low, high = 0, len(targets) - 1
    while low <= high:
        middle = (low + high) // 2 if best is not None else high
        found = trial.on(targets[middle])
        if found is not None:
            best = (middle, found)
            high = middle - 1
        elif best is None:
            return None
        else:
            low = middle + 1
    return best


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
