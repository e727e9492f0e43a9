"""What rules say of one candidate on one target, with small rules of our own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from envfit.knowledge.facts import fact_of
from envfit.knowledge.hardware import named_target
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.knowledge.verdict import IMPOSSIBLE, Judgement
from envfit.requirement import RuleOrigin
from envfit.target import CUDA, CUDA_DRIVER, GLIBC, LIBCUDA, NVCC, Fact, FactState, Target
from tests.resolve.worlds import knowledge_of, release, rule


def demo(*rules: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Return the files for a package ``demo``."""
    return {"demo": {"rule": list(rules), **fields}}


def with_fact(target: Target, fact: Fact) -> Target:
    return replace(target, facts=(*(item for item in target.facts if item.name != fact.name), fact))


def judge(
    knowledge: KnowledgeBase, target: Target, line: str = "demo 1.0", *, ignored: frozenset[str] = frozenset()
) -> Judgement:
    """Judge the file that a line of the notation means."""
    distribution = release(line).distribution
    return Query(knowledge, target, ignored=ignored).judge(
        distribution.name, distribution.version, distribution
    )


def demands(judgement: Judgement) -> list[str]:
    """Return the requirements of a judgement as text, each with its rule."""
    return [
        f"{item} [{item.origin.rule}]"
        for item in judgement.requirements
        if isinstance(item.origin, RuleOrigin)
    ]


# -- facts: known, absent, unknown --------------------------------------------

KNOWN = Fact(name=NVCC, state=FactState.KNOWN, value="12.4", source="a test")
ABSENT = Fact(name=NVCC, state=FactState.ABSENT, source="a test")
UNKNOWN = Fact(name=NVCC, state=FactState.UNKNOWN)


@pytest.mark.parametrize(
    ("key", "fact", "requirements", "conditions"),
    [
        ("requires", KNOWN, ["__nvcc>=12.6 [demo/nvcc]"], 0),
        ("requires", ABSENT, ["__impossible [demo/nvcc]"], 0),
        ("requires", UNKNOWN, [], 1),
        ("constrains", KNOWN, ["__nvcc>=12.6 [demo/nvcc]"], 0),
        ("constrains", ABSENT, [], 0),
        ("constrains", UNKNOWN, [], 1),
    ],
)
def test_a_condition_on_a_fact(
    tmp_path: Path, key: str, fact: Fact, requirements: list[str], conditions: int
) -> None:
    knowledge = knowledge_of(tmp_path, demo(rule("demo/nvcc", **{key: ["__nvcc>=12.6"]})))
    judgement = judge(knowledge, with_fact(named_target(knowledge, ["7.0"]), fact))
    assert demands(judgement) == requirements
    assert [origin.rule for origin in judgement.conditions] == ["demo/nvcc"] * conditions
    assert judgement.impossible is (requirements == ["__impossible [demo/nvcc]"])
    assert judgement.warnings == ()


def test_a_fact_that_nobody_stated_is_unknown(tmp_path: Path) -> None:
    knowledge = knowledge_of(tmp_path, demo(rule("demo/nvcc", requires=["__nvcc>=12.6"])))
    (condition,) = judge(knowledge, named_target(knowledge, ["7.0"])).conditions
    assert [str(fact) for fact in condition.facts] == ["__nvcc unknown"]


def test_a_requirement_carries_rule_sentence_evidence_and_fact(tmp_path: Path) -> None:
    knowledge = knowledge_of(
        tmp_path, demo(rule("demo/glibc", why="It was linked so.", requires=["__glibc>=2.34"]))
    )
    (requirement,) = judge(knowledge, named_target(knowledge, [], glibc="2.17")).requirements
    origin = requirement.origin
    assert isinstance(origin, RuleOrigin)
    assert (origin.rule, origin.package, origin.version, origin.why) == (
        "demo/glibc",
        "demo",
        "1.0",
        "It was linked so.",
    )
    assert origin.evidence == ("docs: a manual, page 1 (checked 2026-01-01)",)
    assert [str(fact) for fact in origin.facts] == ["__glibc 2.17"]


