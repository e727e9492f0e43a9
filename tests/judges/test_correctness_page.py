"""The page about correctness is what the results make of it."""

from __future__ import annotations

import json
from pathlib import Path

from judges.correctness_page import page
from judges.results import RESULTS, read

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "correctness.md"


def current() -> str:
    return page(
        read(RESULTS / "worlds.json"),
        json.loads((RESULTS / "engines.json").read_text(encoding="utf-8")),
        [read(RESULTS / "packse.json"), read(RESULTS / "packse-without-sidecars.json")],
    )


def test_the_page_is_that_of_the_results() -> None:
    assert PAGE.read_text(encoding="utf-8") == current(), "run python -m judges.correctness_page"


def test_the_results_are_those_of_whole_runs_without_a_wrong_answer() -> None:
    worlds = read(RESULTS / "worlds.json")
    assert worlds["worlds"] >= 50_000
    own = worlds["engines"]["envfit"]
    assert own["right"] == worlds["worlds"]
    assert own["best"] == worlds["solvable"]
    for name in ("packse", "packse-without-sidecars"):
        suite = read(RESULTS / f"{name}.json")
        assert suite["scope"]["scenarios"] == 148
        assert suite["counts"]["envfit"].keys() <= {"right", "explained"}
