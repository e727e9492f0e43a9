"""The search's effort: what it decides, takes back and reads in worlds made to mislead it."""

from __future__ import annotations

import random

import pytest

from envfit.knowledge.hardware import named_target
from envfit.knowledge.query import Query
from envfit.resolve.provider import World
from envfit.resolve.search import BudgetSpentError, Contradiction, Search
from envfit.selection.preferences import Preferences
from tests.resolve.small_worlds import axes
from tests.resolve.worlds import MemorySource, asked


def search(packages: dict[str, list[str]], *names: str, budget: int = 10_000) -> tuple[Search, World]:
    world = World(
        MemorySource(packages), Query(axes(), named_target(axes(), [])), asked(*names), Preferences()
    )
    return Search(world, world.root_demands(), budget=budget), world


def version(world: World, pins: dict[str, int], name: str) -> str:
    return str(world.candidates(name)[pins[name]].version)


def test_a_name_that_an_earlier_one_refuses_gives_way_alone() -> None:
    """200 names in the order asked; of the last, 20 releases do not go with the newest of the tenth."""
    names = [f"p{number:03}" for number in range(200)]
    packages = {f"{name} {number}": [] for name in names for number in (1, 2)}
    for number in range(2, 22):
        packages[f"p199 {number}"] = ["p010<2"]
    effort, world = search(packages, *names)
    pins = effort.run()
    assert version(world, pins, "p010") == "2"
    assert version(world, pins, "p199") == "1"
    assert effort.conflicts <= 20, "one for each release that was tried"
    assert effort.decisions <= 220, "what lies between is not decided again"


def test_a_name_that_refuses_others_waits_until_they_are_decided() -> None:
    """Fifty releases of one package want a low lib; both are only required, and lib comes first."""
    packages = {"app 1": ["lib", "middle"], "middle 1": ["tool"]}
    packages |= {f"lib {number}": [] for number in range(1, 51)}
    packages |= {f"tool {number}": ["lib<50"] for number in range(1, 51)}
    packages["tool 0"] = []
    effort, world = search(packages, "app")
    pins = effort.run()
    assert version(world, pins, "tool") == "50"
    assert version(world, pins, "lib") == "49"
    assert effort.conflicts <= 2


@pytest.mark.parametrize("size", [100, 400])
def test_effort_grows_as_the_world_does(size: int) -> None:
    """A tree of packages; one requirement in twenty leaves out the newest release of another."""
    chance = random.Random(size)
    packages = {}
    for number in range(size):
        wanted = {2 * number + 1, 2 * number + 2, chance.randrange(number, size)} - {number}
        ranges = {
            child: "<=19" if chance.random() < 0.05 else "<=20" for child in sorted(wanted) if child < size
        }
        for release in range(1, 21):
            packages[f"p{number} {release}"] = [f"p{child}{bound}" for child, bound in ranges.items()]
    effort, world = search(packages, "p0", budget=100_000)
    pins = effort.run()
    assert len(pins) == size
    assert effort.conflicts <= size / 5
    assert len(world._demands) <= size * 1.2, "hardly anything is read that is not taken"


def test_budget_counts_decisions_and_conflicts() -> None:
    packages = {"a 1": ["c==1"], "a 2": ["c==1"], "b 1": ["c==2"], "b 2": ["c==2"], "c 1": [], "c 2": []}
    effort, _ = search(packages, "a", "b")
    with pytest.raises(Contradiction):
        effort.run()
    spent = effort.decisions + effort.conflicts
    with pytest.raises(BudgetSpentError):
        search(packages, "a", "b", budget=spent - 1)[0].run()
    with pytest.raises(Contradiction):
        search(packages, "a", "b", budget=spent)[0].run()


class Fetching(MemorySource):
    """A source that remembers what it is told to fetch ahead, and what is waited for."""

    def __init__(self, packages: dict[str, list[str]]) -> None:
        super().__init__(packages)
        self.ahead: set[str] = set()
        self.waited: list[str] = []

    def prefetch_metadata(self, distributions, then=None) -> None:
        self.ahead |= {str(item.version) for item in distributions if item.name == "lib"}

    def metadata(self, distribution):
        if distribution.name == "lib" and str(distribution.version) not in self.ahead:
            self.waited.append(str(distribution.version))
        return super().metadata(distribution)


def test_where_many_candidates_are_refused_the_next_are_fetched_side_by_side() -> None:
    packages = {"old 1": [], "old 2": [], "lib 0": []}
    packages |= {f"lib {number}": ["old<2"] for number in range(1, 101)}
    source = Fetching(packages)
    world = World(source, Query(axes(), named_target(axes(), [])), asked("old", "lib"), Preferences())
    effort = Search(world, world.root_demands(), budget=10_000)
    pins = effort.run()
    assert version(world, pins, "lib") == "0"
    assert effort.conflicts == 100
    assert len(source.waited) <= 2, "the others were on their way when they were asked for"
    assert len(source.ahead) <= 102