@pytest.mark.parametrize(
    ("gpus", "key", "expected"),
    [
        (["7.0"], "requires", ["__capability@7.0>=8.0"]),
        (["8.0", "7.0"], "requires", ["__capability@7.0>=8.0", "__capability@8.0>=8.0"]),
        (["7.0", "sm_70"], "constrains", ["__capability@7.0>=8.0"]),
        ([], "requires", ["__impossible"]),
        ([], "constrains", []),
    ],
)
def test_a_condition_on_the_capability_is_one_for_each_that_is_in_use(
    tmp_path: Path, gpus: list[str], key: str, expected: list[str]
) -> None:
    knowledge = knowledge_of(tmp_path, demo(rule("demo/ampere", **{key: ["__capability>=8.0"]})))
    judgement = judge(knowledge, named_target(knowledge, gpus))
    assert sorted(map(str, judgement.requirements)) == expected


def test_the_fact_behind_a_name(tmp_path: Path) -> None:
    knowledge = knowledge_of(tmp_path)
    target = named_target(knowledge, ["7.0"])
    values = {
        name: fact_of(target, name) for name in ("__capability@7.0", "__capability@8.0", GLIBC, "torch", NVCC)
    }
    assert {name: fact.value if fact else None for name, fact in values.items()} == {
        "__capability@7.0": "7.0",
        "__capability@8.0": None,
        GLIBC: "2.28",
        "torch": None,
        NVCC: None,
    }


# -- where a rule applies -----------------------------------------------------


@pytest.mark.parametrize(
    ("applies", "line", "expected"),
    [
        ({}, "demo 1.0", True),
        ({"versions": ">=2"}, "demo 1.0", False),
        ({"versions": ">=2"}, "demo 2.0", True),
        ({"versions": ">=2"}, "demo 2.1rc1", True),
        ({"versions": "<=2.0"}, "demo 2.0+cu126", True),
        ({"versions": "==2.0"}, "demo 2.0+cu126", True),
        ({"platforms": ["linux-aarch64"]}, "demo 1.0", False),
        ({"platforms": ["linux-aarch64", "linux-x86_64"]}, "demo 1.0", True),
        ({"distributions": "wheel"}, "demo 1.0", True),
        ({"distributions": "wheel"}, "demo 1.0 sdist", False),
        ({"distributions": "sdist"}, "demo 1.0 sdist", True),
        ({"packages": ["demo-*"]}, "demo 1.0", False),
        ({"packages": ["demo-*"]}, "demo-extra 1.0", True),
    ],
)
def test_where_a_rule_applies(tmp_path: Path, applies: dict[str, Any], line: str, expected: bool) -> None:
    knowledge = knowledge_of(tmp_path, demo(rule("demo/r", applies=applies, requires=["__glibc>=2.34"])))
    assert bool(judge(knowledge, named_target(knowledge, []), line).requirements) is expected


def test_a_provided_package_is_judged_by_name_and_version(tmp_path: Path) -> None:
    knowledge = knowledge_of(
        tmp_path,
        demo(
            rule("demo/all", requires=["__glibc>=2.34"]),
            rule("demo/wheel", applies={"distributions": "wheel"}, requires=["__glibc>=2.34"]),
        ),
    )
    query = Query(knowledge, named_target(knowledge, []))
    assert demands(query.judge("demo", Version("1.0"), None)) == ["__glibc>=2.34 [demo/all]"]


def test_an_ignored_rule_says_nothing(tmp_path: Path) -> None:
    knowledge = knowledge_of(
        tmp_path,
        demo(rule("demo/one", requires=["__glibc>=2.34"]), rule("demo/two", excludes=["other"])),
    )
    target = named_target(knowledge, [])
    ignored = frozenset({"demo/one", "demo/two"})
    assert len(demands(judge(knowledge, target))) == 2
    assert demands(judge(knowledge, target, ignored=ignored)) == []
    assert demands(judge(knowledge, target, "other 1", ignored=ignored)) == []


# -- packages and choices -----------------------------------------------------


def test_a_rule_may_require_a_package_or_a_choice(tmp_path: Path) -> None:
    knowledge = knowledge_of(tmp_path, demo(rule("demo/r", requires=["Other_Name<2", "__torch_cuda==12.6"])))
    assert demands(judge(knowledge, named_target(knowledge, []))) == [
        "other-name<2 [demo/r]",
        "__torch_cuda==12.6 [demo/r]",
    ]


