"""Worlds written as TOML: packages, knowledge and a target, and what must come of them.

``packages`` is the notation of ``worlds.py``; ``knowledge`` holds package files
without what is always the same; ``ask`` is what the user says; ``expect`` is
the whole set of pins, or the refusal: ``refused`` the rules that the explanation
names, ``core`` the requirements that conflict, ``unknown`` the names that no
index has, ``says`` a part of the explanation.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement as DeclaredRequirement
from packaging.version import Version

from envfit.errors import UnknownPackageError
from envfit.knowledge.hardware import named_target
from envfit.knowledge.query import Query
from envfit.requirement import Requirement
from envfit.resolve.amendments import Amendments
from envfit.resolve.attempt import Asked
from envfit.resolve.decide import Concede, Unsatisfied, resolve
from envfit.resolve.resolution import Resolution
from envfit.resolve.verify import verify
from envfit.selection.preferences import Preferences, Strategy
from envfit.target import Provided
from tests.resolve.worlds import MemorySource, asked, knowledge_of, rule

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.toml"))
EXPECTATIONS = {
    "better",
    "conditions",
    "core",
    "excluded",
    "left_out",
    "notes",
    "pins",
    "refused",
    "says",
    "unknown",
    "unread",
    "warnings",
}


@dataclass
class Scenario:
    """One file, ready to be resolved."""

    path: Path
    target: dict[str, Any]  # as it is written
    ask: dict[str, Any]
    expect: dict[str, Any]
    query: Query
    source: MemorySource

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """What the user asks for."""
        return asked(*self.ask["requirements"])

    @property
    def asked(self) -> Asked:
        """Everything that is asked besides."""
        ask = self.ask
        uploaded = ask.get("exclude_newer")
        overrides = asked(*ask.get("overrides", ()), where="overrides.txt")
        return Asked(
            source=self.source,
            query=self.query,
            preferences=Preferences(
                prereleases=ask.get("pre", False),
                build=not ask.get("no_build", False),
                newest_upload=datetime.fromisoformat(uploaded).replace(tzinfo=timezone.utc)
                if uploaded
                else None,
                no_binary=frozenset(ask.get("no_binary", ())),
                only_binary=frozenset(ask.get("only_binary", ())),
                strategy=Strategy(ask.get("resolution", "highest")),
                pinned={name: Version(version) for name, version in ask.get("pinned", {}).items()},
            ),
            constraints=asked(*ask.get("constraints", ()), where="constraints.txt"),
            amendments=Amendments(
                overrides={
                    item.name: tuple(other for other in overrides if other.name == item.name)
                    for item in overrides
                },
                excluded=frozenset(ask.get("excluded", ())),
            ),
            variant_indexes=frozenset(ask.get("variant_indexes", ())),
        )

    def resolve(self, *, ways: bool = False) -> Resolution:
        whole = self.asked
        return resolve(
            whole.source,
            whole.query,
            self.requirements,
            preferences=whole.preferences,
            constraints=whole.constraints,
            amendments=whole.amendments,
            optional=asked(*self.ask.get("optional", ())),
            concede=Concede(self.ask.get("concede", "minor")),
            variant_indexes=whole.variant_indexes,
            ways=ways,
            pythons=[entry.newest for entry in whole.query.knowledge.pythons],
        )


def load(path: Path, directory: Path, changes: Mapping[str, Any] | None = None) -> Scenario:
    """Return the scenario of a file; ``changes`` stand in the place of what it asks, or of its target."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    assert data.keys() <= {"target", "packages", "knowledge", "ask", "expect"}
    assert data["expect"].keys() <= EXPECTATIONS
    changes = dict(changes or {})
    stated = changes.pop("target", data.get("target", {}))
    ask = {**data["ask"], **changes}
    source = MemorySource(data["packages"])
    packages = {
        name: {**table, "rule": [rule(item.pop("id"), **item) for item in table.get("rule", ())]}
        for name, table in data.get("knowledge", {}).items()
    }
    knowledge = knowledge_of(directory, packages, source.releases)
    settings = {"python": "3.11", **stated}
    provided = [item.split("==") for item in settings.pop("provided", ())]
    read = settings.pop("read", None)  # of an interpreter: what the provided packages require
    target = named_target(knowledge, settings.pop("gpus", []), **settings)
    target = replace(
        target,
        provided=tuple(
            Provided(
                name=name,
                version=Version(version),
                requires=None if read is None else tuple(map(DeclaredRequirement, read.get(name, ()))),
            )
            for name, version in provided
        ),
    )
    ignored = frozenset(ask.get("ignored", ()))
    query = Query(knowledge, target, ignored=ignored)
    return Scenario(path=path, target=stated, ask=ask, expect=data["expect"], query=query, source=source)


@pytest.fixture(params=SCENARIOS, ids=lambda path: path.stem)
def scenario(request: pytest.FixtureRequest, tmp_path: Path) -> Scenario:
    return load(request.param, tmp_path)


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 20


def test_scenario(scenario: Scenario) -> None:
    expect = scenario.expect
    if "unknown" in expect:
        with pytest.raises(UnknownPackageError) as unknown:
            scenario.resolve()
        assert set(unknown.value.details) == set(expect["unknown"])
    elif "refused" in expect:
        with pytest.raises(Unsatisfied) as caught:
            scenario.resolve()
        _holds_refusal(caught.value, expect)
    else:
        resolution = scenario.resolve()
        assert {pin.name: str(pin.version) for pin in resolution.pins} == expect["pins"]
        assert verify(resolution, scenario.query) == ()
        _holds_account(resolution, expect)
    for part in expect.get("unread", ()):
        assert [name for name in scenario.source.asked if part in name] == []


def _holds_refusal(error: Unsatisfied, expect: dict[str, Any]) -> None:
    explanation = error.explanation
    rules = {group.reason.rule for group in explanation.groups if group.reason.rule}
    assert rules == set(expect["refused"])
    if "core" in expect:
        assert [str(requirement) for requirement in explanation.core] == expect["core"]
    text = "\n".join(map(str, explanation.groups))
    assert "===" not in text  # that a name with an extra wants its own package is the concern of the search
    for part in expect.get("says", ()):
        assert part in text
    if "better" in expect:
        assert [build.version for build in error.better] == expect["better"]


def _holds_account(resolution: Resolution, expect: dict[str, Any]) -> None:
    left_out = {item.name: "; ".join(item.reasons) for item in resolution.left_out}
    assert left_out.keys() == expect.get("left_out", {}).keys()
    for name, part in expect.get("left_out", {}).items():
        assert part in left_out[name]
        assert left_out[name], "a reason is always given"
    assert [build.version for build in resolution.better] == expect.get("better", [])
    assert sorted(origin.rule for origin in resolution.warnings) == expect.get("warnings", [])
    assert sorted(origin.rule for origin in resolution.conditions) == expect.get("conditions", [])
    assert list(resolution.notes) == expect.get("notes", [])
    if "excluded" in expect:
        assert [str(item) for item in resolution.excluded] == expect["excluded"]
