"""What a build costs on a machine, and what is known of whether it is worth it.  The user decides."""

from __future__ import annotations

from packaging.version import Version

from envfit.build.jobs import Jobs
from envfit.build.progress import duration
from envfit.build.schedule import last_end
from envfit.frozen import frozen
from envfit.knowledge.model import Advice, BuildCost
from envfit.target import Target

__all__ = ["Cost", "advice_for", "cost_of", "seconds_of"]

_HOUR = 3600


@frozen
class Cost:
    """What a build is expected to take."""

    objects: int
    architectures: int
    core_seconds: float
    seconds: float  # from beginning to end, with the last objects that leave cores idle
    jobs: int
    peak_memory: float  # GiB
    machine: str  # where it was measured

    def __str__(self) -> str:
        several = f", each for {self.architectures} architectures" if self.architectures > 1 else ""
        return (
            f"about {duration(self.seconds)} for {self.objects} objects{several} "
            f"({self.core_seconds / _HOUR:.1f} core-hours), {self.jobs} at a time, "
            f"up to {self.peak_memory:g} GiB of memory"
        )


def cost_of(measured: BuildCost, architectures: int, jobs: Jobs) -> Cost:
    """Return what a build takes for so many architectures, scaled from what was measured for one."""
    return Cost(
        objects=len(measured.objects),
        architectures=architectures,
        core_seconds=measured.core_seconds * architectures,
        seconds=seconds_of(measured, architectures, jobs.count),
        jobs=jobs.count,
        peak_memory=max(jobs.peak_memory, measured.largest),
        machine=measured.machine,
    )


def seconds_of(measured: BuildCost, architectures: int, jobs: int) -> float:
    """Return the seconds that a build takes with so many jobs.

    The uneven end counts: long objects that begin last keep one core busy and leave the others idle.
    """
    each = (item.seconds * architectures for item in measured.objects)
    return last_end([0.0] * jobs, each) + measured.around


def advice_for(
    known: tuple[Advice, ...], version: Version, target: Target, torch: Version | None
) -> tuple[Advice, ...]:
    """Return what is true of a release on a target; of torch's releases only where one is known."""
    return tuple(
        item
        for item in known
        if item.versions.contains(version, prereleases=True)
        and (not str(item.torch) or (torch is not None and item.torch.contains(torch, prereleases=True)))
        and all(item.capability.contains(str(capability)) for capability in target.capabilities)
    )
