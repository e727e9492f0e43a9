"""What a lock tells under ``[tool]`` informs: the plan, the proof and the guard are the same without it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.pylock import Pylock
from packaging.version import Version

from envfit.install.guard import guard
from envfit.install.module import Module, told_of_module
from envfit.install.plan import plan
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.lock.contract import contract_of
from envfit.lock.document import to_pylock
from envfit.lock.reading import LockedPackage
from envfit.target import CUDA, CUDA_DRIVER, GLIBC, Target
from tests.install.locks import absent, entry, gpu_target, knowledge, known, locked
from tests.resolve.test_scenarios import SCENARIOS, Scenario, load

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: Says the opposite of everything that could be believed.
LIAR: dict[str, Any] = {
    "envfit": {
        "contract": "no GPU, linux aarch64",
        "ignored-rules": ["everything"],
        "requirements": ["nothing"],
        "target": {
            "platform": "linux-aarch64",
            "python": "3.9.1",
            "gpus": [{"name": "B200", "capability": "10.0"}],
            "ignored-gpus": [{"name": "V100", "capability": "7.0"}],
            "facts": [],
            "assumed": [],
            "provided": ["torch==0.1"],
            "interpreter": {"counts-on": ["torch==0.1"], "requires": {}},
        },
    },
    "uv": {"no-binary": True},
}


def is_locked(path: Path) -> bool:
    """Tell whether a lock comes of a scenario."""
    return "pins" in tomllib.loads(path.read_text(encoding="utf-8"))["expect"]


LOCKED = [path for path in SCENARIOS if is_locked(path)]


def lock_of(scenario: Scenario) -> tuple[Pylock, Target]:
    resolution = scenario.resolve()
    files = [(pin.name, pin.version, pin.candidate.distribution) for pin in resolution.pins]
    contract = contract_of(files, resolution.target, scenario.query.knowledge)
    return to_pylock(resolution, contract), resolution.target


def without_gpu(target: Target) -> Target:
    """Return the machine that an image is built on."""
    glibc = known(GLIBC, "2.39")
    return replace(target, gpus=(), facts=(absent(CUDA), absent(CUDA_DRIVER), glibc), provided=())


def same_plans(lock: Pylock, target: Target, base: KnowledgeBase) -> int:
    """Hold the plans of a lock without its tool table, and with another, against its own; count packages."""
    module = Module(python=target.python, provided=target.provided)
    seen = 0
    for here in (target, without_gpu(target)):
        for beside in (None, module):
            plans = [
                plan(replace(lock, tool=tool), here, base, module=beside) for tool in (lock.tool, None, LIAR)
            ]
            assert plans[0] == plans[1] == plans[2]
            guards = [guard(versions(one.to_install), Query(base, here)) for one in plans]
            assert guards[0] == guards[1] == guards[2]
            seen += len(plans[0].to_install) + len(plans[0].to_build)
    return seen


def versions(packages: Iterable[LockedPackage]) -> dict[str, Version]:
    return {package.name: package.version for package in packages if package.version is not None}


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.stem)
def test_the_plan_of_every_lock_is_the_same_without_its_tool_table(path: Path, tmp_path: Path) -> None:
    scenario = load(path, tmp_path)
    lock, target = lock_of(scenario)
    assert lock.tool is not None
    assert same_plans(lock, target, scenario.query.knowledge) == 4 * len(lock.packages)


def test_there_are_enough_of_them() -> None:
    assert len(LOCKED) > 50


def test_builds_are_what_the_marker_says() -> None:
    flash = entry("flash_attn-2.8.3.post2.tar.gz", build=True, depends=["torch"])
    torch = entry("torch-2.14.1-cp311-cp311-manylinux_2_28_x86_64.whl")
    lock = locked(flash, torch, tool={"target": {"gpus": []}})
    assert same_plans(lock, gpu_target(), knowledge()) == 8
    (built,) = plan(lock, gpu_target(), knowledge()).to_build
    assert built.name == "flash-attn"


def test_a_malformed_tool_table_stops_nothing() -> None:
    lock = locked(entry("a-1.0-py3-none-any.whl"), tool={"target": {"gpus": "many", "interpreter": 3}})
    assert same_plans(lock, gpu_target(), knowledge()) == 4
    module = Module(python=Version("3.11.1"), provided=())
    assert list(told_of_module(lock, module)) == []
    assert list(told_of_module(lock, None)) == []
