"""What a build may use of this machine: processors, memory and disk.

The machine has more than a container, a batch job or a login session may take.  Each limit is read
where it stands, the smallest holds, and its source is told: a build that takes what the machine
has, not what the job was given, is killed by the kernel after an hour.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from envfit.target import CORES, DISK_FREE, MEMORY_FREE, Fact, FactState

__all__ = ["read_resources"]

_GIB = 2**30
_UNLIMITED = 2**60  # cgroup v1 says "no limit" with a number near 2**63

Limit = tuple[float, str]  # and where it was read


def read_resources(root: Path, environ: Mapping[str, str], directory: Path) -> tuple[Fact, ...]:
    """Return the cores, the memory (GiB) and the disk at a directory (GiB) that this process may use."""
    groups = tuple(_groups(root))
    cores = [*_affinity(), *_cores_of_groups(groups), *_cores_of_slurm(environ)]
    memory = [*_available(root), *_memory_of_groups(groups), *_memory_of_slurm(environ)]
    return (
        _smallest(CORES, cores, whole=True, nothing="no limit and no number of processors is readable"),
        _smallest(MEMORY_FREE, memory, whole=False, nothing="/proc/meminfo and control groups say nothing"),
        _disk(directory),
    )


def _smallest(name: str, limits: list[Limit], *, whole: bool, nothing: str) -> Fact:
    if not limits:
        return Fact(name=name, state=FactState.UNKNOWN, source=nothing)
    number, source = min(limits)
    value = str(max(1, int(number))) if whole else f"{max(0.0, number):.1f}"
    return Fact(name=name, state=FactState.KNOWN, value=value, source=source)


def _affinity() -> Iterator[Limit]:
    if hasattr(os, "sched_getaffinity"):
        yield len(os.sched_getaffinity(0)), "sched_getaffinity"
    elif count := os.cpu_count():
        yield count, "cpu_count"


def _available(root: Path) -> Iterator[Limit]:
    match = re.search(r"^MemAvailable:[ \t]*(\d+) kB", _read(root / "proc/meminfo"), re.MULTILINE)
    if match is not None:
        yield int(match.group(1)) * 1024 / _GIB, "/proc/meminfo, MemAvailable"


def _disk(directory: Path) -> Fact:
    there = next(place for place in (directory, *directory.parents) if place.is_dir())
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        return Fact(name=DISK_FREE, state=FactState.UNKNOWN, source=f"{there}: {error.strerror}")
    return Fact(name=DISK_FREE, state=FactState.KNOWN, value=f"{free / _GIB:.1f}", source=str(there))


# -- control groups (the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1) ---------------------


def _groups(root: Path) -> Iterator[tuple[str, Path, Path]]:
    """Yield the control groups of this process and those around it: controller ("" in version 2), directory.

    The directory comes with the root that its name is told without.  In a container the path of the host is
    not mounted; what is then at the root is the container's own.
    """
    mounted = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        own = PurePosixPath("/", path.strip())
        # Version 1 has a directory for each controller, or for several that are mounted together.
        for controller in controllers.split(",") if controllers else [""]:
            top = next(
                (place for place in (mounted / controller, mounted / controllers) if place.is_dir()), None
            )
            if top is None:
                continue
            for inner in (own, *own.parents):
                place = top / inner.relative_to("/")
                if place.is_dir():
                    yield controller, place, root


def _cores_of_groups(groups: tuple[tuple[str, Path, Path], ...]) -> Iterator[Limit]:
    for controller, place, root in groups:
        if controller == "":
            quota, _, period = _read(place / "cpu.max").strip().partition(" ")
            file = "cpu.max"
        elif controller == "cpu":
            quota = _read(place / "cpu.cfs_quota_us").strip()
            period = _read(place / "cpu.cfs_period_us").strip()
            file = "cpu.cfs_quota_us"
        else:
            continue
        if quota.isdigit() and period.isdigit() and int(period):
            yield int(quota) / int(period), _name(place / file, root)


def _memory_of_groups(groups: tuple[tuple[str, Path, Path], ...]) -> Iterator[Limit]:
    """Yield what is left below each limit; the page cache that the kernel would give back counts as free."""
    for controller, place, root in groups:
        if controller == "":
            limit, used, reclaimable = "memory.max", "memory.current", "inactive_file"
        elif controller == "memory":
            limit, used, reclaimable = (
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "total_inactive_file",
            )
        else:
            continue
        most = _read(place / limit).strip()
        if not most.isdigit() or int(most) >= _UNLIMITED:
            continue
        taken = _read(place / used).strip()
        cached = re.search(rf"^{reclaimable} (\d+)", _read(place / "memory.stat"), re.MULTILINE)
        held = int(taken) - (int(cached.group(1)) if cached else 0) if taken.isdigit() else 0
        yield (int(most) - max(0, held)) / _GIB, _name(place / limit, root)


# -- Slurm (sbatch(1), output environment variables) ---------------------------------------------------------


def _cores_of_slurm(environ: Mapping[str, str]) -> Iterator[Limit]:
    """Yield the processors of a task where the job says it, else those of the job on this node."""
    if "SLURM_JOB_ID" not in environ:
        return
    for name in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
        text = environ.get(name, "")
        if text.isdigit() and int(text):
            yield int(text), f"${name}"
            return


def _memory_of_slurm(environ: Mapping[str, str]) -> Iterator[Limit]:
    """Yield the memory of the job on this node; Slurm counts MiB, and 0 is all of the node."""
    if "SLURM_JOB_ID" not in environ:
        return
    node, each = environ.get("SLURM_MEM_PER_NODE", ""), environ.get("SLURM_MEM_PER_CPU", "")
    if node.isdigit() and int(node):
        yield int(node) / 1024, "$SLURM_MEM_PER_NODE"
    count = environ.get("SLURM_CPUS_ON_NODE", "")
    if each.isdigit() and int(each) and count.isdigit() and int(count):
        yield int(each) * int(count) / 1024, "$SLURM_MEM_PER_CPU and $SLURM_CPUS_ON_NODE"


def _name(file: Path, root: Path) -> str:
    return f"/{file.relative_to(root).as_posix()}"


def _read(file: Path) -> str:
    """Return a file, empty where it cannot be read: a limit that nobody can read binds nobody here."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