@pytest.mark.parametrize(
    ("fields", "line", "expected"),
    [
        ({"constrains": ["other<2"]}, "demo 1.0", ["__rule:demo/r==1 [demo/r]"]),
        ({"constrains": ["other<2"]}, "other 1.9", []),
        ({"constrains": ["other<2"]}, "other 2.0", ["__rule:demo/r==2 [demo/r]"]),
        ({"constrains": ["other<2"]}, "other 2.0rc1", ["__rule:demo/r==2 [demo/r]"]),
        ({"constrains": ["other<2"]}, "other 2.0+cu126", ["__rule:demo/r==2 [demo/r]"]),
        ({"excludes": ["other"]}, "demo 1.0", ["__rule:demo/r==1 [demo/r]"]),
        ({"excludes": ["other"]}, "other 1.0", ["__rule:demo/r==2 [demo/r]"]),
        ({"excludes": ["Other"]}, "other 1.0", ["__rule:demo/r==2 [demo/r]"]),
        ({"excludes": ["other"], "applies": {"versions": ">=2"}}, "demo 1.0", []),
        ({"excludes": ["other"]}, "third 1.0", []),
    ],
)
def test_a_bound_on_another_package_is_a_choice_of_its_own(
    tmp_path: Path, fields: dict[str, Any], line: str, expected: list[str]
) -> None:
    knowledge = knowledge_of(tmp_path, demo(rule("demo/r", **fields)))
    assert demands(judge(knowledge, named_target(knowledge, []), line)) == expected
    assert Query(knowledge, named_target(knowledge, [])).values("__rule:demo/r") == (
        Version("1"),
        Version("2"),
    )


def test_the_values_of_a_choice_are_newest_first(tmp_path: Path) -> None:
    query = Query(knowledge_of(tmp_path), named_target(knowledge_of(tmp_path), []))
    values = query.values("__torch_cuda")
    assert values is not None
    assert list(values) == sorted(values, reverse=True)
    assert Version("0") in values
    assert query.values("torch") is None


# -- severity -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "gpus", "warned"),
    [
        (["__glibc>=2.34"], [], True),
        (["__glibc>=2.17"], [], False),
        (["__capability>=8.0"], ["7.0", "9.0"], True),
        (["__capability>=8.0"], ["8.0", "9.0"], False),
        (["__capability>=8.0"], [], True),
        (["__cuda_driver>=580"], ["8.0"], False),
    ],
)
def test_a_rule_that_warns_does_not_block(
    tmp_path: Path, conditions: list[str], gpus: list[str], warned: bool
) -> None:
    knowledge = knowledge_of(tmp_path, demo(rule("demo/slow", severity="warns", requires=conditions)))
    judgement = judge(knowledge, named_target(knowledge, gpus))
    assert judgement.requirements == ()
    assert judgement.conditions == ()
    assert {origin.rule for origin in judgement.warnings} == ({"demo/slow"} if warned else set())


# -- GPU code -----------------------------------------------------------------

GPU_CODE = "demo 1.0 cuda=12.6 sass=70,80 ptx=80 tag=cp311-cp311-manylinux_2_28_x86_64"


def gpu_knowledge(directory: Path, *lines: str, **fields: Any) -> KnowledgeBase:
    return knowledge_of(directory, demo(**{"gpu_builds": True, **fields}), map(release, lines))


@pytest.mark.parametrize(
    ("gpus", "driver", "expected"),
    [
        (["7.0"], "580", ["__cuda_driver>=525.60.13 [cuda/12-driver]"]),
        (["9.0"], "580", ["__cuda_driver>=525.60.13 [cuda/12-driver]"]),  # through PTX
        (["9.0"], "535", ["__cuda_driver>=525.60.13 [cuda/12-driver]", "__impossible [demo/device-code]"]),
        (["6.1"], "580", ["__cuda_driver>=525.60.13 [cuda/12-driver]", "__impossible [demo/device-code]"]),
        (
            ["7.0", "6.1"],
            "580",
            ["__cuda_driver>=525.60.13 [cuda/12-driver]", "__impossible [demo/device-code]"],
        ),
        ([], None, []),
    ],
)
def test_gpu_code_must_serve_every_gpu(
    tmp_path: Path, gpus: list[str], driver: str | None, expected: list[str]
) -> None:
    knowledge = gpu_knowledge(tmp_path, GPU_CODE)
    assert demands(judge(knowledge, named_target(knowledge, gpus, driver=driver), GPU_CODE)) == expected


