"""How many objects at a time, what a build costs, and what is advised."""

from __future__ import annotations

from typing import Any

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.build.advice import advice_for, cost_of, seconds_of
from envfit.build.jobs import ASSUMED_JOB_MEMORY, Jobs, jobs_for
from envfit.knowledge.model import Advice, BuildCost, BuiltObject, SourceBuild
from envfit.target import CORES, MEMORY, MEMORY_FREE, Capability, Fact, FactState, Gpu, Platform, Target

COST = BuildCost(
    machine="a machine",
    objects=(
        BuiltObject(name="a", seconds=10, memory=2.0),
        BuiltObject(name="b", seconds=10, memory=7.0),
        BuiltObject(name="c", seconds=40, memory=3.0),
    ),
    around=5.0,
)


def target_of(**facts: str) -> Target:
    names = {"cores": CORES, "free": MEMORY_FREE, "memory": MEMORY}
    known = tuple(
        Fact(name=names[name], state=FactState.KNOWN, value=value, source="said")
        for name, value in facts.items()
    )
    return Target(
        platform=Platform(),
        python=Version("3.12.1"),
        gpus=(Gpu(name="H200", capability=Capability(9, 0)),),
        facts=known,
    )


def build_of(**fields: Any) -> SourceBuild:
    return SourceBuild(versions=SpecifierSet(), needs=("torch",), environment={}, **fields)


def jobs(build: SourceBuild, **facts: str) -> Jobs:
    found = jobs_for(build, target_of(**facts))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("cores", "free", "count", "bound"),
    [
        ("16", "120", 16, "cores"),
        ("16", "64", 12, "memory"),
        ("2", "3.5", 1, "memory"),
        ("1", "120", 1, "cores"),
    ],
)
def test_jobs_are_bounded_by_cores_and_memory(cores: str, free: str, count: int, bound: str) -> None:
    found = jobs(build_of(job_memory=5.0), cores=cores, free=free)
    assert (found.count, found.bound, found.threads, found.assumed) == (count, bound, 1, False)


def test_more_jobs_than_objects_are_of_no_use() -> None:
    assert jobs(build_of(cost=COST, job_memory=1.0), cores="64", free="500").count == len(COST.objects)


def test_memory_that_nobody_measured_is_assumed() -> None:
    found = jobs(build_of(), cores="16", free="16")
    assert found.count == 16 // ASSUMED_JOB_MEMORY
    assert found.assumed
    assert str(found) == "4 objects at a time (4 GiB each, assumed), for 16 cores and 16 GiB of memory"


def test_memory_of_the_machine_counts_where_nobody_says_what_is_free() -> None:
    assert jobs(build_of(job_memory=5.0), cores="16", memory="20").count == 4
    assert jobs(build_of(job_memory=5.0), cores="16").memory is None


def test_without_cores_nothing_is_said() -> None:
    assert jobs_for(build_of(), target_of(free="10")) is None


@pytest.mark.parametrize(
    ("count", "architectures", "seconds"), [(1, 1, 65), (2, 1, 55), (3, 1, 45), (2, 3, 155)]
)
def test_time_has_the_uneven_end(count: int, architectures: int, seconds: float) -> None:
    # Two at a time: a and b end after 10, and c keeps one core busy for 40 more.
    assert seconds_of(COST, architectures, count) == seconds


def test_the_cost_of_flash_attn_is_what_was_measured(real_cost: BuildCost) -> None:
    assert len(real_cost.objects) == 73
    assert seconds_of(real_cost, 1, 16) == pytest.approx(1381, rel=0.02)


@pytest.fixture(scope="module")
def real_cost() -> BuildCost:
    from envfit import api

    builds = api.knowledge().packages["flash-attn"].source_builds
    (cost,) = [build.cost for build in builds if build.cost is not None]
    return cost


def test_the_largest_object_is_the_least_that_it_takes() -> None:
    one = jobs(build_of(cost=COST, job_memory=5.0), cores="1", free="8")
    cost = cost_of(COST, 2, one)
    assert (cost.objects, cost.core_seconds, cost.peak_memory, cost.jobs) == (3, 120, 7.0, 1)
    assert str(cost).startswith("about 2 min for 3 objects, each for 2 architectures (0.0 core-hours)")


def test_advice_is_for_where_it_is_true() -> None:
    hopper = Advice(text="a", capability=SpecifierSet(">=9.0,<10"), torch=SpecifierSet(">=2.11"))
    always = Advice(text="b", versions=SpecifierSet(">=2"))
    known = (hopper, always)
    target = target_of()
    assert advice_for(known, Version("2.1"), target, Version("2.11.0")) == known
    assert advice_for(known, Version("2.1"), target, Version("2.10.0")) == (always,)
    assert advice_for(known, Version("2.1"), target, None) == (always,)
    assert advice_for(known, Version("1.0.9"), target, Version("2.11.0")) == (hopper,)
