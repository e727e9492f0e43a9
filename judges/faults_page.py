"""The page of the table of faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from judges.faults_world import SCENARIOS

__all__ = ["PAGE", "page"]

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "faults.md"

_INTRODUCTION = """\
# Faults: an installation stopped at every point

Written by `python -m judges.faults`. `envfit install` and `envfit rollback` are run for real and stopped at
every change that they make to the file system and before every process that they start, in a small file
system of their own, in each of these ways: killed (SIGKILL, nothing can be caught); Ctrl-C, SIGTERM, SIGHUP
(at the first point of a step at least); the disk is full from there on; the file system is
read-only from there on; the server stops in the middle of every file from there on.

A cell counts as held only where all of this is so:

- at once, with the disk still full or read-only or the network still cut, the environment at DIR works; it is
  wholly the old version, or wholly the new one where the command says so or was killed after the switch;
- a command that fails says what to do, and the old version is the one that works;
- after the fault is over the same command succeeds, and nothing is left over of the first attempt;
- `envfit rollback` then goes back to the old version.

Each cell: points at which it held / points tried. Where the file system cannot exchange two names, a kill
between the two renames leaves nothing at DIR until the next run of either command puts it back; that is
allowed there alone.
"""
_STEPS = {
    "begin": "before the journal: plan, room, lock",
    "make": "make: Python, files, guard",
    "prove": "prove: imports in the new version",
    "switch": "switch: history, link",
    "confirm": "confirm: imports through DIR",
    "clean": "clean: older versions",
    "back": "rollback: history, link",
    "end": "after the journal",
    "between": "at any time from its start to its end",
}


def page(results: Mapping[str, Any]) -> str:
    """Return the page of results."""
    return "\n".join([_INTRODUCTION, *_totals(results), *_sections(results)])


def _totals(results: Mapping[str, Any]) -> Iterator[str]:
    tried = sum(cell["tried"] for found in results.values() for cell in found["cells"])
    failed = sum(cell["failed"] for found in results.values() for cell in found["cells"])
    yield f"In all: {tried - failed} of {tried}.\n"


def _sections(results: Mapping[str, Any]) -> Iterator[str]:
    for scenario, title in SCENARIOS.items():
        if scenario in results:
            found = results[scenario]
            yield f"## {title[0].upper()}{title[1:]}\n"
            each = "each" if found["every"] == 1 else f"the first of each step, and one in {found['every']}"
            yield f"{found['points']} points, {each} tried.\n"
            yield from _table(found["cells"])
            yield ""
            yield from (f"- not held: {wrong}" for wrong in results[scenario]["wrong"])


def _table(cells: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    found = {(cell["step"], cell["fault"]): cell for cell in cells}
    faults = list(
        dict.fromkeys(cell["fault"] for cell in sorted(cells, key=lambda cell: cell["fault"].lower()))
    )
    yield f"| step | {' | '.join(faults)} |"
    yield f"| --- |{' --- |' * len(faults)}"
    for step, words in _STEPS.items():
        row = [found.get((step, fault)) for fault in faults]
        if any(row):
            yield f"| {words} | {' | '.join(map(_cell, row))} |"


def _cell(cell: Mapping[str, Any] | None) -> str:
    return f"{cell['tried'] - cell['failed']}/{cell['tried']}" if cell is not None else ""
