"""A real build on an H200, held against what is told before one and demanded after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from envfit import api
from envfit.build.advice import seconds_of
from envfit.build.readback import BuiltLibrary, faults
from envfit.knowledge.model import SourceBuild

_RECORD = Path(__file__).parent / "recorded" / "flash-attn-2.8.3.post2-h200.json"


@pytest.fixture
def record() -> Any:
    return json.loads(_RECORD.read_text())


@pytest.fixture
def build(record: Any) -> SourceBuild:
    known = api.knowledge().packages["flash-attn"].source_builds
    return next(one for one in known if one.versions.contains(record["key"]["version"]))


def test_its_time_is_what_is_told_before_a_build(record: Any, build: SourceBuild) -> None:
    assert build.cost is not None
    told = seconds_of(build.cost, 1, record["measured"]["jobs"])
    assert told == pytest.approx(record["measured"]["seconds"], rel=0.1)
    assert record["measured"]["objects"] == len(build.cost.objects)


def test_its_memory_stays_within_what_is_told(record: Any, build: SourceBuild) -> None:
    assert build.job_memory is not None
    told = build.job_memory * record["measured"]["jobs"]
    assert 0.5 * told < record["measured"]["peak_memory"] / 2**30 < told


@pytest.mark.parametrize(("codes", "wrong"), [(("90",), False), (("80",), True), (("90", "100"), True)])
def test_its_code_is_for_the_gpu_that_was_asked_for(
    record: Any, build: SourceBuild, codes: tuple[str, ...], wrong: bool
) -> None:
    libraries = [BuiltLibrary(**{**item, "ptx": tuple(item["ptx"])}) for item in record["libraries"]]
    found = list(faults(libraries, patterns=build.libraries, codes=codes, cuda=13))
    assert bool(found) is wrong
