"""What one GPU of several costs: how much newer what was asked for would be without it, resolved in full."""

from __future__ import annotations

from packaging.version import Version

from envfit.api.solving import Job, Variation
from envfit.errors import RefusalError, UndecidedError
from envfit.frozen import frozen
from envfit.index.build_metadata import BuildFailedError, CannotBuildHereError
from envfit.knowledge.ignored_gpus import ignoring_options
from envfit.knowledge.model import CAPABILITY, KnowledgeBase
from envfit.knowledge.other_targets import facts_read, without_gpus
from envfit.requirement import UserOrigin
from envfit.resolve.changes import Change
from envfit.resolve.resolution import Pin, Resolution
from envfit.target import Gpu

__all__ = ["GpuPrice", "gpu_prices"]


@frozen
class GpuPrice:
    """GPUs of one capability, and the releases that they alone hold back."""

    gpus: tuple[Gpu, ...]
    costs: tuple[Change, ...]  # from what it would be to what it is, in the order asked

    @property
    def named(self) -> bool:
        """Whether the user named them, so that another lock may serve them."""
        return all(gpu.source.startswith("--gpu ") for gpu in self.gpus)

    @property
    def options(self) -> tuple[str, ...]:
        """What leaves them out."""
        return ignoring_options(self.gpus)


def gpu_prices(job: Job, resolution: Resolution) -> tuple[GpuPrice, ...]:
    """Return what each capability costs that is not the only one: the lowest first.

    Nothing is resolved unless something that the user named is held back by a rule that reads
    capabilities; then once for each distinct capability.
    """
    target = resolution.target
    held = _held_back(resolution, job.base) if len(target.capabilities) > 1 else ()
    if not held:
        return ()
    prices = []
    base = job.base
    asked = next(one for one in job.targets if one.python == target.python)
    with job.open(asked) as opened:
        for capability in target.capabilities:
            gpus = tuple(gpu for gpu in target.gpus if gpu.capability == capability)
            try:
                # What a lock keeps would hold back what the GPU does not.
                other = opened.resolve(Variation(target=without_gpus(opened.target, gpus), upgraded=True))
            except (RefusalError, UndecidedError, CannotBuildHereError, BuildFailedError):
                continue
            costs = tuple(
                Change(name=pin.name, before=there, after=pin.version)
                for pin in held
                if (there := _version(other, pin.name)) is not None and there > pin.version
            )
            if costs:
                prices.append(GpuPrice(gpus=gpus, costs=costs))
    job.base = base  # what was read on the way is of no wheel of this lock
    return tuple(prices)


def _held_back(resolution: Resolution, base: KnowledgeBase) -> tuple[Pin, ...]:
    """Return the packages that the user named and a rule about capabilities keeps from a newer release."""
    held = {
        group.name
        for group in resolution.excluded
        if group.reason.rule is not None and CAPABILITY in facts_read(group.reason.rule, base)
    }
    named = dict.fromkeys(
        requirement.name
        for requirement in (*resolution.requirements, *resolution.optional)
        if isinstance(requirement.origin, UserOrigin)
    )
    pins = (resolution.pin(name) for name in named if name in held and name not in resolution.kept)
    return tuple(pin for pin in pins if pin is not None)


def _version(resolution: Resolution, name: str) -> Version | None:
    pin = resolution.pin(name)
    return pin.version if pin is not None else None
