"""Targets by name: GPUs as people write them, assumptions that are marked, and what cannot exist."""

from __future__ import annotations

import platform
import sysconfig

import packaging.tags
import pytest
from packaging.markers import Marker, default_environment
from packaging.version import Version

from envfit.errors import TargetError, TargetImpossibleError
from envfit.knowledge.hardware import branch_of, find_gpu, named_target, python_entry
from envfit.knowledge.load import load
from envfit.knowledge.model import KnowledgeBase
from envfit.target import CUDA, CUDA_ARCH, CUDA_DRIVER, GLIBC, NVCC, Capability, FactState, Platform
from tests.resolve.worlds import AXES


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    """The real axes and hardware, without packages."""
    directory = tmp_path_factory.mktemp("knowledge")
    for folder in ("axes", "hardware"):
        (directory / folder).symlink_to(AXES.parent / folder)
    return load(directory)


# -- GPUs by name -------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "capability"),
    [
        ("V100", "V100", "7.0"),
        ("Tesla V100-SXM2-16GB", "V100", "7.0"),
        ("GTX 1080 Ti", "GTX 1080 Ti", "6.1"),
        ("NVIDIA GeForce GTX 1080 Ti", "GTX 1080 Ti", "6.1"),
        ("nvidia a100-sxm4-80gb", "A100", "8.0"),
        ("nvidia_h100_80gb_hbm3", "H100", "9.0"),
        ("rtx5090", "RTX 5090", "12.0"),
        ("gh200", "GH200", "9.0"),
        ("sm_70", "capability 7.0", "7.0"),
        ("7.0", "capability 7.0", "7.0"),
        ("compute_120", "capability 12.0", "12.0"),
        (" SM_90 ", "capability 9.0", "9.0"),
    ],
)
def test_a_gpu_is_found(knowledge: KnowledgeBase, text: str, name: str, capability: str) -> None:
    model = find_gpu(knowledge, text)
    assert (model.name, str(model.capability)) == (name, capability)


@pytest.mark.parametrize(
    ("text", "near"), [("V1000", "V100"), ("RTX 5900", "RTX 5090"), ("A-100-PCE", "A100")]
)
def test_an_unknown_gpu_is_refused_with_the_nearest_names(
    knowledge: KnowledgeBase, text: str, near: str
) -> None:
    with pytest.raises(TargetError, match=f"unknown GPU '{text}'") as caught:
        find_gpu(knowledge, text)
    assert caught.value.hints[0].startswith("nearest names: ")
    assert near in caught.value.hints[0].removeprefix("nearest names: ").split(", ")


@pytest.mark.parametrize("text", ["", "qqqqqqqqqq", "70", "sm_7", "sm_90a", "-7.0"])
def test_what_is_no_gpu_is_refused_with_a_way_out(knowledge: KnowledgeBase, text: str) -> None:
    with pytest.raises(TargetError, match="unknown GPU") as caught:
        find_gpu(knowledge, text)
    assert "--gpu sm_70" in caught.value.hints[-1]


@pytest.mark.parametrize("text", ["sm_71", "99.9", "10.1"])
def test_a_capability_that_no_gpu_has_is_refused_with_those_that_exist(
    knowledge: KnowledgeBase, text: str
) -> None:
    with pytest.raises(TargetError, match="no GPU has compute capability") as caught:
        find_gpu(knowledge, text)
    assert "7.0, 7.2, 7.5" in caught.value.hints[0]


# -- what is assumed ----------------------------------------------------------


def test_what_is_not_said_is_assumed_and_marked(knowledge: KnowledgeBase) -> None:
    target = named_target(knowledge, ["V100"])
    assert str(target.platform) == "linux-x86_64"
    assert target.python_minor == knowledge.default_python
    assert target.assumed == {"python", "platform"}
    facts = {name: target.fact(name) for name in (CUDA_DRIVER, CUDA, GLIBC, CUDA_ARCH)}
    assert {name: fact.value for name, fact in facts.items()} == {
        CUDA_DRIVER: "580.65.06",
        CUDA: "13.0",
        GLIBC: "2.28",
        CUDA_ARCH: "7.0",
    }
    assert {name for name, fact in facts.items() if fact.assumed} == {CUDA_DRIVER, CUDA, GLIBC}
    assert target.fact(NVCC).state is FactState.UNKNOWN


def test_what_is_said_is_not_assumed(knowledge: KnowledgeBase) -> None:
    target = named_target(
        knowledge, ["V100"], driver="535.161.08", python="3.10.4", glibc="2.31", platform="linux-x86_64"
    )
    assert target.assumed == frozenset()
    assert [fact.name for fact in target.facts if fact.assumed] == []
    assert (target.fact(CUDA_DRIVER).value, target.fact(CUDA).value) == ("535.161.08", "12.2")
    assert (target.python, target.fact(GLIBC).value) == (Version("3.10.4"), "2.31")


