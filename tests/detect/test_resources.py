"""What a build may use, read in recorded roots: control groups of both versions, Slurm, /proc."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from envfit.detect.resources import read_resources
from envfit.target import CORES, DISK_FREE, MEMORY_FREE, Fact, FactState

GIB = 2**30
MEMINFO = "MemTotal:       131981020 kB\nMemAvailable:   125829120 kB\n"  # 120 GiB


@pytest.fixture(autouse=True)
def _many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)


def facts(root: Path, files: Mapping[str, str | int], **environ: str) -> dict[str, Fact]:
    for file, content in {"proc/meminfo": MEMINFO, **files}.items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n" if isinstance(content, int) else content, encoding="utf-8")
    return {fact.name: fact for fact in read_resources(root, environ, root / "cache" / "builds")}


def told(fact: Fact) -> tuple[str, str]:
    assert fact.state is FactState.KNOWN
    return fact.value, fact.source


def test_without_limits_all_that_is_free_counts(tmp_path: Path) -> None:
    found = facts(tmp_path, {})
    assert told(found[CORES]) == ("64", "sched_getaffinity")
    assert told(found[MEMORY_FREE]) == ("120.0", "/proc/meminfo, MemAvailable")
    value, source = told(found[DISK_FREE])
    assert float(value) > 0
    assert source == str(tmp_path)  # the directory above one that is still to be made


def test_limits_of_version_2_hold_from_any_group_above(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/slurm/job_7/step_0\n",
        "sys/fs/cgroup/slurm/cpu.max": "1600000 100000\n",
        "sys/fs/cgroup/slurm/job_7/cpu.max": "800000 100000\n",
        "sys/fs/cgroup/slurm/job_7/step_0/cpu.max": "max 100000\n",
        "sys/fs/cgroup/slurm/job_7/memory.max": 32 * GIB,
        "sys/fs/cgroup/slurm/job_7/memory.current": 20 * GIB,
        "sys/fs/cgroup/slurm/job_7/memory.stat": f"anon 1\ninactive_file {12 * GIB}\n",
        "sys/fs/cgroup/slurm/job_7/step_0/memory.max": "max\n",
    }
    found = facts(tmp_path, files)
    assert told(found[CORES]) == ("8", "/sys/fs/cgroup/slurm/job_7/cpu.max")
    # 20 GiB are taken, and 12 of those are page cache that the kernel gives back.
    assert told(found[MEMORY_FREE]) == ("24.0", "/sys/fs/cgroup/slurm/job_7/memory.max")


def test_in_a_container_the_limit_is_at_the_root(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/docker/0123abcd\n",  # of the host, and not mounted
        "sys/fs/cgroup/cpu.max": "150000 100000\n",
        "sys/fs/cgroup/memory.max": 8 * GIB,
        "sys/fs/cgroup/memory.current": GIB,
    }
    found = facts(tmp_path, files)
    assert told(found[CORES]) == ("1", "/sys/fs/cgroup/cpu.max")
    assert told(found[MEMORY_FREE]) == ("7.0", "/sys/fs/cgroup/memory.max")


def test_limits_of_version_1(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "7:cpu,cpuacct:/job\n4:memory:/job\n1:name=systemd:/job\n0::/\n",
        "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": 400000,
        "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": 100000,
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": -1,
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": 100000,
        "sys/fs/cgroup/memory/job/memory.limit_in_bytes": 16 * GIB,
        "sys/fs/cgroup/memory/job/memory.usage_in_bytes": 4 * GIB,
        "sys/fs/cgroup/memory/job/memory.stat": f"total_inactive_file {2 * GIB}\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": 9223372036854771712,  # none
    }
    found = facts(tmp_path, files)
    assert told(found[CORES]) == ("4", "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us")
    assert told(found[MEMORY_FREE]) == ("14.0", "/sys/fs/cgroup/memory/job/memory.limit_in_bytes")


@pytest.mark.parametrize(
    ("variables", "cores", "memory"),
    [
        (
            {"SLURM_CPUS_PER_TASK": "6", "SLURM_CPUS_ON_NODE": "12", "SLURM_MEM_PER_NODE": "49152"},
            ("6", "$SLURM_CPUS_PER_TASK"),
            ("48.0", "$SLURM_MEM_PER_NODE"),
        ),
        (
            {"SLURM_CPUS_ON_NODE": "12", "SLURM_MEM_PER_CPU": "2048"},
            ("12", "$SLURM_CPUS_ON_NODE"),
            ("24.0", "$SLURM_MEM_PER_CPU and $SLURM_CPUS_ON_NODE"),
        ),
        (
            {"SLURM_CPUS_ON_NODE": "12", "SLURM_MEM_PER_NODE": "0"},  # all of the node
            ("12", "$SLURM_CPUS_ON_NODE"),
            ("120.0", "/proc/meminfo, MemAvailable"),
        ),
    ],
)
def test_a_job_has_what_it_was_given(
    tmp_path: Path, variables: dict[str, str], cores: tuple[str, str], memory: tuple[str, str]
) -> None:
    found = facts(tmp_path, {}, SLURM_JOB_ID="7", **variables)
    assert (told(found[CORES]), told(found[MEMORY_FREE])) == (cores, memory)


def test_variables_of_slurm_count_in_a_job_only(tmp_path: Path) -> None:
    found = facts(tmp_path, {}, SLURM_CPUS_PER_TASK="2", SLURM_MEM_PER_NODE="1024")
    assert found[CORES].value == "64"
    assert found[MEMORY_FREE].value == "120.0"


def test_a_group_that_took_more_than_its_limit_has_nothing_left(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/\n",
        "sys/fs/cgroup/memory.max": GIB,
        "sys/fs/cgroup/memory.current": 2 * GIB,
    }
    assert facts(tmp_path, files)[MEMORY_FREE].value == "0.0"


def test_what_cannot_be_read_is_not_known(tmp_path: Path) -> None:
    found = facts(tmp_path, {"proc/meminfo": "nothing of the kind"})
    assert found[MEMORY_FREE].state is FactState.UNKNOWN
