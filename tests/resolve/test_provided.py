"""The independent check, asked about packages that a module provides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from packaging.requirements import Requirement as DeclaredRequirement
from packaging.version import Version

from envfit.knowledge.hardware import named_target
from envfit.knowledge.query import Query
from envfit.resolve.decide import resolve
from envfit.resolve.provided import broken_requirements
from envfit.resolve.resolution import Resolution
from envfit.resolve.selection import Preferences
from envfit.resolve.verify import verify
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
    assert any("torch 2.0 is provided and requires lib>=2" in fault for fault in verify(without, query))
    older = tuple(
        replace(pin, candidate=replace(pin.candidate, version=Version("1"))) if pin.name == "lib" else pin
        for pin in resolution.pins
    )
    faults = verify(replace(resolution, pins=older), query)
    assert "torch 2.0 is provided and requires lib>=2, not 1" in faults
    plain = tuple(replace(pin, extras=frozenset()) for pin in resolution.pins)
    assert any("pinned without extras" in fault for fault in verify(replace(resolution, pins=plain), query))


def test_a_module_that_does_not_hold_together_is_told_for_the_packages_in_use(query: Query) -> None:
    said = broken_requirements(query.target, ["torch", "own"])
    assert said == ("the module itself does not hold together: torch 2.0 requires own>=3, own 1.0 is there",)
    assert broken_requirements(query.target, ["own"]) == ()
