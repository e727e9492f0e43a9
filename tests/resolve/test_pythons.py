"""One of several Pythons, each a resolution of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from envfit.errors import EnvfitError
from envfit.knowledge.hardware import named_target
from envfit.knowledge.query import Query
from envfit.resolve.decide import Unsatisfied, resolve
from envfit.resolve.pythons import Tried, choose_python
from envfit.resolve.resolution import Resolution
from envfit.selection.preferences import Preferences, Strategy
from tests.resolve.worlds import MemorySource, asked, knowledge_of

PYTHONS = ("3.11", "3.12", "3.13")


@pytest.fixture
def choose(tmp_path: Path):
    """Return a function that resolves on every Python and chooses."""

    def chosen(
        packages: Mapping[str, Sequence[str]],
        *requirements: str,
        only: Mapping[str, Sequence[str]] | None = None,  # by Python, what is asked for there besides
        optional: Sequence[str] = (),
        strategy: Strategy = Strategy.HIGHEST,
    ) -> Resolution:
        source = MemorySource(packages)
        knowledge = knowledge_of(tmp_path, {}, source.releases)
        tried = []
        for python in PYTHONS:
            target = replace(named_target(knowledge, []), python=Version(f"{python}.1"))
            outcome: Resolution | EnvfitError
            try:
                outcome = resolve(
                    source,
                    Query(knowledge, target),
                    asked(*requirements, *(only or {}).get(python, ())),
                    preferences=Preferences(strategy=strategy),
                    optional=asked(*optional),
                )
            except Unsatisfied as error:
                outcome = error
            tried.append(Tried(python=target.python, outcome=outcome))
        return choose_python(tried, strategy=strategy)

    return chosen


def account(resolution: Resolution) -> tuple[str, list[tuple[str, str]]]:
    python = resolution.target.python
    return f"{python.major}.{python.minor}", [
        (f"{item.python.major}.{item.python.minor}", item.why) for item in resolution.pythons_not_taken
    ]


def test_the_newest_where_all_serve_alike(choose) -> None:
    assert account(choose({"app 1.0": []}, "app")) == ("3.13", [])


def test_the_best_for_what_is_asked_for_and_why_not_a_newer_one(choose) -> None:
    packages = {"app 2.0 python<3.13": [], "app 1.0": [], "lib 1.0": []}
    assert account(choose(packages, "lib", "app")) == (
        "3.12",
        [("3.13", "app would be 1.0 instead of 2.0")],
    )


def test_the_first_that_is_asked_for_counts_most(choose) -> None:
    packages = {"a 2.0 python<3.12": [], "a 1.0": [], "b 2.0 python>=3.13": [], "b 1.0": []}
    assert account(choose(packages, "a", "b"))[0] == "3.11"
    assert account(choose(packages, "b", "a"))[0] == "3.13"


def test_one_that_cannot_be_is_told(choose) -> None:
    packages = {"app 1.0 python<3.13": []}
    assert account(choose(packages, "app")) == (
        "3.12",
        [("3.13", "nothing satisfies app on this target (app 1.0: it requires Python <3.13)")],
    )


def test_optional_packages_decide_what_is_equal_otherwise(choose) -> None:
    packages = {"app 1.0": [], "fast 1.0 python<3.12": []}
    assert account(choose(packages, "app", optional=["fast"])) == (
        "3.11",
        [("3.13", "fast would be left out"), ("3.12", "fast would be left out")],
    )


def test_a_dependency_that_nobody_asked_for_decides_nothing(choose) -> None:
    packages = {"app 1.0": ["lib"], "lib 2.0 python<3.12": [], "lib 1.0": []}
    assert account(choose(packages, "app")) == ("3.13", [])


def test_a_name_that_only_an_older_python_needs_decides_nothing(choose) -> None:
    packages = {"app 1.0": [], "tomli 1.0": []}
    assert account(choose(packages, "app", only={"3.11": ["tomli"]})) == ("3.13", [])
    assert account(choose(packages, "app", only={"3.12": ["tomli"], "3.13": ["tomli"]})) == ("3.13", [])


def test_the_oldest_versions_where_those_are_asked_for(choose) -> None:
    packages = {"app 2.0": [], "app 1.0 python<3.12": []}
    assert account(choose(packages, "app", strategy=Strategy.LOWEST))[0] == "3.11"


def test_where_none_serves_the_newest_explains(choose) -> None:
    with pytest.raises(Unsatisfied) as caught:
        choose({"app 1.0 python<3": []}, "app")
    assert "requires Python <3" in str(caught.value.explanation.groups[0])
