"""A resolution as PEP 751, and back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.pylock import Pylock
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.distribution import Sdist, Wheel
from envfit.errors import LockError
from envfit.knowledge.hardware import named_target
from envfit.knowledge.query import Query
from envfit.lock.contract import contract_of
from envfit.lock.document import to_pylock
from envfit.lock.file import lock_text
from envfit.lock.reading import locked_packages, locked_target, parse_lock
from envfit.resolve.decide import resolve
from envfit.resolve.resolution import Resolution
from envfit.selection.preferences import Preferences
from envfit.target import NVCC, Fact, FactState, Provided
from tests.resolve.worlds import INDEX, MemorySource, asked, knowledge_of, rule

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACKAGES = {
    "app 1.0 metadata-python>=3.9": ["lib>=1", "ext", "torch"],
    "lib 2.0 python>=3.8 tag=cp311-cp311-manylinux_2_28_x86_64 uploaded=2026-02-03": [],
    "ext 1.5 sdist": ["lib", "numpy"],
    "numpy 2.0": [],
    "torch 3.0 cuda=13.0 sass=80": [],
    "torch 2.0 cuda=12.6 sass=70,80": ["numpy"],
    "flash 1.0": [],
}
KNOWLEDGE: dict[str, Any] = {
    "ext": {
        "source_build": [{"versions": ">=1", "needs": ["ninja"], "environment": {}, "evidence": []}],
        "rule": [rule("ext/nvcc", requires=["__nvcc>=12"])],
    },
    "torch": {"gpu_builds": True},
    "flash": {
        "rule": [rule("flash/ampere", requires=["__capability>=8.0"])],
        "alternative": [{"name": "sdpa", "text": "torch has its own.", "evidence": []}],
    },
    "numpy": {"rule": [rule("numpy/slow", severity="warns", constrains=["__capability>=8.0"])]},
}

Make = Callable[..., Pylock]


@pytest.fixture
def lock(tmp_path: Path) -> Make:
    """A function that resolves the world above for a V100 and returns its lock."""

    def make(
        *, provided: tuple[str, ...] = (), reverse: bool = False, ignored: tuple[str, ...] = ()
    ) -> Pylock:
        packages = dict(reversed(PACKAGES.items())) if reverse else PACKAGES
        source = MemorySource(packages)
        knowledge = knowledge_of(tmp_path, KNOWLEDGE, MemorySource(PACKAGES).releases)
        target = replace(
            named_target(knowledge, ["7.0"], python="3.11"),
            provided=tuple(Provided(name=name, version=Version("2.0")) for name in provided),
            name="cluster",
        )
        resolution: Resolution = resolve(
            source,
            Query(knowledge, target, ignored=frozenset(ignored)),
            asked("app>=1"),
            preferences=Preferences(),
            optional=asked("flash"),
        )
        files = [(pin.name, pin.version, pin.candidate.distribution) for pin in resolution.pins]
        return to_pylock(resolution, contract_of(files, target, knowledge))

    return make


def package(lock: Pylock, name: str) -> Any:
    return next(package for package in lock.packages if package.name == name)


def test_the_lock_is_valid_and_says_where_it_serves(lock: Make) -> None:
    made = lock()
    made.validate()
    assert (str(made.lock_version), made.created_by) == ("1.0", "envfit")
    assert made.requires_python == SpecifierSet("==3.11.*")
    assert made.environments == [
        Marker(
            "implementation_name == 'cpython' and platform_machine == 'x86_64' and sys_platform == 'linux'"
        )
    ]
    assert [item.name for item in made.packages] == ["app", "ext", "lib", "numpy", "torch"]


def test_a_package_has_one_file_with_everything_recorded(lock: Make) -> None:
    lib = package(lock(), "lib")
    assert (lib.version, lib.index, lib.sdist, lib.marker) == (Version("2.0"), INDEX, None, None)
    (wheel,) = lib.wheels
    assert (wheel.name, wheel.url) == (
        "lib-2.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        f"{INDEX}/lib-2.0-cp311-cp311-manylinux_2_28_x86_64.whl",
    )
    assert wheel.upload_time == datetime(2026, 2, 3, tzinfo=timezone.utc)
    assert wheel.size == 1000 + len(wheel.name)
    assert list(wheel.hashes) == ["sha256"]
    assert len(wheel.hashes["sha256"]) == 64


def test_requires_python_is_that_of_the_metadata_else_of_the_file(lock: Make) -> None:
    made = lock()
    assert {item.name: str(item.requires_python or "") for item in made.packages} == {
        "app": ">=3.9",
        "ext": "",
        "lib": ">=3.8",
        "numpy": "",
        "torch": "",
    }


def test_dependencies_name_packages_of_the_lock(lock: Make) -> None:
    made = lock()
    assert {item.name: [other["name"] for other in item.dependencies or ()] for item in made.packages} == {
        "app": ["ext", "lib", "torch"],
        "ext": ["lib", "numpy"],
        "lib": [],
        "numpy": [],
        "torch": ["numpy"],
    }


def test_what_is_built_stands_in_the_group_builds(lock: Make) -> None:
    made = lock()
    assert (made.dependency_groups, made.default_groups) == (["builds"], [])
    ext = package(made, "ext")
    assert str(ext.marker) == '"builds" in dependency_groups'
    assert (ext.wheels, ext.sdist.filename) == (None, "ext-1.5.tar.gz")


def test_an_installer_takes_builds_only_where_that_group_is_asked_for(lock: Make, tmp_path: Path) -> None:
    made = lock()
    target = named_target(knowledge_of(tmp_path), [], python="3.11")
    environment: Any = target.marker_environment()

    def chosen(**groups: Any) -> set[str]:
        selection = made.select(tags=target.tags(), environment=environment, **groups)
        return {package.name for package, _ in selection}

    assert chosen() == {"app", "lib", "numpy", "torch"}
    assert chosen(dependency_groups=["builds"]) == {"app", "ext", "lib", "numpy", "torch"}


def test_without_builds_there_are_no_groups(lock: Make) -> None:
    made = lock(provided=("ext",))
    assert (made.dependency_groups, made.default_groups) == (None, None)


def test_provided_packages_are_neither_in_the_lock_nor_referenced(lock: Make) -> None:
    made = lock(provided=("torch",))
    assert [item.name for item in made.packages] == ["app", "ext", "lib", "numpy"]
    named = {other["name"] for item in made.packages for other in item.dependencies or ()}
    assert named <= {item.name for item in made.packages}
    assert made.tool is not None
    assert made.tool["envfit"]["target"]["provided"] == ["torch==2.0"]


def test_what_informs_a_reader(lock: Make) -> None:
    tool = (lock().tool or {})["envfit"]
    assert tool["contract"].endswith("driver 525.60.13 or newer, glibc 2.28 or newer, linux x86_64")
    assert tool["requirements"] == ["app>=1"]
    (newer,) = tool["why-not-newer"]
    assert (newer["name"], newer["versions"], newer["rule"]) == ("torch", ["3.0"], "torch/device-code")
    (out,) = tool["left-out"]
    assert out["name"] == "flash"
    assert "flash/ampere" in out["why"][0]
    assert out["alternatives"] == ["sdpa: torch has its own."]
    assert [(item["package"], item["rule"], item["unknown"]) for item in tool["conditions"]] == [
        ("ext", "ext/nvcc", ["__nvcc"])
    ]
    assert [item["rule"] for item in tool["warnings"]] == ["numpy/slow"]
    assert "ignored-rules" not in tool


def test_ignored_rules_are_recorded(lock: Make) -> None:
    assert (lock(ignored=("ext/nvcc",)).tool or {})["envfit"]["ignored-rules"] == ["ext/nvcc"]


def test_a_file_without_a_hash_is_not_locked(tmp_path: Path) -> None:
    source = MemorySource({"lib 1.0": []})
    query = Query(knowledge_of(tmp_path), named_target(knowledge_of(tmp_path), []))
    resolution = resolve(source, query, asked("lib"), preferences=Preferences())
    (pin,) = resolution.pins
    file = replace(source.releases[0].distribution, sha256=None)
    bare = replace(resolution, pins=(replace(pin, candidate=replace(pin.candidate, distribution=file)),))
    with pytest.raises(LockError, match=r"lib-1\.0-py3-none-any\.whl has no sha256"):
        to_pylock(bare, contract_of([], query.target, query.knowledge))


# -- the same bytes, and back -------------------------------------------------


def test_the_text_is_stable_byte_for_byte(lock: Make) -> None:
    assert lock_text(lock()) == lock_text(lock()) == lock_text(lock(reverse=True))


def test_the_text_can_be_read_and_says_the_same(lock: Make) -> None:
    made = lock()
    again = parse_lock(tomllib.loads(lock_text(made)), "pylock.toml")
    assert lock_text(again) == lock_text(made)


def test_packages_are_read_back(lock: Make) -> None:
    made = parse_lock(tomllib.loads(lock_text(lock())), "pylock.toml")
    packages = {item.name: item for item in locked_packages(made)}
    assert {name: item.build for name, item in packages.items()} == {
        "app": False,
        "ext": True,
        "lib": False,
        "numpy": False,
        "torch": False,
    }
    assert packages["ext"].dependencies == ("lib", "numpy")
    source = MemorySource(PACKAGES)
    for item in packages.values():
        (expected,) = [
            release
            for release in source.releases
            if (release.distribution.name, release.distribution.version) == (item.name, item.version)
        ]
        wanted = replace(expected.distribution, requires_python=expected.metadata.requires_python)
        assert item.distribution == wanted
        assert isinstance(item.distribution, Sdist if item.name == "ext" else Wheel)


def test_the_target_is_read_back(lock: Make, tmp_path: Path) -> None:
    made = parse_lock(tomllib.loads(lock_text(lock(provided=("torch",)))), "pylock.toml")
    target = locked_target(made)
    assert target is not None
    knowledge = knowledge_of(tmp_path)
    asked_for = named_target(knowledge, ["7.0"], python="3.11")
    assert (target.platform, target.python, target.gpus) == (
        asked_for.platform,
        asked_for.python,
        asked_for.gpus,
    )
    assert (target.facts, target.assumed, target.name) == (asked_for.facts, asked_for.assumed, "cluster")
    assert [(item.name, item.version) for item in target.provided] == [("torch", Version("2.0"))]


def test_a_path_in_a_source_is_not_written(lock: Make, tmp_path: Path) -> None:
    knowledge = knowledge_of(tmp_path / "other")
    target = named_target(knowledge, [])
    nvcc = Fact(name=NVCC, state=FactState.KNOWN, value="12.4", source="/home/somebody/cuda/bin/nvcc")
    target = replace(target, facts=(*target.facts, nvcc))
    resolution = resolve(
        MemorySource({"lib 1.0": []}), Query(knowledge, target), asked("lib"), preferences=Preferences()
    )
    text = lock_text(to_pylock(resolution, contract_of([], target, knowledge)))
    assert "somebody" not in text
    assert locked_target(parse_lock(tomllib.loads(text), "pylock.toml")) is not None


def test_deleting_the_tool_table_changes_no_package(lock: Make) -> None:
    made = lock()
    data = tomllib.loads(lock_text(made))
    del data["tool"]
    bare = parse_lock(data, "pylock.toml")
    assert locked_packages(bare) == locked_packages(made)
    assert locked_target(bare) is None


def table(**fields: Any) -> dict[str, Any]:
    """Return a target table that is good but for some fields."""
    good = {
        "platform": "linux-x86_64",
        "python": "3.11.9",
        "gpus": [{"name": "V100", "capability": "7.0"}],
        "facts": [{"name": "__glibc", "state": "known", "value": "2.28"}],
    }
    return {key: value for key, value in {**good, **fields}.items() if value is not None}


def with_tool(tool: Any) -> Pylock:
    return parse_lock({"lock-version": "1.0", "created-by": "x", "packages": [], "tool": tool}, "pylock.toml")


@pytest.mark.parametrize(
    "changed",
    [
        {"platform": None},
        {"platform": "win-64"},
        {"platform": 5},
        {"python": "three"},
        {"gpus": "V100"},
        {"gpus": [{"name": "V100", "capability": "seven"}]},
        {"gpus": [{"capability": "7.0"}]},
        {"facts": [{"name": "__glibc", "state": "perhaps"}]},
        {"facts": [{"state": "known"}]},
    ],
)
def test_a_malformed_target_is_refused_as_such(changed: dict[str, Any]) -> None:
    assert locked_target(with_tool({"envfit": {"target": table()}})) is not None
    with pytest.raises(LockError, match="malformed"):
        locked_target(with_tool({"envfit": {"target": table(**changed)}}))


@pytest.mark.parametrize("tool", [None, {}, {"other": {}}, {"envfit": {}}, {"envfit": "x"}])
def test_a_lock_of_another_tool_has_no_target(tool: Any) -> None:
    data = {
        "lock-version": "1.0",
        "created-by": "x",
        "packages": [],
        **({"tool": tool} if tool is not None else {}),
    }
    assert locked_target(parse_lock(data, "pylock.toml")) is None


WHEEL = {
    "name": "lib-1.0-py3-none-any.whl",
    "url": f"{INDEX}/lib-1.0-py3-none-any.whl",
    "hashes": {"sha256": "0" * 64},
}


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "lib", "version": "1.0", "wheels": [WHEEL, {**WHEEL, "name": "lib-1.0-py2-none-any.whl"}]},
        {"name": "lib", "wheels": [WHEEL]},
    ],
)
def test_an_entry_that_names_no_single_file_is_refused(entry: dict[str, Any]) -> None:
    lock = parse_lock({"lock-version": "1.0", "created-by": "x", "packages": [entry]}, "pylock.toml")
    with pytest.raises(LockError, match="lib is not locked to one file"):
        locked_packages(lock)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"lock-version": "9.0", "created-by": "x", "packages": []},
        {"lock-version": "1.0", "created-by": "x"},
        {"lock-version": "1.0", "created-by": "x", "packages": [{"version": "1.0"}]},
        {
            "lock-version": "1.0",
            "created-by": "x",
            "packages": [{"name": "lib", "wheels": [{"name": "junk"}]}],
        },
    ],
)
def test_what_is_no_valid_lock_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(LockError, match="is not a valid lock"):
        parse_lock(data, "pylock.toml")
