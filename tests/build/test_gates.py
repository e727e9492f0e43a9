"""Gates one by one: what closes them, what opens them, and what is only told as not known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from packaging.version import Version

from envfit import api
from envfit.build.case import Case, torch_cuda
from envfit.build.gate import Gate, Judged, Outcome, judge
from envfit.build.reason import NoWord, RuleBroken
from envfit.build.remedy import known_releases, with_remedies
from envfit.build.report import refuse_impossible, report_on
from envfit.distribution import Sdist
from envfit.errors import BuildImpossibleError
from envfit.knowledge.hardware import named_target
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.target import (
    CORES,
    CUDA_HEADERS,
    DISK_FREE,
    GLIBC,
    GXX,
    MEMORY_FREE,
    NVCC,
    PYTHON_HEADERS,
    Fact,
    FactState,
)

FACTS = {
    NVCC: "13.0.88",
    GXX: "13.3",
    MEMORY_FREE: "120",
    CORES: "16",
    DISK_FREE: "64",
    PYTHON_HEADERS: "/include",
    CUDA_HEADERS: "/cuda/include",
}


@pytest.fixture(scope="module")
def knowledge() -> KnowledgeBase:
    return api.knowledge()


def case_of(
    knowledge: KnowledgeBase,
    *gpus: str,
    release: str = "flash-attn==2.8.3.post2",
    torch: str | None = "2.11.0",
    **changed: Any,
) -> Case:
    """Return a case in which all gates are open, but for what is changed: None is not known, "none" absent."""
    name, _, text = release.partition("==")
    facts = []
    for fact, value in {**FACTS, **{f"__{key}": value for key, value in changed.items()}}.items():
        if value is not None:
            state = FactState.ABSENT if value == "none" else FactState.KNOWN
            facts.append(Fact(name=fact, state=state, value="" if value == "none" else value, source="said"))
    target = named_target(knowledge, gpus or ("A100",))
    target = replace(target, facts=(*target.facts, *facts))
    query, version = Query(knowledge, target), Version(text)
    build = query.source_build(name, Sdist(name=name, version=version, filename="", url="", index=""))
    assert build is not None
    beside = Version(torch) if torch is not None else None
    return Case(
        knowledge=knowledge,
        target=target,
        package=name,
        version=version,
        build=build,
        torch=beside,
        torch_cuda=torch_cuda(query, beside) if beside is not None else None,
    )


def gate(judged: Judged, name: str) -> Gate:
    (found,) = [item for item in judged.gates if item.name == name]
    return found


def text(found: Gate) -> str:
    return " ".join(map(str, found.reasons))


def test_all_gates_are_open(knowledge: KnowledgeBase) -> None:
    judged = judge(case_of(knowledge))
    assert {item.outcome for item in judged.gates} == {Outcome.PASSED}
    assert judged.possible


@pytest.mark.parametrize(
    ("changed", "name", "says"),
    [
        ({"nvcc": "none"}, "nvcc", "is compiled by nvcc, and there is none (said)."),
        ({"nvcc": "11.6.124"}, "nvcc for the package", "older than 11.7"),
        ({"nvcc": "12.8.93"}, "nvcc and torch", "nvcc is 12.8.93, and torch 2.11.0 has CUDA 13.0"),
        (
            {"gxx": "16.1"},
            "host compiler",
            "nvcc 13.0.88 works with GCC up to 15, and here it is 16.1 (said).",
        ),
        ({"gxx": "none"}, "host compiler", "there is none (said)"),
        ({"memory_free": "6.4"}, "memory", "up to 6.5 GiB"),
        ({"disk_free": "0.5"}, "disk", "about 1 GiB of disk, and 0.5 GiB are free (said)."),
        ({"python_headers": "none"}, "headers", "Python.h cannot be found (said)."),
    ],
)
def test_one_closed_gate(knowledge: KnowledgeBase, changed: dict[str, str], name: str, says: str) -> None:
    judged = with_remedies(judge(case_of(knowledge, **changed)))
    assert name in judged.failed
    assert says in text(gate(judged, name))
    assert gate(judged, name).remedies


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"nvcc": None}, "nvcc"),
        ({"nvcc": None}, "nvcc for the package"),
        ({"nvcc": None}, "nvcc for the GPU"),
        ({"nvcc": None}, "nvcc and torch"),
        ({"nvcc": "14.0"}, "nvcc for the GPU"),
        ({"nvcc": None}, "host compiler"),
        ({"gxx": None}, "host compiler"),
        ({"memory_free": None}, "memory"),
        ({"disk_free": None}, "disk"),
        ({"python_headers": None}, "headers"),
        ({"cuda_headers": None}, "headers"),
        ({"cuda_headers": "none"}, "headers"),  # the wheels that are locked beside torch may bring them
    ],
)
def test_what_nobody_says_is_open(knowledge: KnowledgeBase, changed: dict[str, None], name: str) -> None:
    judged = judge(case_of(knowledge, **changed))
    assert gate(judged, name).outcome is Outcome.UNKNOWN
    assert text(gate(judged, name)).endswith(".")


def test_without_a_torch_it_is_open(knowledge: KnowledgeBase) -> None:
    judged = judge(case_of(knowledge, torch=None))
    assert gate(judged, "torch").outcome is Outcome.UNKNOWN
    assert gate(judged, "nvcc and torch").outcome is Outcome.UNKNOWN
    assert judged.possible


def test_every_closed_gate_is_in_one_report(knowledge: KnowledgeBase) -> None:
    judged = judge(case_of(knowledge, "V100", torch="2.14.0", nvcc="none", gxx="none", memory_free="2"))
    assert judged.failed == {"GPU", "torch", "nvcc", "host compiler", "memory"}


def test_headers_of_cuda_come_with_the_wheels_beside_torch(knowledge: KnowledgeBase) -> None:
    case = case_of(knowledge, cuda_headers="none")
    wheels = ["nvidia-cublas", "nvidia-cuda-runtime", "nvidia-cusolver", "nvidia-cusparse"]
    for suffix in ("", "-cu12"):
        locked = replace(case, locked=frozenset(f"{name}{suffix}" for name in wheels))
        assert gate(judge(locked), "headers").outcome is Outcome.PASSED
    missing = gate(judge(replace(case, locked=frozenset(wheels[:-1]))), "headers")
    assert missing.outcome is Outcome.FAILED
    assert "not locked: nvidia-cusparse" in text(missing)


def test_tools_count_where_nothing_is_isolated(knowledge: KnowledgeBase) -> None:
    case = case_of(knowledge)
    assert "build tools" not in {item.name for item in judge(case).gates}
    named = ["torch", "packaging", "psutil", "ninja", "setuptools", "wheel"]
    all_there = replace(case, installed={name: Version("1") for name in named})
    assert gate(judge(all_there), "build tools").outcome is Outcome.PASSED
    lacking = replace(case, installed={name: Version("1") for name in named[:-2]})
    assert "needs setuptools, wheel to be built" in text(gate(judge(lacking), "build tools"))


def test_a_rule_that_is_switched_off_objects_no_more(knowledge: KnowledgeBase) -> None:
    case = case_of(knowledge, "H100", torch="2.14.0")
    assert judge(case).failed == {"torch"}
    assert judge(replace(case, ignored_rules=frozenset({"flash-attn/torch-before-2-14"}))).possible


def test_a_gpu_is_refused_once(knowledge: KnowledgeBase) -> None:
    (reason,) = gate(judge(case_of(knowledge, "V100")), "GPU").reasons
    assert isinstance(reason, RuleBroken)
    assert reason.origin.rule == "flash-attn/ampere-or-newer"


def test_a_gpu_that_no_word_serves_is_refused_without_a_rule(knowledge: KnowledgeBase) -> None:
    off = frozenset({"flash-attn/no-thor"})
    (reason,) = gate(judge(replace(case_of(knowledge, "11.0"), ignored_rules=off)), "GPU").reasons
    assert isinstance(reason, NoWord)
    assert str(reason) == (
        "flash-attn 2.8.3.post2 compiles for 80, 90, 100, 120 only, and none of that runs on capability 11.0."
    )


def test_releases_are_those_that_knowledge_has_read(knowledge: KnowledgeBase) -> None:
    known = known_releases("flash-attn", knowledge)
    assert known[0] == Version("2.8.3.post2")
    assert Version("1.0.9") in known
    assert list(known) == sorted(known, reverse=True)
    assert known_releases("nothing-of-the-kind", knowledge) == ()


def test_a_way_that_closes_another_gate_is_told_where_there_is_no_better_one(
    knowledge: KnowledgeBase,
) -> None:
    judged = with_remedies(judge(case_of(knowledge, release="mamba-ssm==2.2.4")))
    (release,) = gate(judged, "nvcc for the package").remedies
    assert release.text == "mamba-ssm 2.3.2.post1 can be compiled with this nvcc."
    # No nvcc of CUDA 12 works with GCC 16: whichever is taken, the compiler must change too.
    judged = with_remedies(judge(case_of(knowledge, torch="2.6.0", nvcc="none", gxx="16.1")))
    assert [remedy.closes for remedy in gate(judged, "nvcc").remedies] == [("host compiler",)]


def test_a_wheel_that_is_compiled_already_is_named(knowledge: KnowledgeBase) -> None:
    def told(glibc: str, *gpus: str, **changed: Any) -> list[str]:
        case = case_of(knowledge, *gpus, **changed)
        facts = [fact for fact in case.target.facts if fact.name != GLIBC]
        facts.append(Fact(name=GLIBC, state=FactState.KNOWN, value=glibc, source="said"))
        judged = with_remedies(judge(replace(case, target=replace(case.target, facts=tuple(facts)))))
        return [r.text for g in judged.gates for r in g.remedies if r.text.startswith("Compile nothing")]

    (found,) = told("2.35", nvcc="none", torch="2.8.0")
    assert "flash_attn-2.8.3.post2+cu12torch2.8cxx11abiTRUE-" in found
    assert found.endswith("beside torch 2.8.0.")
    assert "cu12torch2.8cxx11abiTRUE" in told("2.35", nvcc="none", torch="2.14.0")[0]
    assert told("2.28", nvcc="none", torch="2.8.0") == []  # they ask for glibc 2.32
    assert told("2.35", "V100", nvcc="none", torch="2.8.0") == []
    assert told("2.35", torch="2.8.0", nvcc="12.8.93") == []  # nothing is in the way


def test_wheels_of_nvcc_are_named_where_there_are_some(knowledge: KnowledgeBase) -> None:
    wheels, conda = gate(with_remedies(judge(case_of(knowledge, nvcc="none"))), "nvcc").remedies
    assert "'nvidia-cuda-nvcc==13.0.*' 'nvidia-nvvm==13.0.*'" in str(wheels.command)
    assert conda.command == "conda install conda-forge::cuda-nvcc=13.0"
    assert wheels.tried
    older = with_remedies(judge(case_of(knowledge, nvcc="none", torch="2.6.0")))
    (only,) = gate(older, "nvcc").remedies
    assert only.command == "conda install conda-forge::cuda-nvcc=12.4"


@pytest.mark.parametrize(
    ("torch", "closed"), [("2.11.0+cu128", True), ("2.12.0+cu128", False), ("2.10.0", False)]
)
def test_torch_may_refuse_what_nvcc_works_with(knowledge: KnowledgeBase, torch: str, closed: bool) -> None:
    case = replace(case_of(knowledge, torch=torch, nvcc="12.8.93", gxx="14.2"), torch_cuda=Version("12.8"))
    judged = with_remedies(judge(case))
    assert judged.failed == ({"host compiler"} if closed else set())
    if closed:
        assert "GCC 13 is the newest, and here it is 14.2 (said): torch 2.11 refuses" in text(
            gate(judged, "host compiler")
        )
        assert gate(judged, "host compiler").remedies[0].text == "Compile with GCC 13 or older."


def test_where_no_release_serves_no_other_gate_has_a_way(knowledge: KnowledgeBase) -> None:
    judged = with_remedies(judge(case_of(knowledge, "V100", nvcc="none")))
    assert [bool(item.remedies) for item in judged.gates if item.outcome is Outcome.FAILED] == [
        item.name == "GPU" for item in judged.gates if item.outcome is Outcome.FAILED
    ]


def test_an_impossible_build_is_an_error_with_every_reason(knowledge: KnowledgeBase) -> None:
    refuse_impossible(report_on(judge(case_of(knowledge)), {}))
    with pytest.raises(BuildImpossibleError) as caught:
        refuse_impossible(report_on(judge(case_of(knowledge, "H100", torch="2.14.0", memory_free="4")), {}))
    error = caught.value
    assert error.message.startswith("flash-attn 2.8.3.post2 cannot be built here: Every released")
    assert "6.5 GiB" in error.message
    assert set(error.details) == {"torch", "memory"}
    assert any("envfit lock flash-attn==2.8.3.post2 'torch==2.13.0'" in hint for hint in error.hints)
