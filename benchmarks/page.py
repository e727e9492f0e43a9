"""Write what was measured into the documentation: ``python -m benchmarks.page``.

The page is read from and written to; between its two marks everything is replaced.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.comparison import OURS, Cell, beside, cells
from benchmarks.growth import curves, exponent
from benchmarks.plot import dots, lines
from benchmarks.results import MEASURES, Summary, read, summaries
from benchmarks.timed import table

__all__ = ["main", "measured_part", "written_into"]

_BEGIN = "<!-- measured: written by python -m benchmarks.page, not to be edited -->"
_END = "<!-- end of what was measured -->"
_RESULTS = Path(__file__).with_name("results")
_PAGE = Path(__file__).parents[1] / "docs" / "reference" / "performance.md"
_HEAD = "# Performance\n"

_HOW = """\
Each table is one world on one replayed index, every tool in turn, round after round. A cell is the
median, with the least and the most in brackets; peak memory is that of the largest single process. A
round of envfit and uv counts where both pinned the same for a target without a GPU. *envfit-gpu* is
envfit asked for a GPU, which no other tool here can be. The last columns say what envfit takes in
terms of the tool of the row, wall and CPU time. The index is on loopback and speaks HTTP/1.1 without
TLS; the delay is before each answer.
"""


def measured_part(documents: Sequence[Mapping[str, Any]]) -> tuple[str, Mapping[str, str]]:
    """Return the measured part of the page, and the plots that it shows by filename."""
    parts: list[str] = []
    plots: dict[str, str] = {}
    compared = [document for document in documents if "runs" in document]
    timed = [document for document in documents if "timed" in document]
    grown = [document for document in documents if "growth" in document]
    if compared:
        parts += [*_machines(compared), _HOW]
        runs = [run for document in compared for run in document["runs"]]
        plots["performance.svg"] = dots("Wall time of one lock", _rows(runs), unit="s")
        parts += ["![Wall time by world, state of the caches and tool](performance.svg)", ""]
        there = cells(runs)
        for world in dict.fromkeys(cell[0] for cell in there):
            its = {cell: by_tool for cell, by_tool in there.items() if cell[0] == world}
            parts += [*_table(world, its), ""]
        parts += _exceptions(compared)
    if timed:
        parts += ["## Installing, starting, detecting", "", *_machines(timed)]
        runs = [run for document in timed for run in document["timed"]]
        for job in dict.fromkeys(run["job"] for run in runs):
            parts += [f"### {job}", "", *table([run for run in runs if run["job"] == job]), ""]
    if grown:
        parts += ["## Growth", "", *_machines(grown)]
        runs = [run for document in grown for run in document["growth"]]
        for axis in ("packages", "rules"):
            for measure in ("cpu", "peak"):
                parts += _growth(runs, plots, axis=axis, measure=measure)
    return "\n".join(parts).rstrip() + "\n", plots


def written_into(page: str, part: str) -> str:
    """Return a page with its measured part replaced, or added where it has none yet."""
    block = f"{_BEGIN}\n\n{part}\n{_END}\n"
    before, begun, rest = page.partition(_BEGIN)
    if not begun:
        return f"{page.rstrip()}\n\n{block}"
    _, ended, after = rest.partition(f"{_END}\n")
    if not ended:
        raise ValueError(f"the page has no line {_END}")
    return f"{before}{block}{after}"


def _machines(documents: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    told = set()
    for document in documents:
        its = document["machine"]
        line = (
            f"{document['date']}: {its['cpu']}, {its['cores']} cores, {its['memory'] / (1 << 30):.0f} GiB, "
            f"{its['system']}, CPython {its['python']}"
        )
        versions = ", ".join(f"{name} {version}" for name, version in document.get("versions", {}).items())
        told.add(f"- {line}{f'; {versions}' if versions else ''}.")
    yield from sorted(told)
    yield ""


def _rows(runs: Iterable[Mapping[str, Any]]) -> Mapping[str, Mapping[str, Summary]]:
    rows: dict[str, dict[str, Summary]] = {}
    for cell, by_tool in cells(runs).items():
        found = {tool: summaries(its) for tool, its in by_tool.items()}
        row = {tool: summary["wall"] for tool, summary in found.items() if summary is not None}
        if row:
            rows[_title(cell)] = row
    return rows


def _title(cell: Cell) -> str:
    world, delay, sidecars, caches = cell
    return f"{world}, {caches}, {delay:g} ms{'' if sidecars else ', no metadata'}"


def _table(world: str, its_cells: Mapping[Cell, Mapping[str, Sequence[Mapping[str, Any]]]]) -> Iterator[str]:
    """Yield the table of one world."""
    yield f"### {world}"
    yield ""
    columns = (*(measure.name for measure in MEASURES), *OURS)
    yield f"| caches, delay | tool | {' | '.join(columns)} |"
    yield f"| --- | --- | {' | '.join('---:' for _ in columns)} |"
    for cell, by_tool in its_cells.items():
        where = _title(cell).removeprefix(f"{world}, ")
        for tool, runs in by_tool.items():
            found = summaries(runs)
            if found is None:
                reasons = sorted({reason for run in runs for reason in run["why_not"]})
                texts = ["; ".join(reasons)[:200], *("" for _ in MEASURES[1:])]
            else:
                texts = [_summary(found[measure.name], measure.text) for measure in MEASURES]
            yield f"| {where} | {tool} | {' | '.join([*texts, *beside(by_tool, tool).values()])} |"
            where = ""


def _summary(summary: Summary, text: Any) -> str:
    if summary.runs == 1 or text(summary.least) == text(summary.most):
        return str(text(summary.median))
    return f"{text(summary.median)} ({text(summary.least)} to {text(summary.most)})"


def _exceptions(documents: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what worlds.toml declares: differences between envfit's pins and uv's, and tools not asked."""
    runs = [run for document in documents for run in document["runs"]]
    differ = {
        f"- {run['world']}, {name}: {reason}." for run in runs for name, reason in run["declared"].items()
    }
    cannot = {
        f"- {world}, {name}: {reason}."
        for document in documents
        for world, reasons in document.get("cannot", {}).items()
        for name, reason in reasons.items()
    }
    for title, listed in (("Pins that differ between envfit and uv:", differ), ("Not asked:", cannot)):
        if listed:
            yield from (title, "", *sorted(listed), "")


