"""Programs that do one job in several ways, run in turn, and the table of what they take."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.measured import measured
from benchmarks.results import MEASURES, Summary, machine

__all__ = ["Program", "document", "run_in_turn", "table", "told"]

_SHOWN = tuple(measure for measure in MEASURES if measure.name in ("wall", "cpu", "peak"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One way to do the job."""

    label: str
    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path
    before: Callable[[], None] = lambda: None  # what each run begins with, not measured
    codes: tuple[int, ...] = (0,)  # exit codes of a run that did what it should
    part: Callable[[], float | None] = lambda: None  # seconds of the run that are told apart


def run_in_turn(
    job: str, programs: Sequence[Program], *, rounds: int, limit: float
) -> Iterator[Mapping[str, Any]]:
    """Yield each run of each program, round after round, as a table of results."""
    for number in range(rounds):
        for program in programs:
            program.before()
            output = program.folder / "output"
            cost = measured(
                program.words,
                environment=program.environment,
                folder=program.folder,
                output=output,
                limit=limit,
            )
            counts = cost.code in program.codes and not cost.late
            if not counts:
                text = output.read_text(encoding="utf-8", errors="replace")[-600:]
                print(f"{job}, {program.label}: exit {cost.code}\n{text}", file=sys.stderr)
            yield {
                "job": job,
                "program": program.label,
                "round": number,
                "cost": asdict(cost),
                "part": program.part() if counts else None,
                "counts": counts,
            }


def document(runs: Iterable[Mapping[str, Any]], versions: Mapping[str, str]) -> Mapping[str, Any]:
    """Return a document of results."""
    return {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "machine": machine(),
        "versions": versions,
        "timed": list(runs),
    }


def table(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the table of one job: medians, and what the first program takes in terms of each.

    Ratios are medians over the rounds.  Where a part of the first program's runs is told apart,
    a second ratio is of the rest.
    """
    by_program: dict[str, dict[int, Mapping[str, Any]]] = {}
    for run in runs:
        if run["counts"]:
            by_program.setdefault(run["program"], {})[run["round"]] = run
    labels = list(dict.fromkeys(run["program"] for run in runs))
    first = by_program.get(labels[0], {})
    yield f"| program | {' | '.join(measure.name for measure in _SHOWN)} | {labels[0]}, of its wall time |"
    yield f"| --- | {' | '.join('---:' for _ in _SHOWN)} | ---: |"
    for label in labels:
        its = by_program.get(label, {})
        if not its:
            yield f"| {label} | did not end well | {' | '.join('' for _ in _SHOWN)} |"
            continue
        texts = [_text(measure, its.values()) for measure in _SHOWN]
        yield f"| {label} | {' | '.join(texts)} | {'' if label == labels[0] else _ratio(first, its)} |"
    parts = [run["part"] for run in first.values() if run["part"] is not None]
    if parts:
        yield ""
        yield f"Of {labels[0]}, {statistics.median(parts):.2f} s are proof, by importing what was asked for."


def told(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the tables of every job."""
    for job in dict.fromkeys(run["job"] for run in runs):
        yield from ("", job, "", *table([run for run in runs if run["job"] == job]))


def _text(measure: Any, runs: Iterable[Mapping[str, Any]]) -> str:
    found = Summary.of([measure.of(run) for run in runs])
    middle, least, most = (measure.text(value) for value in (found.median, found.least, found.most))
    if measure.unit == "s" and found.most < 1:
        middle, least, most = (f"{value * 1e3:.0f} ms" for value in (found.median, found.least, found.most))
    return middle if least == most else f"{middle} ({least} to {most})"


def _ratio(first: Mapping[int, Mapping[str, Any]], its: Mapping[int, Mapping[str, Any]]) -> str:
    both = sorted(first.keys() & its.keys())
    if not both:
        return ""
    wall = statistics.median(first[each]["cost"]["wall"] / its[each]["cost"]["wall"] for each in both)
    rests = [
        (first[each]["cost"]["wall"] - first[each]["part"]) / its[each]["cost"]["wall"]
        for each in both
        if first[each]["part"] is not None
    ]
    return f"{wall:.2f} x" + (f"; without proof {statistics.median(rests):.2f} x" if rests else "")
