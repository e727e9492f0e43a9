"""Which runs count, and what tools cost beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.results import MEASURES, Summary, summaries
from benchmarks.rounds import Run, differences
from benchmarks.worlds import World

__all__ = ["OURS", "Cell", "beside", "cells", "judged", "ratio", "told"]

OURS = ("envfit", "envfit-gpu")

Cell = tuple[str, float, bool, str]  # world, delay, whether metadata is advertised, caches


def judged(world: World, runs: Iterable[Run]) -> list[Mapping[str, Any]]:
    """Return runs with whether each counts, and why not.

    A run counts where it solved the world and asked for nothing that is not recorded; runs
    of envfit and uv, where both pinned the same besides what worlds.toml declares.  A target
    with a GPU has pins of its own.
    """
    found = list(runs)
    answers = {(run.caches, run.delay, run.round, run.tool): run for run in found}
    result: list[Mapping[str, Any]] = []
    for run in found:
        why: list[str] = []
        if run.outcome != "solved":
            why.append(run.outcome)
        if run.missed:
            why.append(f"not recorded: {', '.join(sorted(set(run.missed))[:3])}")
        declared: Mapping[str, str] = {}
        if run.tool in {"envfit", "uv"}:
            key = (run.caches, run.delay, run.round)
            ours, theirs = answers.get((*key, "envfit")), answers.get((*key, "uv"))
            if ours is not None and theirs is not None:
                apart, declared = _compared(world, ours, theirs)
                why += apart
        result.append({**run.as_json(), "counts": not why, "why_not": why, "declared": declared})
    return result


def _compared(world: World, ours: Run, theirs: Run) -> tuple[list[str], Mapping[str, str]]:
    """Return why a round of envfit and uv does not count, and the declared differences of their pins."""
    failed = [run.tool for run in (ours, theirs) if run.outcome != "solved"]
    if failed:
        return [f"{' and '.join(failed)} did not solve it"], {}
    differ = differences(ours.pins, theirs.pins)
    apart = [
        f"{name}: envfit {ours.pins.get(name, 'none')}, uv {theirs.pins.get(name, 'none')}"
        for name in differ
        if name not in world.differs
    ]
    return apart, {name: world.differs[name] for name in differ if name in world.differs}


def cells(runs: Iterable[Mapping[str, Any]]) -> Mapping[Cell, Mapping[str, list[Mapping[str, Any]]]]:
    """Return runs by where they were measured, and by tool."""
    found: dict[Cell, dict[str, list[Mapping[str, Any]]]] = {}
    for run in runs:
        cell = (run["world"], run["delay"], run["sidecars"], run["caches"])
        found.setdefault(cell, {}).setdefault(run["tool"], []).append(run)
    return found


def ratio(ours: Mapping[str, Summary] | None, theirs: Mapping[str, Summary], name: str) -> float | None:
    """Return what one takes of a measure in terms of the other."""
    if ours is None or not theirs[name].median:
        return None
    return ours[name].median / theirs[name].median


def beside(by_tool: Mapping[str, Sequence[Mapping[str, Any]]], tool: str) -> Mapping[str, str]:
    """Return what envfit takes in terms of another tool, without a GPU and with: "wall / CPU"."""
    theirs = summaries(by_tool[tool])
    texts = {}
    for name in OURS:
        values = [
            ratio(summaries(by_tool.get(name, ())), theirs, measure)
            for measure in ("wall", "cpu")
            if theirs is not None and tool not in OURS
        ]
        told = [f"{value:.2f}" for value in values if value is not None]
        texts[name] = " / ".join(told)
    return texts


def told(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield lines that say what was measured."""
    for (world, delay, sidecars, caches), by_tool in cells(runs).items():
        yield ""
        yield f"{world}, {caches} caches, {delay:g} ms{'' if sidecars else ', no metadata advertised'}"
        for tool, its in by_tool.items():
            found = summaries(its)
            if found is None:
                reasons = {reason for run in its for reason in run["why_not"]}
                yield f"  {tool:<11} does not count: {'; '.join(sorted(reasons)[:6])}"
                continue
            texts = [f"{measure.text(found[measure.name].median):>9}" for measure in MEASURES]
            ratios = [f"{name} takes {text}" for name, text in beside(by_tool, tool).items() if text]
            yield f"  {tool:<11} {' '.join(texts)}  {', '.join(ratios)}".rstrip()