def test_a_refusal_names_the_gpu_and_the_code(tmp_path: Path) -> None:
    knowledge = gpu_knowledge(tmp_path, GPU_CODE)
    judgement = judge(knowledge, named_target(knowledge, ["6.1"]), GPU_CODE)
    (origin,) = [item.origin for item in judgement.requirements if item.name == IMPOSSIBLE]
    assert isinstance(origin, RuleOrigin)
    assert (
        origin.why
        == "Its GPU code is for capability 7.0, 8.0 and PTX for 8.0 of CUDA 12.6; none runs on 6.1."
    )
    assert [fact.value for fact in origin.facts] == ["6.1"]
    assert origin.evidence == (f"read from {release(GPU_CODE).distribution.filename} by a test",)


@pytest.mark.parametrize(
    ("gpus", "gpu_builds", "impossible"),
    [(["7.0"], True, True), (["7.0"], False, False), ([], True, False)],
)
def test_a_build_without_gpu_code_is_no_answer_on_a_gpu(
    tmp_path: Path, gpus: list[str], gpu_builds: bool, impossible: bool
) -> None:
    line = "demo 1.0 cuda=none"
    knowledge = gpu_knowledge(tmp_path, line, gpu_builds=gpu_builds)
    judgement = judge(knowledge, named_target(knowledge, gpus), line)
    assert judgement.impossible is impossible
    assert demands(judgement) == (["__impossible [demo/no-gpu-code]"] if impossible else [])


@pytest.mark.parametrize(
    ("cuda", "why", "expected"),
    [("12.6", "It was built with CUDA 12.6.", "==12.6"), ("none", "It was built without CUDA.", "==0")],
)
def test_the_cuda_runtime_of_a_build_decides_its_choice(
    tmp_path: Path, cuda: str, why: str, expected: str
) -> None:
    line = f"demo 1.0 cuda={cuda} sass=70"
    knowledge = gpu_knowledge(tmp_path, line, cuda_choice="__torch_cuda")
    (requirement,) = judge(knowledge, named_target(knowledge, []), line).requirements
    assert (requirement.name, str(requirement.specifier)) == ("__torch_cuda", expected)
    assert isinstance(requirement.origin, RuleOrigin)
    assert requirement.origin.why == why


def test_code_that_nobody_read_is_a_condition(tmp_path: Path) -> None:
    knowledge = gpu_knowledge(tmp_path)
    judgement = judge(knowledge, named_target(knowledge, ["7.0"]))
    assert [origin.rule for origin in judgement.conditions] == ["demo/device-code"]
    assert judgement.requirements == ()
    assert judge(knowledge, named_target(knowledge, [])).conditions == ()


@pytest.mark.parametrize(
    ("line", "inherited"),
    [
        (GPU_CODE, False),
        ("demo 1.0 tag=cp312-cp312-manylinux_2_28_x86_64", True),
        ("demo 1.1 tag=cp311-cp311-manylinux_2_28_x86_64", None),
        ("demo 1.0+cu130 tag=cp311-cp311-manylinux_2_28_x86_64", None),
        ("demo 1.0 sdist", None),
    ],
)
def test_code_is_inherited_from_the_same_release_for_another_python(
    tmp_path: Path, line: str, inherited: bool | None
) -> None:
    knowledge = gpu_knowledge(tmp_path, GPU_CODE)
    distribution = release(line).distribution
    code = Query(knowledge, named_target(knowledge, ["7.0"])).device_code("demo", distribution)
    assert (code.inherited if code else None) is inherited
    if code is not None and inherited:
        assert (code.sass, code.cuda, code.filename) == (("70", "80"), Version("12.6"), distribution.filename)
        assert code.source.endswith("the same release for another Python")


def test_code_is_not_inherited_from_another_platform(tmp_path: Path) -> None:
    knowledge = gpu_knowledge(tmp_path, GPU_CODE)
    target = named_target(knowledge, ["9.0"], platform="linux-aarch64")
    distribution = release("demo 1.0 tag=cp311-cp311-manylinux_2_28_aarch64").distribution
    assert Query(knowledge, target).device_code("demo", distribution) is None


CU126 = {
    "label": "cu126",
    "versions": ">=1,<2",
    "platform": "linux-x86_64",
    "cuda": "12.6",
    "sass": ["50", "70"],
    "evidence": [],
}


