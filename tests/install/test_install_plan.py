"""What the plan of an installation refuses, leaves open, and wants proved."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.errors import InputError, LockError
from envfit.install.plan import HealthCheck, plan
from envfit.knowledge.model import CAPABILITY, Choice, DeviceCode, PackageKnowledge
from envfit.target import CUDA_DRIVER, GLIBC, FactState, Platform
from tests.install.locks import bare_target, entry, gpu_target, knowledge, known, locked, rule

CUDA_13 = "nvidia_cublas-13.1.0-py3-none-manylinux_2_27_x86_64.whl"
TORCH = "torch-2.14.1-cp311-cp311-manylinux_2_28_x86_64.whl"
LEAF = rule(
    "cuda/13-libraries",
    "nvidia-cublas",
    versions=">=13",
    constrains=[(CUDA_DRIVER, ">=580.65.06"), (CAPABILITY, ">=7.5")],
    why="CUDA 13 libraries need driver 580.65.06 and capability 7.5.",
)


def test_what_fits_is_installed_with_the_locks_python() -> None:
    lock = locked(entry(TORCH, size=700), entry("other-1.0.tar.gz", size=30))
    planned = plan(lock, gpu_target(), knowledge())
    assert planned.python == "3.11"
    assert [package.name for package in planned.to_install] == ["other", "torch"]
    assert (planned.refusals, planned.conditions, planned.to_build) == ((), (), ())
    assert planned.download_size == 730


def test_a_fact_that_does_not_hold_is_a_refusal_with_its_rule_and_facts() -> None:
    planned = plan(locked(entry(CUDA_13)), gpu_target(), knowledge(LEAF))
    (refusal,) = planned.refusals
    assert refusal.packages == ("nvidia-cublas 13.1.0",)
    assert refusal.reason.rule == "cuda/13-libraries"
    assert any("535.161.08" in fact for fact in refusal.reason.facts)
    assert any("7.0" in fact for fact in refusal.reason.facts)
    assert str(refusal).startswith("nvidia-cublas 13.1.0: CUDA 13 libraries need")


def test_a_rule_that_is_switched_off_refuses_nothing() -> None:
    off = frozenset({LEAF.id})
    assert plan(locked(entry(CUDA_13)), gpu_target(), knowledge(LEAF), ignored=off).refusals == ()


def test_packages_refused_in_the_same_words_share_a_refusal() -> None:
    both = replace(LEAF, packages=("nvidia-*",))
    lock = locked(entry(CUDA_13), entry("nvidia_cufft-13.0.1-py3-none-manylinux_2_27_x86_64.whl"))
    (refusal,) = plan(lock, gpu_target(), knowledge(both)).refusals
    assert refusal.packages == ("nvidia-cublas 13.1.0", "nvidia-cufft 13.0.1")


def test_without_a_gpu_what_the_packages_ask_of_one_stays_to_be_proved() -> None:
    planned = plan(locked(entry(CUDA_13)), bare_target(), knowledge(LEAF))
    assert planned.refusals == ()
    (condition,) = planned.conditions
    assert str(condition) == (
        "a GPU is absent here: capability 7.5 to 9.0, driver 580.65.06 or newer still to be proved"
    )


def test_a_lock_that_asks_nothing_of_a_gpu_leaves_nothing_open() -> None:
    assert plan(locked(entry(TORCH)), bare_target(), knowledge()).conditions == ()


def test_a_package_that_needs_a_gpu_is_named_and_not_refused_where_there_is_none() -> None:
    needs = rule("cupy/gpu", "cupy", requires=[(CAPABILITY, ">=5.0")])
    planned = plan(locked(entry("cupy-14.0.0-py3-none-any.whl")), bare_target(), knowledge(needs))
    assert planned.refusals == ()
    (condition,) = planned.conditions
    assert (condition.fact, condition.state, condition.packages) == (
        "GPU",
        FactState.ABSENT,
        ("cupy 14.0.0",),
    )


def test_an_unknown_fact_is_a_condition() -> None:
    target = replace(gpu_target("9.0"), facts=(known(GLIBC, "2.28"),))
    planned = plan(locked(entry(CUDA_13)), target, knowledge(LEAF))
    assert planned.refusals == ()
    assert [str(condition) for condition in planned.conditions] == [
        "__cuda_driver is unknown here: nvidia-cublas 13.1.0 still to be proved"
    ]


def test_a_wheel_without_code_for_the_gpu_is_refused() -> None:
    code = DeviceCode(
        package="torch",
        version=Version("2.14.1"),
        platform=Platform(),
        filename=TORCH,
        sha256=hashlib.sha256(TORCH.encode()).hexdigest(),
        cuda=Version("13.0"),
        sass=("75", "90"),
    )
    base = knowledge(packages=[PackageKnowledge(name="torch", gpu_builds=True)], device_code=[code])
    planned = plan(locked(entry(TORCH)), gpu_target("7.0", "580.65.06", "13.0"), base)
    assert [refusal.reason.rule for refusal in planned.refusals] == ["torch/device-code"]


@pytest.mark.parametrize(
    ("filename", "glibc", "says"),
    [
        (TORCH, "2.17", "Its wheel needs glibc 2.28 or newer, and this machine has 2.17."),
        (
            "demo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
            "2.28",
            "is not made for CPython 3.11 on linux-x86_64",
        ),
        (
            "demo-1.0-cp311-cp311-manylinux_2_17_aarch64.whl",
            "2.28",
            "is not made for CPython 3.11 on linux-x86_64",
        ),
        ("demo-1.0-cp311-cp311-musllinux_1_2_x86_64.whl", "2.28", "is not made for"),
    ],
)
def test_a_wheel_that_does_not_fit_is_refused_in_a_sentence(filename: str, glibc: str, says: str) -> None:
    (refusal,) = plan(locked(entry(filename)), gpu_target(glibc=glibc), knowledge()).refusals
    assert says in refusal.reason.sentence


def test_an_unknown_glibc_refuses_no_wheel_and_is_named() -> None:
    target = replace(gpu_target(), facts=(known(CUDA_DRIVER, "535.161.08"),))
    planned = plan(locked(entry(TORCH)), target, knowledge())
    assert planned.refusals == ()
    assert [str(item) for item in planned.conditions] == [
        "__glibc is unknown here: 2.28 or newer still to be proved"
    ]


def test_a_lock_for_another_platform_is_refused_once() -> None:
    lock = locked(
        entry("demo-1.0-cp311-cp311-manylinux_2_17_aarch64.whl"), environment="platform_machine == 'aarch64'"
    )
    (refusal,) = plan(lock, gpu_target(), knowledge()).refusals
    assert refusal.packages == ()
    assert 'platform_machine == "aarch64", and this is linux-x86_64' in str(refusal)


def test_a_file_for_another_python_is_refused() -> None:
    lock = locked(entry("demo-1.0-py3-none-any.whl", requires_python=">=3.12"))
    (refusal,) = plan(lock, gpu_target(), knowledge()).refusals
    assert refusal.reason.sentence == "It requires Python >=3.12, and the lock is for 3.11."


def test_packages_that_exclude_each_other_are_refused() -> None:
    apart = rule("a/not-with-b", "a", excludes=["b"])
    lock = locked(entry("a-1.0-py3-none-any.whl"), entry("b-1.0-py3-none-any.whl"))
    (refusal,) = plan(lock, gpu_target(), knowledge(apart)).refusals
    assert (refusal.packages, refusal.reason.rule) == (("a 1.0", "b 1.0"), "a/not-with-b")
    assert plan(lock, gpu_target(), knowledge(apart), skip=frozenset({"b"})).refusals == ()


def test_packages_that_disagree_on_a_choice_are_refused() -> None:
    choice = Choice(name="__torch_cuda", values=(Version("12.6"), Version("13.0")), what="torch's CUDA")
    one = rule("a/cuda", "a", requires=[("__torch_cuda", "==12.6")], why="a is made for CUDA 12.6.")
    other = rule("b/cuda", "b", requires=[("__torch_cuda", "==13.0")], why="b is made for CUDA 13.0.")
    lock = locked(entry("a-1.0-py3-none-any.whl"), entry("b-1.0-py3-none-any.whl"))
    (refusal,) = plan(lock, gpu_target(), knowledge(one, other, choices=[choice])).refusals
    assert refusal.packages == ("a 1.0", "b 1.0")
    assert refusal.reason.sentence == "a is made for CUDA 12.6. But: b is made for CUDA 13.0."


def test_a_rule_about_another_locked_package_is_checked() -> None:
    needs = rule("a/needs-b", "a", requires=[("b", ">=2")])
    lock = locked(entry("a-1.0-py3-none-any.whl"), entry("b-1.0-py3-none-any.whl"))
    assert [item.reason.rule for item in plan(lock, gpu_target(), knowledge(needs)).refusals] == ["a/needs-b"]
    # Not in the lock: a module provides it, and the lock was checked with it.
    assert plan(locked(entry("a-1.0-py3-none-any.whl")), gpu_target(), knowledge(needs)).refusals == ()


def test_what_must_be_compiled_is_not_installed_and_can_be_skipped() -> None:
    lock = locked(entry("flash_attn-2.8.3.post2.tar.gz", build=True, depends=["torch"]), entry(TORCH))
    planned = plan(lock, gpu_target(), knowledge())
    assert [package.name for package in planned.to_build] == ["flash-attn"]
    assert [package.name for package in planned.to_install] == ["torch"]
    skipping = plan(lock, gpu_target(), knowledge(), skip=frozenset({"Flash_Attn"}))
    assert (skipping.to_build, skipping.skipped) == ((), ("flash-attn",))


def test_a_skipped_name_that_is_not_locked_is_an_error_with_the_nearest() -> None:
    with pytest.raises(InputError, match="flash-atn cannot be skipped") as caught:
        plan(
            locked(entry("flash_attn-2.8.3.tar.gz", build=True)),
            gpu_target(),
            knowledge(),
            skip=frozenset({"flash-atn"}),
        )
    assert caught.value.hints == ("did you mean flash-attn?",)


def test_roots_and_packages_with_a_known_check_are_imported() -> None:
    lock = locked(
        entry("app-1.0-py3-none-any.whl", depends=["torch"]),
        entry(TORCH, depends=["triton", "numpy"]),
        entry("triton-2.0.0-py3-none-any.whl", depends=["torch"]),
        entry("numpy-2.0-py3-none-any.whl"),
    )
    base = knowledge(packages=[PackageKnowledge(name="torch", imports=("torch", "torch.cuda"))])
    assert plan(lock, gpu_target(), base).checks == (
        HealthCheck(package="app"),
        HealthCheck(package="torch", imports=("torch", "torch.cuda")),
    )


def test_packages_that_require_each_other_are_roots_where_nobody_else_asks() -> None:
    lock = locked(
        entry("a-1.0-py3-none-any.whl", depends=["b"]),
        entry("b-1.0-py3-none-any.whl", depends=["a", "c"]),
        entry("c-1.0-py3-none-any.whl"),
    )
    assert [check.package for check in plan(lock, gpu_target(), knowledge()).checks] == ["a", "b"]


@pytest.mark.parametrize(
    ("required", "python"),
    [("==3.11.*", "3.11"), (">=3.11,<3.12", "3.11"), (">=3.10", "3.12"), (None, "3.12")],
)
def test_the_python_is_that_of_the_lock(required: str | None, python: str) -> None:
    lock = locked(entry("a-1.0-py3-none-any.whl"), python=required)
    assert plan(lock, gpu_target(), knowledge()).python == python


def test_a_python_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(LockError, match=r"requires Python <3\.5"):
        plan(locked(python="<3.5"), gpu_target(), knowledge())


def test_a_file_without_a_hash_is_an_error() -> None:
    package = entry("a-1.0-py3-none-any.whl")
    wheel = replace(package.wheels[0], hashes={"md5": "0" * 32})
    with pytest.raises(LockError, match="without a sha256"):
        plan(locked(replace(package, wheels=[wheel])), gpu_target(), knowledge())


def test_nothing_of_the_tool_table_changes_the_plan() -> None:
    tool = {
        "target": {"platform": "linux-aarch64", "python": "3.9.1", "gpus": [], "facts": [], "assumed": []},
        "ignored-rules": [LEAF.id],
        "requirements": ["nothing"],
        "conditions": [{"package": "torch", "rule": "x", "why": "y", "unknown": ["__cuda"]}],
    }
    packages = (entry(CUDA_13), entry(TORCH, depends=["nvidia-cublas"]))
    base = knowledge(LEAF)
    for target in (gpu_target(), bare_target()):
        assert plan(locked(*packages, tool=tool), target, base) == plan(locked(*packages), target, base)


def test_a_platform_bound_rule_speaks_of_the_locks_python() -> None:
    # The target's own Python is 3.12; a wheel for 3.11 fits because the lock says so.
    lock = locked(entry("demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"), python="==3.11.*")
    assert plan(lock, gpu_target(), knowledge()).refusals == ()
    assert SpecifierSet("==3.11.*") == lock.requires_python
