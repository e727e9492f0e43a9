"""The table of faults: every installation and rollback, stopped at every point, in every way.

    python -m judges.faults [--folder DIR] [--jobs N] [--every N]

A point is a change of the file system that envfit makes, or a process that it starts: Python tells of
each before it is done.  Needs ``unshare -rm`` (a user namespace).  Takes an hour of one
core; writes judges/results/faults.json and docs/reference/faults.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from judges.faults_cell import MOUNT, described
from judges.faults_page import PAGE, page
from judges.faults_world import SCENARIOS, CutIndex, World, make_world
from judges.results import RESULTS, merge, read

__all__ = ["FILE", "Point", "Worker", "can_mount", "main"]

FILE = RESULTS / "faults.json"
_FAULTS = ("kill", "Ctrl-C", "SIGTERM", "SIGHUP", "disk full", "read-only", "network cut")
_RANDOM_KILLS = 20
_UNSHARE = shutil.which("unshare") or "unshare"
_ANY_TIME = "between"  # the row of kills at any time


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Something that envfit is about to do."""

    at: int
    step: str
    event: str
    what: str


def can_mount() -> bool:
    """Tell whether this machine lets us have a namespace of our own with a file system in memory."""
    try:
        done = subprocess.run(
            [_UNSHARE, "-rm", MOUNT, "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


class Worker:
    """A process that runs cells, in a namespace of its own where there is one."""

    def __init__(self, world: World, *, mounts: bool) -> None:
        words = [sys.executable, "-m", "judges.faults_cell"]
        self.world = world
        self.mounts = mounts
        self._process = subprocess.Popen(
            [_UNSHARE, "-rm", *words] if mounts else words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )

    def run(self, scenario: str, fault: str, **where: Any) -> tuple[list[str], float]:
        """Run a cell, and return what did not hold, and the seconds that the command took."""
        given, taken = self._process.stdin, self._process.stdout
        if given is None or taken is None:
            raise RuntimeError("a worker is spoken to through pipes")
        given.write(f"{described(self.world.cell(scenario, fault, mounts=self.mounts, **where))}\n")
        given.flush()
        answer = json.loads(taken.readline())
        return answer["wrong"], answer["seconds"]

    def points(self, scenario: str) -> tuple[list[Point], float]:
        """Return what envfit does in a scenario, in order, and the seconds that it takes."""
        log = self.world.folder / f"{scenario}.log"
        log.unlink(missing_ok=True)
        wrong, seconds = self.run(scenario, "none", log=log)
        if wrong:
            raise RuntimeError(f"{scenario} without a fault: {wrong}")
        return _read_points(log.read_text(encoding="utf-8").splitlines()), seconds

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def _read_points(lines: Sequence[str]) -> list[Point]:
    found, seen = [], False
    for line in lines:
        entry = json.loads(line)
        seen = seen or bool(entry["step"])
        step = entry["step"] or ("end" if seen else "begin")
        found.append(Point(at=entry["at"], step=step, event=entry["event"], what=entry["what"]))
    # Before the first change envfit only asks what the machine is.
    changes = next(number for number, point in enumerate(found) if point.event != "subprocess.Popen")
    return found[:1] + found[changes:]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the cells, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, help="of the points, take one in N")
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS))
    parser.add_argument("--page", action="store_true", help="write the page of the results there are")
    given = parser.parse_args(arguments)
    if not given.page:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            results = _run_all(Path(folder), given.scenario or list(SCENARIOS), given.jobs, given.every)
            merge(FILE, results)
    PAGE.write_text(page(read(FILE)), encoding="utf-8")


def _run_all(folder: Path, scenarios: Sequence[str], jobs: int, every: int) -> dict[str, Any]:
    workers: SimpleQueue[Worker] = SimpleQueue()
    with contextlib.ExitStack() as stack:
        for number in range(jobs):
            index = stack.enter_context(CutIndex(folder / str(number) / "index"))
            worker = Worker(make_world(folder / str(number), index), mounts=True)
            stack.callback(worker.close)
            workers.put(worker)
        found = {}
        for scenario in scenarios:
            found[scenario] = _run_scenario(workers, scenario, jobs, every)
            merge(FILE, found)
        return found


def _run_scenario(workers: SimpleQueue[Worker], scenario: str, jobs: int, every: int) -> dict[str, Any]:
    worker = workers.get()
    known, seconds = worker.points(scenario)
    workers.put(worker)
    steps = {point.at: point.step for point in known}
    wrong: list[str] = []
    tried: Counter[tuple[str, str]] = Counter()
    failed: Counter[tuple[str, str]] = Counter()

    def do(job: tuple[str, int, float]) -> None:
        fault, at, after = job
        mine = workers.get()
        try:
            found, _ = mine.run(scenario, fault, at=at, after=after)
        finally:
            workers.put(mine)
        key = (_ANY_TIME if after else steps[at], fault)
        tried[key] += 1
        if found:
            failed[key] += 1
            wrong.extend(f"{key[0]}: {each}" for each in found)
            sys.stderr.write(f"{scenario}: {found}\n")

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(do, _cells(scenario, known, every, seconds)))
    return {
        "every": every,
        "points": len(steps),
        "cells": [
            {"step": step, "fault": fault, "tried": count, "failed": failed[step, fault]}
            for (step, fault), count in sorted(tried.items())
        ],
        "wrong": wrong,
    }


def _cells(
    scenario: str, known: Sequence[Point], every: int, seconds: float
) -> Iterator[tuple[str, int, float]]:
    """Yield (fault, at, after): at the first point of each step and every Nth; signals at the first alone."""
    first = {point.step: point.at for point in reversed(known)}
    for number, point in enumerate(known):
        for fault in _FAULTS:
            if fault == "network cut" and (
                point.step not in {"begin", "make"} or scenario.startswith("back")
            ):
                continue
            if fault == "SIGHUP" and point.step not in {"make", "back"}:  # goes the way of SIGTERM
                continue
            is_rare = fault in {"Ctrl-C", "SIGTERM", "SIGHUP"}
            if first[point.step] == point.at or not (number % every or is_rare):
                yield fault, point.at, 0
    chance = random.Random(0)  # noqa: S311 - a sample, not a secret
    for _ in range(_RANDOM_KILLS // every):
        yield "kill", 0, chance.uniform(0.02, 1) * seconds


if __name__ == "__main__":
    main()
