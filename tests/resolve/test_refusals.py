"""Refusals as users read them: the text, the truth of each sentence, the minimal core, the ways out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from packaging.version import Version

from envfit.cli.explaining import refusal_lines
from envfit.cli.render import error_data
from envfit.requirement import Requirement
from envfit.resolve.attempt import world_of
from envfit.resolve.decide import Unsatisfied
from envfit.resolve.explain import Explanation
from envfit.resolve.names import base_name
from envfit.resolve.provider import Demand, World
from envfit.resolve.reason import Group, Reason
from envfit.resolve.solver import Impossible, Solved, solve
from envfit.resolve.way_out import WayKind, WayOut
from envfit.target import Fact
from tests.resolve.leaves import Leaves
from tests.resolve.test_scenarios import SCENARIOS, Scenario, load
from tests.resolve.worlds import asked
from tests.snapshots import compare

REFUSED = [
    path for path in SCENARIOS if re.search(r"^refused =", path.read_text(encoding="utf-8"), re.MULTILINE)
]
LINES = 12


@pytest.fixture(params=REFUSED, ids=lambda path: path.stem)
def refused(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Scenario, Unsatisfied]:
    scenario = load(request.param, tmp_path)
    with pytest.raises(Unsatisfied) as caught:
        scenario.resolve(ways=True)
    return request.param.stem, scenario, caught.value


def test_there_are_refusals() -> None:
    assert len(REFUSED) >= 40


def test_what_users_read(refused: tuple[str, Scenario, Unsatisfied]) -> None:
    name, _, error = refused
    lines = list(refusal_lines(error, verbose=False))
    assert sum(not line.startswith("hint: ") for line in lines) <= LINES
    compare(
        Path(__file__).parent / "snapshots" / f"{name}.txt",
        "\n".join([f"error: {error.message}", *lines]) + "\n",
    )
    shown = "\n".join(refusal_lines(error, verbose=True))
    for group in error.explanation.groups:
        assert str(group) in shown


def test_a_wide_core_leaves_room_for_one_reason() -> None:
    core = asked(*(f"p{number}" for number in range(20)))
    groups = tuple(
        Group(name="q", versions=(Version(str(n)),), reason=Reason(sentence=f"because {n}")) for n in range(9)
    )
    error = Unsatisfied("nothing fits", Explanation(core=core, groups=groups), ())
    lines = list(refusal_lines(error, verbose=False))
    assert lines[20:] == ["  - q 0: because 0", "  ... and 8 more reasons; -v shows all"]


def test_each_sentence_is_true(refused: tuple[str, Scenario, Unsatisfied]) -> None:
    _, scenario, error = refused
    leaves = Leaves(
        scenario.source.releases,
        scenario.query.knowledge,
        scenario.query.target,
        asked=scenario.ask["requirements"],
        constraints=scenario.ask.get("constraints", ()),
        overrides=scenario.ask.get("overrides", ()),
    )
    names = [requirement.name for requirement in error.explanation.core]
    # Two requirements on one name say it all themselves.
    assert error.explanation.groups or len(set(names)) < len(names)
    for group in error.explanation.groups:
        leaves.check(group)


def test_the_core_is_minimal(refused: tuple[str, Scenario, Unsatisfied]) -> None:
    _, scenario, error = refused
    explanation = error.explanation
    core = (*explanation.core, *explanation.constraints, *explanation.facts)
    assert not solves(scenario, core)
    for needless in core:
        assert solves(scenario, [member for member in core if member is not needless]), needless


def solves(scenario: Scenario, members: Any) -> bool:
    """Tell whether what is asked has a solution where some members count alone."""
    world, roots = only(scenario, members)
    return not roots or isinstance(solve(world, roots), Solved)


def only(scenario: Scenario, members: Any) -> tuple[World, list[Demand]]:
    """Return a world in which some members count alone, and what is asked there."""
    asked = scenario.asked
    whole = world_of(asked, scenario.requirements)
    known = {member.name for member in members if isinstance(member, Fact)}
    target = asked.query.target
    every = {"GPU", *(fact.name for fact in target.facts)}
    every |= {f"compute capability of {gpu.name}" for gpu in target.gpus}
    wanted = [member for member in members if isinstance(member, Requirement)]
    world = whole.with_less([one for one in asked.constraints if one in wanted], frozenset(every - known))
    roots = [demand for demand in world.root_demands() if demand.requirement in wanted]
    return world, roots


def test_each_way_out_leads_out(refused: tuple[str, Scenario, Unsatisfied], tmp_path: Path) -> None:
    name, scenario, error = refused
    for way in error.ways:
        changed = load(
            scenario.path,
            tmp_path / way.kind.name / str(error.ways.index(way)),
            dict(changed_by(way, scenario)),
        )
        resolution = changed.resolve()
        for package, version in way.outcome:
            pin = resolution.pin(package)
            assert pin is not None
            assert pin.version == version, f"{name}: {way}"


def changed_by(way: WayOut, scenario: Scenario) -> Iterator[tuple[str, Any]]:
    """Yield what a way out changes of a scenario, read from what a user would type."""
    change = way.change
    requirements = list(scenario.ask["requirements"])
    options = dict(zip(change.options[::2], change.options[1::2], strict=False))
    if way.kind in (WayKind.VERSION, WayKind.EXTRA, WayKind.PACKAGE):
        place = requirements.index(change.instead_of)
        requirements[place : place + 1] = [change.write] if change.write else []
        yield "requirements", requirements
    elif way.kind is WayKind.CONSTRAINT:
        yield "constraints", [one for one in scenario.ask["constraints"] if one != change.instead_of]
    elif "--pre" in change.options:
        yield "pre", True
    elif "--exclude-newer" in options:
        yield "exclude_newer", options["--exclude-newer"]
    elif way.kind is WayKind.SETTING and "--glibc" not in options:
        assert re.fullmatch(r"--(no-build|only-binary)", change.instead_of)
        yield from (("no_build", False), ("only_binary", ()))
    else:
        target = dict(scenario.target)
        gpus = [
            word
            for option, word in zip(change.options, change.options[1:], strict=False)
            if option == "--gpu"
        ]
        if way.kind is WayKind.FEWER_GPUS:
            target["gpus"] = [gpu for gpu in target["gpus"] if f"capability {gpu}" not in way.text]
        if gpus:
            target["gpus"] = gpus
            target.pop("driver", None)
        for option in ("driver", "glibc", "python"):
            if f"--{option}" in options:
                target[option] = options[f"--{option}"]
        yield "target", target


def test_what_is_said_to_be_out_is_out(refused: tuple[str, Scenario, Unsatisfied]) -> None:
    """What a release is told to require cannot be had, even where something else is not asked for."""
    _, scenario, error = refused
    explanation = error.explanation
    core = (*explanation.core, *explanation.constraints, *explanation.facts)
    world, roots = only(scenario, core)
    for group in explanation.groups:
        # Of a name further down, a requirement alone says only that it is there.
        claims = "that is out" in group.reason.sentence or group.name in {
            one.name for one in explanation.core
        }
        for version in group.versions if claims and group.reason.leads_to is not None else ():
            position = next(
                place for place, item in enumerate(world.candidates(group.name)) if item.version == version
            )
            names = [
                group.name,
                *(f"{group.name}[{extra}]" for one in explanation.core for extra in one.extras),
            ]
            # Told together: what one release requires may exclude itself.
            told = {other.reason.leads_to for other in explanation.groups if other.name == group.name}
            wanted = [
                demand
                for name in names
                for demand in world.demands(name, position)
                if base_name(demand.name) in told or demand.name.startswith("__")
            ]
            assert any(base_name(demand.name) == group.reason.leads_to for demand in wanted)
            assert any(
                isinstance(
                    solve(world, [*(one for one in roots if one.requirement != left), *wanted]), Impossible
                )
                for left in explanation.core
            ), f"{version} in {group}"


def test_ways_out_change_little_first(refused: tuple[str, Scenario, Unsatisfied]) -> None:
    _, _, error = refused
    kinds = [way.kind for way in error.ways]
    assert kinds == sorted(kinds)


def test_the_data_has_all_of_it(refused: tuple[str, Scenario, Unsatisfied]) -> None:
    _, _, error = refused
    data = error_data(error)
    schema = json.loads((resources.files("envfit.cli") / "schema" / "error.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(data)
    assert len(data["reasons"]) == len(error.explanation.groups)
    assert [way["says"] for way in data["ways-out"]] == list(map(str, error.ways))
    assert all(Version(version) for way in data["ways-out"] for version in way["outcome"].values())
