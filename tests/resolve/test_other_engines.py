"""Why resolvelib does not decide here, held against the release that is installed.

When one of the first tests fails, upstream has mended something: read decision 1 again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from resolvelib import BaseReporter, Resolver
from resolvelib.resolvers import ResolutionImpossible

from envfit.knowledge.hardware import named_target
from envfit.knowledge.query import Query
from envfit.resolve.provider import World
from envfit.resolve.solver import closure
from envfit.selection.preferences import Preferences
from judges.engines import ENGINES, ResolvelibProvider
from judges.worlds import judge, run
from tests.resolve.brute_force import solutions
from tests.resolve.small_worlds import axes, small_world, world_of
from tests.resolve.worlds import MemorySource, asked

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SCENARIOS = Path(__file__).parents[1] / "scenarios"


class Alphabetical(ResolvelibProvider):
    """The plainest order, in which each of the known inputs fails."""

    def get_preference(self, identifier, **_):
        return identifier


def of_scenario(name: str) -> World:
    data = tomllib.loads((SCENARIOS / f"{name}.toml").read_text(encoding="utf-8"))
    query = Query(axes(), named_target(axes(), []))
    return World(MemorySource(data["packages"]), query, asked(*data["ask"]["requirements"]), Preferences())


def resolver(world: World) -> tuple[Resolver, list]:
    roots = list(world.root_demands())
    return Resolver(Alphabetical(world, roots), BaseReporter()), roots


def test_resolvelib_says_impossible_of_what_can_be_solved() -> None:
    engine, roots = resolver(of_scenario("an-answer-after-a-dead-end-that-blames-another"))
    with pytest.raises(ResolutionImpossible):
        engine.resolve(roots)


def test_resolvelib_recurses_without_end_on_a_cycle() -> None:
    engine, roots = resolver(of_scenario("a-cycle-that-the-solution-leaves-behind"))
    with pytest.raises(RecursionError):
        engine.resolve(roots)


def test_resolvelib_returns_pins_that_break_a_requirement() -> None:
    world = of_scenario("a-cycle-in-which-the-newest-release-excludes-itself")
    engine, roots = resolver(world)
    pins = {name: pick.position for name, pick in engine.resolve(roots).mapping.items()}
    assert closure(world, roots, pins) is None


def test_the_judge_counts_right_answers_of_every_engine() -> None:
    solvable, scores = run(0, 40, 1)
    assert scores.keys() == ENGINES.keys()
    assert 0 < solvable < 40
    assert scores["envfit"].right == 40
    assert scores["envfit"].best == solvable
    assert scores["envfit"].faults == {}


def test_the_judge_knows_a_fault_when_it_sees_one() -> None:
    small = next(
        small
        for small in map(small_world, range(100))
        if len(list(solutions(small, small.asked))) > 1 and len(small.asked) > 1
    )
    world = world_of(small)
    every = list(solutions(small, small.asked))
    right = ENGINES["envfit"](world, world.root_demands())
    assert judge(small, world, right, every) == ("right", True)
    assert judge(small, world, {}, every) == ("wrong_pins", False)
    assert judge(small, world, "impossible", every) == ("false_impossible", False)
    assert judge(small, world, "undecided", every) == ("undecided", False)
    assert judge(small, world, "RecursionError", every) == ("crashed", False)
    assert judge(small, world, "impossible", []) == ("right", False)