def test_the_patch_release_of_a_python_minor_is_assumed(knowledge: KnowledgeBase) -> None:
    target = named_target(knowledge, [], python="3.12")
    assert (target.python_minor, len(target.python.release)) == ("3.12", 3)
    assert "python" in target.assumed


def test_a_gpu_soldered_to_its_processor_implies_the_platform(knowledge: KnowledgeBase) -> None:
    target = named_target(knowledge, ["gh200"])
    assert target.platform == Platform(machine="aarch64")
    assert "platform" not in target.assumed
    with pytest.raises(
        TargetImpossibleError, match="GH200 exists only on linux-aarch64, not on linux-x86_64"
    ):
        named_target(knowledge, ["gh200"], platform="linux-x86_64")


def test_without_a_gpu_its_facts_are_absent(knowledge: KnowledgeBase) -> None:
    target = named_target(knowledge, [])
    assert {target.fact(name).state for name in (CUDA, CUDA_DRIVER, CUDA_ARCH)} == {FactState.ABSENT}
    assert target.capabilities == ()
    with pytest.raises(TargetError, match="without a GPU"):
        named_target(knowledge, [], driver="580")


def test_several_gpus_share_what_drives_them_all(knowledge: KnowledgeBase) -> None:
    target = named_target(knowledge, ["RTX 5090", "V100", "sm_70"])
    assert target.capabilities == (Capability(7, 0), Capability(12, 0))
    assert (target.fact(CUDA_ARCH).value, target.fact(CUDA_DRIVER).value) == ("7.0", "580.65.06")
    with pytest.raises(TargetImpossibleError, match="no driver branch drives K80 and RTX 5090 at once"):
        named_target(knowledge, ["K80", "RTX 5090"])


def test_the_newest_branch_serves_a_gpu_that_no_supported_one_drives(knowledge: KnowledgeBase) -> None:
    driver = named_target(knowledge, ["K80"]).fact(CUDA_DRIVER)
    assert branch_of(knowledge, driver.value).branch == 470
    assert not branch_of(knowledge, driver.value).supported
    assert (
        "oldest supported" not in driver.source
    )  # no supported branch drives it: the source must not say so


# -- drivers ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("driver", "branch"),
    [
        ("580.95.05", 580),
        ("580", 580),
        ("535.999.99", 535),  # an unlisted patch release
        ("581.1", 580),  # an unlisted branch counts as the nearest older one
        ("999.99", 620),
        ("396.26", 396),
    ],
)
def test_a_driver_belongs_to_its_branch(knowledge: KnowledgeBase, driver: str, branch: int) -> None:
    assert branch_of(knowledge, driver).branch == branch


def test_a_branch_alone_means_its_first_release(knowledge: KnowledgeBase) -> None:
    fact = named_target(knowledge, ["A100"], driver="570").fact(CUDA_DRIVER)
    assert (fact.value, fact.assumed) == ("570.86.10", False)
    assert "570" in fact.source


@pytest.mark.parametrize(
    "driver", ["", "12.8", "58", "5800", "580.", "580.95.05.01", "580-open", "v580", "latest"]
)
def test_a_malformed_driver_is_refused(knowledge: KnowledgeBase, driver: str) -> None:
    with pytest.raises(TargetError, match="is not a driver version"):
        named_target(knowledge, ["V100"], driver=driver)


def test_a_driver_older_than_every_branch_is_refused(knowledge: KnowledgeBase) -> None:
    with pytest.raises(TargetError, match="older than every branch known"):
        named_target(knowledge, ["V100"], driver="340.108")


@pytest.mark.parametrize(
    ("gpu", "driver", "because"),
    [
        ("RTX 5090", "560.35.03", "need driver 570.26 or newer"),
        ("V100", "595.58.03", "drivers of branch 595 start at compute capability 7.5"),
        ("GTX 1080 Ti", "590.44.01", "drivers of branch 590 start at compute capability 7.5"),
        ("K80", "535.54.03", "drivers of branch 535 start at compute capability 5.0"),
    ],
)
def test_a_gpu_and_a_driver_that_exclude_each_other_are_refused(
    knowledge: KnowledgeBase, gpu: str, driver: str, because: str
) -> None:
    with pytest.raises(TargetImpossibleError) as caught:
        named_target(knowledge, [gpu], driver=driver)
    assert f"does not run with driver {driver}" in caught.value.message
    assert because in caught.value.message
    assert caught.value.details["driver"] == f"{driver} (--driver)"
    assert "evidence" in caught.value.details


@pytest.mark.parametrize(
    ("gpu", "driver"),
    [("RTX 5090", "570.86.10"), ("V100", "580.95.05"), ("T4", "595.58.03"), ("K80", "470.256.02")],
)
def test_a_gpu_and_a_driver_that_fit_are_accepted(knowledge: KnowledgeBase, gpu: str, driver: str) -> None:
    assert named_target(knowledge, [gpu], driver=driver).fact(CUDA_DRIVER).value == driver


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("python", "3"),
        ("python", "2.7"),
        ("python", "3.99"),
        ("python", "3.11.x"),
        ("python", "3.11.9.1"),
        ("python", "python3.11"),
        ("python", ""),
        ("glibc", "2"),
        ("glibc", "3.0"),
        ("glibc", "2.28.1"),
        ("glibc", "musl"),
        ("glibc", ""),
        ("platform", "linux"),
        ("platform", "win-64"),
        ("platform", "osx-arm64"),
        ("platform", ""),
    ],
)
def test_a_malformed_value_is_refused(knowledge: KnowledgeBase, field: str, value: str) -> None:
    with pytest.raises(TargetError) as caught:
        named_target(knowledge, ["V100"], **{field: value})
    assert repr(value) in caught.value.message
    assert caught.value.hints


