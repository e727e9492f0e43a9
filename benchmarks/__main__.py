"""Measure envfit beside its peers: ``python -m benchmarks [WORLD...]``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.comparison import judged, told
from benchmarks.peers import PEERS, tools
from benchmarks.recording import Recording, RecordingError, find_recording, home
from benchmarks.results import machine, write
from benchmarks.rounds import Plan, run_rounds
from benchmarks.tools import Caches
from benchmarks.worlds import chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure worlds, and write what was found; exit 1 where a run of envfit or uv does not count."""
    options = _options(arguments)
    runs: list[Mapping[str, Any]] = []
    versions: dict[str, str] = {}
    cannot: dict[str, Mapping[str, str]] = {}
    try:
        for world in chosen(options.worlds):
            if Recording.load(find_recording(world.name)).requirements != world.requirements:
                raise RecordingError(
                    f"{world.name} asks for something else than was recorded: record it again"
                )
            peers = [name for name in options.peers if name not in world.cannot]
            present = tools(peers, python=world.python, envfit=options.envfit, gpu=not options.no_gpu)
            cannot[world.name] = {name: world.cannot[name] for name in options.peers if name in world.cannot}
            versions.update({tool.name: tool.version for tool in present})
            for delay in options.delay:
                plan = Plan(
                    world=world,
                    tools=tuple(present),
                    caches=options.caches,
                    delay=delay,
                    bandwidth=options.bandwidth,
                    sidecars=not options.no_metadata,
                    rounds=options.rounds,
                    peer_rounds=options.peer_rounds,
                    limit=options.limit,
                )
                found = []
                with tempfile.TemporaryDirectory(prefix="envfit-benchmarks-") as folder:
                    for run in run_rounds(plan, Path(folder)):
                        found.append(run)
                        print(
                            f"{run.world} {run.caches} {run.delay:g} ms {run.tool}: {run.outcome}, "
                            f"{run.cost.wall:.2f} s, {run.requests} requests",
                            file=sys.stderr,
                        )
                runs += judged(world, found)
    except (RecordingError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    now = datetime.now(timezone.utc)
    document = {
        "date": f"{now:%Y-%m-%d}",
        "machine": machine(),
        "versions": versions,
        "runs": runs,
        "cannot": cannot,
    }
    output = options.output or home() / "results" / f"{now:%Y%m%dT%H%M%S}.json"
    write(output, document)
    print("\n".join(told(runs)))
    print(f"\nwritten to {output}")
    return 0 if all(run["counts"] for run in runs if run["tool"] in {"envfit", "envfit-gpu", "uv"}) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure envfit and its peers.")
    parser.add_argument("worlds", nargs="*", metavar="WORLD", help="default: every world of worlds.toml")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="of envfit and uv")
    parser.add_argument("--peer-rounds", type=int, default=1, metavar="N", help="of the others")
    parser.add_argument("--delay", type=_numbers, default=(0.0,), metavar="MS[,MS...]", help="of each answer")
    parser.add_argument("--bandwidth", type=float, metavar="MBIT", help="per second")
    parser.add_argument("--no-metadata", action="store_true", help="on an index that advertises none")
    parser.add_argument("--peers", type=_names, default=("uv",), help=f"of {', '.join(PEERS)}; default: uv")
    parser.add_argument(
        "--caches",
        type=lambda text: tuple(Caches(name) for name in _names(text)),
        default=(Caches.COLD, Caches.WARM),
        help=f"of {', '.join(state.value for state in Caches)}; default: cold,warm",
    )
    parser.add_argument("--no-gpu", action="store_true", help="without the column for a GPU")
    parser.add_argument("--envfit", type=Path, help="the program to measure; default: beside this Python")
    parser.add_argument("--limit", type=float, default=300, metavar="SECONDS", help="for each run")
    parser.add_argument("-o", "--output", type=Path, help="the file of results")
    return parser.parse_args(arguments)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(number) for number in _names(text))


if __name__ == "__main__":
    sys.exit(main())
