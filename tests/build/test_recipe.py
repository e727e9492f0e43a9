"""Architectures in the words of a package, and the variables of its build."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.build.reason import NoWord, WordNeedsNvcc
from envfit.build.recipe import Recipe, recipe_for
from envfit.knowledge.model import BuildArchitecture, NvccRelease, SourceBuild
from envfit.target import NVCC, Capability, Fact, FactState, Gpu, Platform, Target

FIRST = BuildArchitecture(word="80", code="80")
HOPPER = BuildArchitecture(word="90", code="90", nvcc=SpecifierSet(">=11.8"))
BLACKWELL = BuildArchitecture(word="120", code="120", nvcc=SpecifierSet(">=12.8"))
COMPILERS = (
    NvccRelease(version=Version("11.8"), gxx=11, architectures=("70", "80", "86", "90")),
    NvccRelease(version=Version("12.4"), gxx=13, architectures=("70", "80", "86", "89", "90")),
    NvccRelease(version=Version("12.8"), gxx=14, architectures=("70", "80", "86", "89", "90", "100", "120")),
    NvccRelease(version=Version("13.0"), gxx=15, architectures=("80", "86", "89", "90", "100", "120", "121")),
)


def target_of(*capabilities: str, nvcc: str | None = "13.0.88") -> Target:
    gpus = tuple(Gpu(name=f"GPU {text}", capability=Capability.parse(text)) for text in capabilities)
    known = () if nvcc is None else (Fact(name=NVCC, state=FactState.KNOWN, value=nvcc),)
    return Target(platform=Platform(), python=Version("3.12.1"), gpus=gpus, facts=known)


def build_of(*architectures: BuildArchitecture, **fields: object) -> SourceBuild:
    said = {"versions": SpecifierSet(), "needs": ("torch",), "environment": {}, **fields}
    return SourceBuild(architectures=architectures, **said)  # type: ignore[arg-type]


def recipe(build: SourceBuild, target: Target) -> Recipe:
    return recipe_for("demo", Version("1.0"), build, target, COMPILERS)


WORDS = build_of(FIRST, HOPPER, BLACKWELL, architectures_in="DEMO_ARCHS")


@pytest.mark.parametrize(
    ("capabilities", "words"),
    [
        (["8.0"], "80"),
        (["8.6", "8.9"], "80"),
        (["9.0"], "90"),
        (["12.1"], "120"),
        (["8.9", "9.0", "12.0"], "80;90;120"),
    ],
)
def test_words_serve_the_later_gpus_of_their_generation(capabilities: list[str], words: str) -> None:
    found = recipe(WORDS, target_of(*capabilities))
    assert found.variables == {"DEMO_ARCHS": words}
    assert not found.unserved
    assert len(found.served) == len(capabilities)


@pytest.mark.parametrize("capability", ["7.5", "8.7", "10.0", "11.0"])
def test_what_no_word_serves_is_refused(capability: str) -> None:
    (reason,) = recipe(WORDS, target_of("9.0", capability)).unserved
    assert isinstance(reason, NoWord)
    assert str(reason) == (
        f"demo 1.0 compiles for 80, 90, 120 only, and none of that runs on GPU {capability} "
        f"(compute capability {capability})."
    )


def test_a_word_that_the_package_leaves_out_is_refused() -> None:
    (reason,) = recipe(WORDS, target_of("12.0", nvcc="12.4.131")).unserved
    assert isinstance(reason, WordNeedsNvcc)
    assert "silently leaves out unless nvcc is >=12.8; here it is 12.4.131" in str(reason)


def test_a_code_that_nvcc_cannot_write_is_refused() -> None:
    careless = build_of(BuildArchitecture(word="120", code="120"), architectures_in="DEMO_ARCHS")
    (reason,) = recipe(careless, target_of("12.0", nvcc="12.4.131")).unserved
    assert str(reason).endswith("needs code for sm_120, which nvcc 12.4.131 cannot write.")


def test_without_an_nvcc_the_words_are_told_all_the_same() -> None:
    assert recipe(WORDS, target_of("12.0", nvcc=None)).codes == ("120",)


def test_without_a_choice_everything_that_the_build_admits_is_compiled() -> None:
    fixed = build_of(FIRST, HOPPER, BLACKWELL)
    assert recipe(fixed, target_of("9.0", nvcc="12.4.131")).codes == ("80", "90")
    assert recipe(fixed, target_of("9.0")).codes == ("80", "90", "120")
    assert recipe(fixed, target_of("9.0")).variables == {}


def test_without_words_capabilities_go_through_torch() -> None:
    found = recipe(build_of(), target_of("8.9", "9.0"))
    assert found.variables == {"TORCH_CUDA_ARCH_LIST": "8.9;9.0"}
    assert found.codes == ("89", "90")
    assert "TORCH_CUDA_ARCH_LIST" not in found.clears


def test_the_nearest_code_that_nvcc_writes_is_taken() -> None:
    assert recipe(build_of(), target_of("12.1", nvcc="12.8.93")).variables == {"TORCH_CUDA_ARCH_LIST": "12.0"}
    assert recipe(build_of(), target_of("12.1")).variables == {"TORCH_CUDA_ARCH_LIST": "12.1"}
    assert recipe(build_of(), target_of("8.9", nvcc="11.8.89")).variables == {"TORCH_CUDA_ARCH_LIST": "8.6"}


def test_a_build_without_torch_has_no_variable_of_torch() -> None:
    assert recipe(build_of(needs=("ninja",)), target_of("9.0")).variables == {}


def test_variables_that_are_not_inherited_are_named() -> None:
    build = build_of(
        FIRST,
        architectures_in="DEMO_ARCHS",
        environment={"DEMO_FORCE": "TRUE"},
        jobs_in="MAX_JOBS",
        threads_in="NVCC_THREADS",
        local_version_in="DEMO_LOCAL",
        clears=("DEMO_SKIP",),
    )
    found = recipe(build, target_of("8.0"))
    assert found.effort(7, 1) == {"MAX_JOBS": "7", "NVCC_THREADS": "1"}
    environ = {
        "TORCH_CUDA_ARCH_LIST": "9.0a",
        "NVCC_APPEND_FLAGS": "-lineinfo",
        "DEMO_SKIP": "TRUE",
        "DEMO_FORCE": "TRUE",
        "DEMO_ARCHS": "90",
        "DEMO_LOCAL": "mine",
        "MAX_JOBS": "64",
        "PATH": "/bin",
    }
    told = found.overridden(environ)
    assert set(told) == set(environ) - {"DEMO_FORCE", "PATH"}
    assert told["DEMO_ARCHS"] == "90"
    assert found.clears == (
        "TORCH_CUDA_ARCH_LIST",
        "NVCC_APPEND_FLAGS",
        "NVCC_PREPEND_FLAGS",
        "DEMO_SKIP",
        "MAX_JOBS",
        "NVCC_THREADS",
        "DEMO_LOCAL",
    )
