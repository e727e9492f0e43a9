"""How releases are built, as files say it: read, and refused where it is not sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit import api
from envfit.knowledge.device_code import runs_on
from envfit.knowledge.load import load
from envfit.knowledge.model import BuildArchitecture, SourceBuild
from envfit.knowledge.plain import from_plain, to_plain
from tests.knowledge.test_load import faults, package, write
from tests.resolve.worlds import EVIDENCE

ARTIFACT = EVIDENCE[0]

FULL = {
    "versions": ">=1",
    "needs": ["torch>=2.1", "ninja"],
    "environment": {"DEMO_FORCE": "TRUE"},
    "architectures": [{"word": "80", "code": "80"}, {"word": "90", "code": "90a", "nvcc": ">=11.8"}],
    "architectures_in": "DEMO_ARCHS",
    "separator": ",",
    "jobs_in": "MAX_JOBS",
    "threads_in": "NVCC_THREADS",
    "local_version_in": "DEMO_LOCAL",
    "clears": ["DEMO_SKIP"],
    "job_memory": 5.5,
    "disk": 1,
    "libraries": ["demo*.so"],
    "cost": {
        "machine": "a machine",
        "around": 30.5,
        "objects": [{"name": "a", "seconds": 10, "memory": 2.5}, {"name": "b", "seconds": 20.5}],
        "evidence": [{**ARTIFACT, "kind": "measured"}],
    },
    "evidence": [ARTIFACT],
}


def loaded(directory: Path, **changed: Any) -> SourceBuild:
    table = package(source_build=[{**FULL, **changed}])
    base = from_plain(to_plain(load(write(directory, {"packages/demo.toml": table}))))
    assert base is not None
    (build,) = base.packages["demo"].source_builds
    return build


def test_all_words_are_read_and_survive_compiling(tmp_path: Path) -> None:
    build = loaded(tmp_path)
    assert build.architectures == (
        BuildArchitecture(word="80", code="80"),
        BuildArchitecture(word="90", code="90a", nvcc=SpecifierSet(">=11.8")),
    )
    assert (build.architectures_in, build.separator) == ("DEMO_ARCHS", ",")
    assert (build.jobs_in, build.threads_in, build.local_version_in) == (
        "MAX_JOBS",
        "NVCC_THREADS",
        "DEMO_LOCAL",
    )
    assert (build.clears, build.job_memory, build.disk) == (("DEMO_SKIP",), 5.5, 1)
    assert build.cost is not None
    assert (build.cost.core_seconds, build.cost.largest, build.cost.around) == (30.5, 2.5, 30.5)
    assert build.needs_torch


@pytest.mark.parametrize(
    ("needs", "expected"), [(["torch"], True), (["torchvision", "ninja"], False), ([], False)]
)
def test_torch_is_needed_where_it_is_named(tmp_path: Path, needs: list[str], expected: bool) -> None:
    assert loaded(tmp_path, needs=needs).needs_torch is expected


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {"architectures": [{"word": "90", "code": "sm_90"}]},
            "'sm_90' is no architecture such as 80 or 90a",
        ),
        ({"jobs_in": "max jobs"}, "'max jobs' is no environment variable"),
        ({"job_memory": 0}, "is no number above zero"),
        ({"job_memory": True}, "is no number above zero"),
        ({"clears": ["DEMO_FORCE"]}, "DEMO_FORCE is set, and cleared"),
        ({"evidence": [{**ARTIFACT, "kind": "forum"}]}, "needs evidence of rank docs or better"),
        ({"cost": {**FULL["cost"], "objects": []}}, "is missing"),  # type: ignore[dict-item]
        ({"cost": {**FULL["cost"], "evidence": [ARTIFACT]}}, "is nothing without evidence that was measured"),  # type: ignore[dict-item]
    ],
)
def test_what_is_not_sound_is_a_fault(tmp_path: Path, changed: dict[str, Any], says: str) -> None:
    table = package(source_build=[{**FULL, **changed}])
    assert any(says in line for line in faults(tmp_path, {"packages/demo.toml": table}))


def test_advice_needs_evidence(tmp_path: Path) -> None:
    table = package(advice=[{"text": "Do not.", "evidence": [{**ARTIFACT, "kind": "forum"}]}])
    (line,) = faults(tmp_path, {"packages/demo.toml": table})
    assert "advice[0].evidence: needs evidence of rank docs or better" in line


def test_a_compiler_belongs_to_a_toolkit(tmp_path: Path) -> None:
    nvcc = {"version": "99.9", "gxx": 20, "architectures": "80", "evidence": [ARTIFACT]}
    stated = {"same_major": "So it is.", "headers": {"a.h": "a"}, "evidence": [ARTIFACT]}
    axis = {"schema": 1, "torch_extensions": stated, "nvcc": [nvcc, nvcc]}
    assert [line.partition(": ")[2] for line in faults(tmp_path, {"axes/compilers.toml": axis})] == [
        "nvcc[1].version: is described twice",
        "99.9 is no CUDA toolkit of axes/cuda.toml",
    ]


def test_an_architecture_is_one_that_some_nvcc_writes(tmp_path: Path) -> None:
    nvcc = {"version": "13.0", "gxx": 15, "architectures": "80", "evidence": [ARTIFACT]}
    stated = {"same_major": "So it is.", "headers": {"a.h": "a"}, "evidence": [ARTIFACT]}
    files = {
        "axes/compilers.toml": {"schema": 1, "torch_extensions": stated, "nvcc": [nvcc]},
        "packages/demo.toml": package(source_build=[FULL]),
    }
    assert "packages/demo.toml: source_build: no nvcc writes sm_90a" in faults(tmp_path, files)


def test_every_release_that_is_built_has_one_recipe() -> None:
    """The ranges of one package do not overlap, except for a release that is named alone."""
    for name, known in api.knowledge().packages.items():
        exact = {str(build.versions) for build in known.source_builds if str(build.versions).startswith("==")}
        versions = {
            Version(text.lstrip("<>=!"))
            for build in known.source_builds
            for text in str(build.versions).split(",")
            if text
        }
        for version in versions:
            fitting = [
                build for build in known.source_builds if build.versions.contains(version, prereleases=True)
            ]
            assert len(fitting) <= (2 if f"=={version}" in exact else 1), f"{name} {version}"


def test_architectures_serve_what_the_rules_admit() -> None:
    """What a build of flash-attn has words for is what its rules let through, for every known GPU."""
    from envfit.build.case import Case
    from envfit.build.gate import judge
    from envfit.build.reason import NoWord
    from envfit.build.remedy import known_releases
    from envfit.distribution import Sdist
    from envfit.knowledge.hardware import named_target
    from envfit.knowledge.query import Query

    base = api.knowledge()
    for version in known_releases("flash-attn", base):
        for capability in ("7.0", "7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "10.3", "11.0", "12.0", "12.1"):
            target = named_target(base, [capability])
            source = Sdist(name="flash-attn", version=version, filename="", url="", index="")
            build = Query(base, target).source_build("flash-attn", source)
            assert build is not None
            judged = judge(
                Case(knowledge=base, target=target, package="flash-attn", version=version, build=build)
            )
            reasons = [reason for gate in judged.gates if gate.name == "GPU" for reason in gate.reasons]
            no_rule = [reason for reason in reasons if isinstance(reason, NoWord)]
            assert not no_rule, f"{version} on {capability}: {no_rule[0]}"
            served = any(
                runs_on([item.code], [], target.capabilities[0], built_with=None, supported_cuda=None)
                for item in build.architectures
            )
            assert served or "GPU" in judged.failed