def _growth(
    runs: Sequence[Mapping[str, Any]], plots: dict[str, str], *, axis: str, measure: str
) -> Iterator[str]:
    unit, scale = {"cpu": ("s", 1.0), "peak": ("MiB", float(1 << 20))}[measure]
    found = {
        label: {size: value / scale for size, value in points.items()}
        for label, points in curves(runs, axis, measure).items()
    }
    if not found:
        return
    what = {"cpu": "CPU time", "peak": "Peak memory"}[measure]
    filename = f"growth-{axis}-{measure}.svg"
    plots[filename] = lines(f"{what} by number of {axis}", found, across=axis, unit=unit)
    yield f"![{what} by number of {axis}]({filename})"
    yield ""
    sizes = sorted({size for points in found.values() for size in points})
    yield f"| {what.lower()}, {unit} | {' | '.join(f'{size} {axis}' for size in sizes)} | grows with power |"
    yield f"| --- | {' | '.join('---:' for _ in sizes)} | ---: |"
    for label, points in found.items():
        texts = " | ".join(f"{points[size]:.2f}" if size in points else "" for size in sizes)
        power = exponent(points)
        yield f"| {label} | {texts} | {'' if power is None else f'{power:.2f}'} |"
    yield ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page and its plots."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description="Write the page.")
    parser.add_argument("results", nargs="*", type=Path, help="files; default: benchmarks/results/*.json")
    parser.add_argument("-o", "--output", type=Path, default=_PAGE)
    options = parser.parse_args(arguments)
    paths = options.results or sorted(_RESULTS.glob("*.json"))
    if not paths:
        print("there are no results: python -m benchmarks -o benchmarks/results/NAME.json", file=sys.stderr)
        return 2
    part, plots = measured_part([read(path) for path in paths])
    page = options.output.read_text(encoding="utf-8") if options.output.exists() else _HEAD
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(written_into(page, part), encoding="utf-8")
    for filename, plot in plots.items():
        (options.output.parent / filename).write_text(plot, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
