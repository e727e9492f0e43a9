"""What a lock costs as the world grows: ``python -m benchmarks.growth``.

Packages: made-up worlds of 10 to 500 on the replay server, envfit and uv from cold caches.
Rules: a world of 100 packages and a knowledge base of 100 to 5,000 rules, which a copy of
envfit's code finds beside itself, as an installed envfit finds its own.
"""

from __future__ import annotations

import argparse
import math
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.comparison import judged
from benchmarks.peers import find_python, tools
from benchmarks.recording import home
from benchmarks.results import machine, write
from benchmarks.rounds import Plan, run_rounds
from benchmarks.synthetic import synthetic_recording, synthetic_world, write_rules
from benchmarks.tools import Caches, Envfit, Tool

__all__ = ["PACKAGES", "RULES", "curves", "exponent", "main", "told"]

PACKAGES = (10, 20, 50, 100, 200, 500)
RULES = (100, 200, 500, 1000, 2000, 5000)
_WORLD_OF_RULES = 100  # packages
_ROOT = Path(__file__).parents[1]


def packages(sizes: Sequence[int], rounds: int, envfit: Path | None) -> Iterator[Mapping[str, Any]]:
    """Yield runs of envfit and uv on worlds of so many packages."""
    present = tools(["uv"], python="3.11", envfit=envfit)
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="envfit-growth-") as folder:
            yield from _runs(size, present, Path(folder), rounds, {"packages": size})


def rules(sizes: Sequence[int], rounds: int, checkout: Path) -> Iterator[Mapping[str, Any]]:
    """Yield runs of the envfit of a checkout, with a GPU and without, with so many rules."""
    python = find_python("3.11")
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="envfit-growth-") as folder:
            code = Path(folder) / "code"
            shutil.copytree(checkout / "envfit", code / "envfit")
            shipped = checkout / "constraints"
            write_rules(code / "constraints", rules=size, packages=_WORLD_OF_RULES, shipped=shipped)
            program = [sys.executable, "-m", "envfit"]
            variables = {"PYTHONPATH": str(code)}
            copies = [Envfit(program, python, gpu=gpu, variables=variables) for gpu in (False, True)]
            yield from _runs(_WORLD_OF_RULES, copies, Path(folder), rounds, {"rules": size})


def _runs(
    size: int, present: Iterable[Tool], folder: Path, rounds: int, axis: Mapping[str, int]
) -> Iterator[Mapping[str, Any]]:
    world = synthetic_world(size)
    recording = folder / "recording"
    synthetic_recording(size).save(recording)
    plan = Plan(
        world=world,
        recording=str(recording),
        tools=tuple(present),
        caches=(Caches.COLD, Caches.OFFLINE),
        rounds=rounds,
    )
    found = judged(world, run_rounds(plan, folder / "work"))
    for run in found:
        yield {**run, "pins": len(run["pins"]), **axis}


def exponent(points: Mapping[int, float]) -> float | None:
    """Return the power by which a cost grows over the upper half of its sizes; 1 is linear.

    What the smallest size costs is taken away first: it is there before anything grows.
    None where there are too few sizes to tell.
    """
    sizes = sorted(points)
    if len(sizes) < 4:
        return None
    base = points[sizes[0]]
    grown = [size for size in sizes[len(sizes) // 2 :] if points[size] > base]
    if len(grown) < 2:
        return 0.0
    horizontal = [math.log(size - sizes[0]) for size in grown]
    vertical = [math.log(points[size] - base) for size in grown]
    return statistics.linear_regression(horizontal, vertical).slope


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure growth, and write what was found; exit 1 where a run does not count."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description="Measure growth.")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--packages", type=_sizes, default=PACKAGES, metavar="N,N...")
    parser.add_argument("--rules", type=_sizes, default=RULES, metavar="N,N...")
    parser.add_argument("--envfit", type=Path, help="the program; default: beside this Python")
    parser.add_argument(
        "--checkout", type=Path, default=_ROOT, help="of envfit, for the rules; default: this"
    )
    parser.add_argument("-o", "--output", type=Path, help="the file of results")
    options = parser.parse_args(arguments)
    runs = [
        *packages(options.packages, options.rounds, options.envfit),
        *rules(options.rules, options.rounds, options.checkout),
    ]
    now = datetime.now(timezone.utc)
    output = options.output or home() / "results" / f"growth-{now:%Y%m%dT%H%M%S}.json"
    write(output, {"date": f"{now:%Y-%m-%d}", "machine": machine(), "growth": runs})
    print("\n".join(told(runs)))
    print(f"\nwritten to {output}")
    return 0 if all(run["counts"] for run in runs) else 1


def curves(runs: Iterable[Mapping[str, Any]], axis: str, measure: str) -> Mapping[str, Mapping[int, float]]:
    """Return the medians of a measure of cost, by tool and state of the caches, then by size."""
    values: dict[str, dict[int, list[float]]] = {}
    for run in runs:
        if axis in run and run["counts"]:
            label = f"{run['tool']}, {run['caches']}"
            values.setdefault(label, {}).setdefault(run[axis], []).append(run["cost"][measure])
    return {
        label: {size: statistics.median(found) for size, found in sorted(by_size.items())}
        for label, by_size in values.items()
    }


def told(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield lines that say how costs grow."""
    for axis in ("packages", "rules"):
        for measure, unit, scale in (("cpu", "s", 1.0), ("peak", "MiB", float(1 << 20))):
            yield f"{measure} ({unit}) by number of {axis}"
            for label, points in curves(runs, axis, measure).items():
                texts = " ".join(f"{size}: {value / scale:.2f}" for size, value in points.items())
                power = exponent(points)
                told = "" if power is None else f"  grows with power {power:.2f}"
                yield f"  {label:<20} {texts}{told}"
    for run in runs:
        if not run["counts"]:
            yield f"does not count: {run['tool']} {run['world']}: {'; '.join(run['why_not'][:6])}"


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(",") if size)


if __name__ == "__main__":
    sys.exit(main())
