"""How many objects are compiled at a time, so that neither cores nor memory run out."""

from __future__ import annotations

from envfit.frozen import frozen
from envfit.knowledge.model import SourceBuild
from envfit.target import CORES, MEMORY, MEMORY_FREE, Fact, FactState, Target

__all__ = ["ASSUMED_JOB_MEMORY", "Jobs", "free_memory", "jobs_for"]

#: GiB for an object of a package of which nobody has measured it.
ASSUMED_JOB_MEMORY = 4.0


@frozen
class Jobs:
    """The number of objects at a time, and what bounds it."""

    count: int
    threads: int  # of nvcc, for each object
    job_memory: float  # GiB
    assumed: bool  # whether job_memory is, for nobody has measured it
    bound: str  # "cores", "memory", "objects", or "said"
    cores: int
    memory: float | None  # GiB; None where nobody knows

    @property
    def peak_memory(self) -> float:
        """GiB that all of them take together at most, by the measure for one."""
        return self.count * self.job_memory

    def __str__(self) -> str:
        each = f"{self.job_memory:g} GiB each{', assumed' if self.assumed else ''}"
        what = "1 object" if self.count == 1 else f"{self.count} objects"
        cores = f"{self.cores} core{'s' if self.cores > 1 else ''}"
        memory = "memory unknown" if self.memory is None else f"{self.memory:g} GiB of memory"
        return f"{what} at a time ({each}), for {cores} and {memory}"


def jobs_for(build: SourceBuild, target: Target, said: int | None = None) -> Jobs | None:
    """Return how many objects of a build are compiled at a time; None where nobody knows the cores.

    What is said is taken as it is: whoever says it has a reason.
    nvcc's threads compile the architectures of one object side by side, each with memory of its own:
    many objects keep the cores as busy for less, so there is one.
    """
    cores = target.fact(CORES)
    if cores.state is not FactState.KNOWN:
        return None
    free = _gib(free_memory(target))
    job_memory = build.job_memory or ASSUMED_JOB_MEMORY
    bounds = {"cores": int(cores.value)}
    if free is not None:
        bounds["memory"] = int(free / job_memory)
    if build.cost is not None:
        bounds["objects"] = len(build.cost.objects)
    bound = min(bounds, key=lambda name: bounds[name])
    if said is not None:
        bound = "said"
        bounds[bound] = said
    return Jobs(
        count=max(1, bounds[bound]),
        threads=1,
        job_memory=job_memory,
        assumed=build.job_memory is None,
        bound=bound,
        cores=int(cores.value),
        memory=free,
    )


def free_memory(target: Target) -> Fact:
    """Return the memory that a build may take: what is free, else what the machine has."""
    free = target.fact(MEMORY_FREE)
    return free if free.state is FactState.KNOWN else target.fact(MEMORY)


def _gib(fact: Fact) -> float | None:
    return float(fact.value) if fact.state is FactState.KNOWN else None
