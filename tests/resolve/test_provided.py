"""The independent check, asked about packages that a module provides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from packaging.requirements import Requirement as DeclaredRequirement
from packaging.version import Version

from envfit.knowledge.hardware import named_target
from envfit.knowledge.query import Query
from envfit.resolve.amendments import Amendments
from envfit.resolve.decide import resolve
from envfit.resolve.provided import broken_requirements
from envfit.resolve.resolution import Resolution
from envfit.resolve.verify import verify
from envfit.selection.preferences import Preferences
from envfit.target import Provided
from tests.resolve.worlds import MemorySource, asked, knowledge_of


def provided(name: str, version: str, *requires: str) -> Provided:
    return Provided(name=name, version=Version(version), requires=tuple(map(DeclaredRequirement, requires)))


@pytest.fixture
def query(tmp_path: Path) -> Query:
    knowledge = knowledge_of(tmp_path, {})
    module = (provided("torch", "2.0", "lib>=2", "own>=3", "tool[x]"), provided("own", "1.0"))
    return Query(knowledge, replace(named_target(knowledge, [], python="3.11"), provided=module))


@pytest.fixture
def resolution(query: Query) -> Resolution:
    source = MemorySource({"lib 2": [], "lib 1": [], "tool 1": ["lib; extra == 'x'"]})
    return resolve(source, query, asked("torch"), preferences=Preferences())


def test_what_a_module_lacks_is_checked(query: Query, resolution: Resolution) -> None:
    assert verify(resolution, query) == ()
    without = replace(resolution, pins=tuple(pin for pin in resolution.pins if pin.name != "lib"))
    assert any(
        "torch 2.0, which is provided: lib>=2 is not pinned" in fault for fault in verify(without, query)
    )
    older = tuple(
        replace(pin, candidate=replace(pin.candidate, version=Version("1"))) if pin.name == "lib" else pin
        for pin in resolution.pins
    )
    faults = verify(replace(resolution, pins=older), query)
    assert "torch 2.0, which is provided: lib>=2, but 1 is pinned" in faults
    plain = tuple(replace(pin, extras=frozenset()) for pin in resolution.pins)
    assert any("without its extras" in fault for fault in verify(replace(resolution, pins=plain), query))


def test_overrides_and_exclusions_hold_for_what_a_module_lacks(query: Query) -> None:
    # Of what is provided there is one version, whatever stands in the place of a requirement on it.
    amendments = Amendments(
        overrides={"lib": asked("lib==1"), "own": asked("own==7")}, excluded=frozenset({"tool"})
    )
    source = MemorySource({"lib 2": [], "lib 1": []})
    resolution = resolve(source, query, asked("torch"), preferences=Preferences(), amendments=amendments)
    assert {pin.name: str(pin.version) for pin in resolution.pins} == {
        "torch": "2.0",
        "own": "1.0",
        "lib": "1",
    }
    assert verify(resolution, query) == ()


def test_a_module_that_does_not_hold_together_is_told_for_the_packages_in_use(query: Query) -> None:
    said = broken_requirements(query.target, ["torch", "own"])
    assert said == ("the module itself does not hold together: torch 2.0 requires own>=3, own 1.0 is there",)
    assert broken_requirements(query.target, ["own"]) == ()