@pytest.mark.parametrize(
    ("version", "found"),
    [("1.0+cu126", True), ("1.9+cu126", True), ("2.0+cu126", False), ("1.0", False), ("1.0+cpu", False)],
)
def test_a_kind_of_build_is_known_by_its_label(tmp_path: Path, version: str, found: bool) -> None:
    knowledge = gpu_knowledge(tmp_path, index_build=[CU126])
    target = named_target(knowledge, ["7.0"])
    query = Query(knowledge, target)
    build = query.index_build("demo", Version(version))
    assert (build is not None) is found
    code = query.device_code("demo", release(f"demo {version}").distribution)
    assert (code.sass if code else None) == (("50", "70") if found else None)
    other = named_target(knowledge, ["9.0"], platform="linux-aarch64")
    assert Query(knowledge, other).index_build("demo", Version(version)) is None


# -- drivers ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("library", "expected"),
    [
        (None, "__cuda_driver>=580.65.06"),
        (Fact(name=LIBCUDA, state=FactState.KNOWN, value="580.95.05"), "__libcuda>=580.65.06"),
        (Fact(name=LIBCUDA, state=FactState.ABSENT), "__cuda_driver>=580.65.06"),
    ],
)
def test_the_loaded_libcuda_decides_driver_floors(
    tmp_path: Path, library: Fact | None, expected: str
) -> None:
    knowledge = knowledge_of(tmp_path, demo(rule("demo/driver", constrains=["__cuda_driver>=580.65.06"])))
    target = named_target(knowledge, ["9.0"], driver="535.161.08")
    if library is not None:
        target = with_fact(target, library)
    assert [str(item) for item in judge(knowledge, target).requirements] == [expected]


@pytest.mark.parametrize(
    ("cuda", "floor"),
    [("11.8", "450.80.02"), ("12.9", "525.60.13"), ("13.0", "580.65.06"), ("10.2", "440.33")],
)
def test_the_driver_floor_is_that_of_the_cuda_major(tmp_path: Path, cuda: str, floor: str) -> None:
    line = f"demo 1.0 cuda={cuda} sass=90"
    knowledge = gpu_knowledge(tmp_path, line)
    target = with_fact(
        named_target(knowledge, ["9.0"]), Fact(name=LIBCUDA, state=FactState.KNOWN, value="580.1")
    )
    for on, name in ((target, LIBCUDA), (named_target(knowledge, ["9.0"]), CUDA_DRIVER)):
        (requirement,) = judge(knowledge, on, line).requirements
        assert str(requirement) == f"{name}>={floor}"


def test_an_unknown_driver_is_a_condition_of_gpu_code(tmp_path: Path) -> None:
    line = "demo 1.0 cuda=12.6 sass=70"
    knowledge = gpu_knowledge(tmp_path, line)
    target = named_target(knowledge, ["7.0"])
    target = with_fact(target, Fact(name=CUDA_DRIVER, state=FactState.UNKNOWN))
    judgement = judge(knowledge, target, line)
    assert judgement.requirements == ()
    assert [origin.rule for origin in judgement.conditions] == ["cuda/12-driver"]


def test_ptx_alone_with_an_unknown_cuda_is_a_condition_and_no_refusal(tmp_path: Path) -> None:
    """What nobody said passes and is recorded: the driver may know the PTX."""
    line = "demo 1.0 cuda=12.6 ptx=70"
    knowledge = gpu_knowledge(tmp_path, line)
    target = named_target(knowledge, ["7.0"])
    for name in (CUDA, CUDA_DRIVER):
        target = with_fact(target, Fact(name=name, state=FactState.UNKNOWN))
    judgement = judge(knowledge, target, line)
    assert not judgement.impossible
    assert "demo/device-code" in {origin.rule for origin in judgement.conditions}


def test_how_a_source_release_is_built(tmp_path: Path) -> None:
    build = {"versions": ">=2", "needs": ["ninja"], "environment": {"A": "1"}, "evidence": []}
    knowledge = knowledge_of(tmp_path, demo(source_build=[build]))
    query = Query(knowledge, named_target(knowledge, []))
    found = {
        line: query.source_build("demo", release(line).distribution) is not None
        for line in ("demo 2.0 sdist", "demo 1.0 sdist", "demo 2.0")
    }
    assert found == {"demo 2.0 sdist": True, "demo 1.0 sdist": False, "demo 2.0": False}
    assert query.source_build("demo", None) is None
