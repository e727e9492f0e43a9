"""Random small worlds: how often envfit, resolvelib, and one after the other are right.

Run ``python -m judges.worlds [--worlds 50000] [--jobs 2]``: every world of
``tests/resolve/small_worlds.py`` is put to each engine, and its answer held
against brute force.  It prints a table and writes ``judges/results/worlds.json``:

``worlds``, ``solvable``
    the number of worlds, and of those that have a solution
``engines``
    for each engine, by name: ``right`` (a solution, or a true "impossible"),
    ``wrong_pins`` (not a solution), ``false_impossible`` (there is a solution),
    ``crashed``, ``undecided``; ``best`` (right, and no solution is better for the
    names asked for, in the order asked), of the ``solvable``;
    ``cpu_seconds_per_1000_worlds``; ``examples``, the first seeds of each fault

An engine that returns more pins than are needed is not blamed for it here.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat

from envfit.resolve.provider import World
from judges.engines import ENGINES, RESULTS, Answer, write
from tests.resolve.brute_force import solutions, standing
from tests.resolve.small_worlds import Small, parts_of, small_world

FAULTS = ("wrong_pins", "false_impossible", "crashed", "undecided")
EXAMPLES = 5


@dataclass
class Score:
    """What one engine did on many worlds."""

    right: int = 0
    best: int = 0
    seconds: float = 0.0
    faults: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, other: Score) -> None:
        """Take in what the engine did on other worlds."""
        self.right += other.right
        self.best += other.best
        self.seconds += other.seconds
        for fault, seeds in other.faults.items():
            self.faults[fault] += seeds


def judge(small: Small, world: World, answer: Answer, every: list[dict[str, int]]) -> tuple[str, bool]:
    """Say what an answer is worth, ``right`` or a fault, and whether it is the best one."""
    if isinstance(answer, Mapping):
        pins = {
            name: world.candidates(name)[position].version.major
            for name, position in answer.items()
            if not name.startswith("__") and "[" not in name
        }
        found = [solution for solution in every if solution.items() <= pins.items()]
        if not found:
            return "wrong_pins", False
        top = max(standing(small, solution) for solution in every)
        return "right", any(standing(small, solution) == top for solution in found)
    if answer == "impossible":
        return ("false_impossible", False) if every else ("right", False)
    return ("undecided" if answer == "undecided" else "crashed"), False


def run(first: int, worlds: int, step: int) -> tuple[int, dict[str, Score]]:
    """Put every ``step``-th world to every engine; return how many had a solution, and the scores."""
    scores = {name: Score() for name in ENGINES}
    solvable = 0
    for seed in range(first, worlds, step):
        small = small_world(seed)
        every = list(solutions(small, small.asked))
        solvable += bool(every)
        parts = parts_of(small)
        for name, engine in ENGINES.items():
            world = World(*parts)  # anew, so that no engine profits from another's questions
            roots = world.root_demands()
            began = time.process_time()
            answer = engine(world, roots)
            scores[name].seconds += time.process_time() - began
            verdict, best = judge(small, world, answer, every)
            if verdict == "right":
                scores[name].right += 1
                scores[name].best += best
            else:
                scores[name].faults[verdict].append(seed)
    return solvable, scores


def main() -> None:
    """Judge as many worlds as the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=50_000, metavar="N")
    parser.add_argument("--jobs", type=int, default=2, metavar="N")
    said = parser.parse_args()
    chunks = said.jobs * 20
    solvable = 0
    scores = {name: Score() for name in ENGINES}
    with ProcessPoolExecutor(said.jobs) as pool:
        for some, part in pool.map(run, range(chunks), repeat(said.worlds), repeat(chunks)):
            solvable += some
            for name, score in part.items():
                scores[name].add(score)
    data = {
        "worlds": said.worlds,
        "solvable": solvable,
        "engines": {
            name: {
                "right": score.right,
                **{fault: len(score.faults[fault]) for fault in FAULTS},
                "best": score.best,
                "cpu_seconds_per_1000_worlds": round(1000 * score.seconds / said.worlds, 2),
                "examples": {
                    fault: sorted(score.faults[fault])[:EXAMPLES] for fault in FAULTS if score.faults[fault]
                },
            }
            for name, score in scores.items()
        },
    }
    write(RESULTS / "worlds.json", data)
    print(f"{said.worlds} worlds, {solvable} of them solvable")
    print(
        f"{'':24}{'right':>8}"
        + "".join(f"{fault:>18}" for fault in FAULTS)
        + f"{'best':>8}{'CPU s/1000':>12}"
    )
    for name, score in scores.items():
        print(
            f"{name:24}{score.right:8}"
            + "".join(f"{len(score.faults[fault]):18}" for fault in FAULTS)
            + f"{score.best:8}{1000 * score.seconds / said.worlds:12.2f}"
        )


if __name__ == "__main__":
    main()