@pytest.mark.parametrize("text", ["3.11.9.post1", "1!3.11.9+local"])
def test_a_version_that_no_python_has_is_refused(knowledge: KnowledgeBase, text: str) -> None:
    with pytest.raises(TargetError, match="unknown Python"):
        python_entry(knowledge, text)


# -- tags and markers ---------------------------------------------------------


def platforms(knowledge: KnowledgeBase, glibc: str, where: str) -> list[str]:
    """Return the platform tags of a target, best first, each once."""
    target = named_target(knowledge, [], python="3.11", glibc=glibc, platform=where)
    return list(dict.fromkeys(tag.platform for tag in target.tags()))


@pytest.mark.parametrize(
    ("glibc", "where", "first", "last"),
    [
        ("2.17", "linux-x86_64", "manylinux_2_17_x86_64", "manylinux_2_5_x86_64"),
        ("2.28", "linux-x86_64", "manylinux_2_28_x86_64", "manylinux_2_5_x86_64"),
        ("2.28", "linux-aarch64", "manylinux_2_28_aarch64", "manylinux_2_17_aarch64"),
    ],
)
def test_platform_tags_go_down_from_the_targets_glibc(
    knowledge: KnowledgeBase, glibc: str, where: str, first: str, last: str
) -> None:
    found = platforms(knowledge, glibc, where)
    modern = [name for name in found if name.startswith("manylinux_")]
    assert (modern[0], modern[-1]) == (first, last)
    minors = [int(name.split("_")[2]) for name in modern]
    assert minors == sorted(minors, reverse=True)
    assert found[-2:] == [f"linux_{where.removeprefix('linux-')}", "any"]


def test_legacy_names_stand_beside_the_glibc_that_they_mean(knowledge: KnowledgeBase) -> None:
    found = platforms(knowledge, "2.17", "linux-x86_64")
    for legacy, modern in (("manylinux2014", "2_17"), ("manylinux2010", "2_12"), ("manylinux1", "2_5")):
        assert found.index(f"{legacy}_x86_64") == found.index(f"manylinux_{modern}_x86_64") + 1
    assert "manylinux1_aarch64" not in platforms(knowledge, "2.28", "linux-aarch64")


def test_a_wheel_for_this_python_is_better_than_abi3_and_that_than_pure_python(
    knowledge: KnowledgeBase,
) -> None:
    tags = [str(tag) for tag in named_target(knowledge, [], python="3.11", glibc="2.28").tags()]
    order = [
        "cp311-cp311-manylinux_2_28_x86_64",
        "cp311-abi3-manylinux_2_28_x86_64",
        "cp38-abi3-manylinux_2_17_x86_64",
        "py3-none-manylinux2014_x86_64",
        "py3-none-any",
    ]
    assert [tags.index(tag) for tag in order] == sorted(tags.index(tag) for tag in order)
    foreign = ("cp312-", "cp311-cp311t", "musllinux", "manylinux_2_29", "aarch64", "pp311")
    assert [tag for tag in tags if any(part in tag for part in foreign)] == []


def test_tags_and_markers_do_not_depend_on_this_machine(
    knowledge: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = named_target(knowledge, [], python="3.12", glibc="2.31", platform="linux-aarch64")
    before = (target.tags(), target.marker_environment())
    monkeypatch.setattr(sysconfig, "get_platform", lambda: "win-amd64")
    monkeypatch.setattr(platform, "machine", lambda: "sparc")
    monkeypatch.setattr(platform, "python_version", lambda: "2.7.18")
    monkeypatch.setattr(packaging.tags, "platform_tags", lambda: iter(["win_amd64"]))
    assert (target.tags(), target.marker_environment()) == before


def test_the_marker_environment_is_the_targets_and_complete(knowledge: KnowledgeBase) -> None:
    environment = named_target(knowledge, [], python="3.10.4", platform="linux-aarch64").marker_environment()
    assert environment.keys() == default_environment().keys()
    for text, expected in (
        ("python_version < '3.11' and python_full_version == '3.10.4'", True),
        ("platform_machine == 'x86_64'", False),
        ("sys_platform == 'linux' and platform_system == 'Linux' and os_name == 'posix'", True),
        ("implementation_name == 'cpython' and platform_python_implementation == 'CPython'", True),
        ("extra == 'x'", False),
    ):
        assert Marker(text).evaluate({**environment, "extra": ""}) is expected
