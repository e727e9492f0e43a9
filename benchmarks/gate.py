"""Has a change made envfit slower?  ``python -m benchmarks.gate [REVISION]`` compares with a commit before.

Both states of the code run in turn on the same replayed index and the same Python, and
what is compared is CPU time, pair by pair: seconds differ from machine to machine, and
their ratio hardly.  Exits 1 where any case costs more than the limit allows.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.measured import Cost, measured
from benchmarks.served import Served

__all__ = ["Case", "Verdict", "main", "ratios"]

_ROOT = Path(__file__).parents[1]
_LIMIT = 1.15  # times the CPU time of before
_RUNS = 15
_SECONDS = 120.0  # for one run

# Runs the command line of one checkout, whatever else is installed.
_PROGRAM = """\
import sys
tree = sys.argv.pop(1)
sys.path.insert(0, tree)
import envfit
if not envfit.__file__.startswith(f"{tree}/"):
    sys.exit(f"there is no envfit at {tree}")
from envfit.cli.app import main
main()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing that a user waits for."""

    name: str
    words: tuple[str, ...]
    cold: bool = False  # with empty caches
    remembered: bool = False  # with the answer of the run before


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a case costs in terms of what it cost before."""

    case: Case
    now: float  # seconds of CPU time, median
    ratio: float  # median of the ratios of pairs

    def __str__(self) -> str:
        return f"{self.case.name:<12} {self.now:6.3f} s of CPU time, {self.ratio:.3f} x before"


CASES = (
    Case(name="version", words=("--version",)),
    Case(name="help", words=("lock", "--help")),
    Case(name="cold lock", words=("lock", "requests", "rich", "--gpu", "none"), cold=True),
    Case(name="warm lock", words=("lock", "requests", "rich", "--gpu", "none")),
    Case(name="V100 lock", words=("lock", "requests", "rich", "--gpu", "V100")),
    Case(name="re-lock", words=("lock", "requests", "rich", "--gpu", "none"), remembered=True),
)


def ratios(now: Path, before: Path, *, runs: int = _RUNS, cases: Sequence[Case] = CASES) -> list[Verdict]:
    """Return what each case costs at one checkout in terms of another; raises ChildProcessError."""
    verdicts = []
    with Served("small") as served, tempfile.TemporaryDirectory(prefix="envfit-gate-") as scratch:
        for case in cases:
            costs: dict[Path, list[float]] = {now: [], before: []}
            for turn in range(runs + 2):  # the first fill what is kept: compiled modules, caches, answers
                for tree in (now, before) if turn % 2 else (before, now):
                    folder = Path(scratch) / f"{case.name} {tree.name} {turn if case.cold else ''}"
                    cost = _run(case, tree, folder, served.index)
                    if turn > 1:
                        costs[tree].append(cost.cpu)
            pairs = zip(costs[now], costs[before], strict=True)
            ratio = median(mine / theirs for mine, theirs in pairs)
            verdicts.append(Verdict(case=case, now=median(costs[now]), ratio=ratio))
    return verdicts


def _run(case: Case, tree: Path, folder: Path, index: str) -> Cost:
    folder.mkdir(exist_ok=True)
    if not case.remembered:
        (folder / "pylock.toml").unlink(missing_ok=True)
    environment = {
        "ENVFIT_CACHE_DIR": str(folder / "cache"),
        "HOME": str(folder),
        "PATH": "/usr/bin:/bin",
        "UV_DEFAULT_INDEX": index,
        **({} if case.remembered else {"ENVFIT_FORGET": "1"}),
    }
    words = [sys.executable, "-c", _PROGRAM, str(tree), *case.words]
    output = folder / "said.txt"
    cost = measured(words, environment=environment, folder=folder, output=output, limit=_SECONDS)
    if cost.code != 0:
        raise ChildProcessError(f"{case.name} at {tree}: exit {cost.code}\n{output.read_text()}")
    return cost


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare the checkout with a commit, print what each case costs, and judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.add_argument("revision", nargs="?", default="HEAD~1", help="what to compare with; default: HEAD~1")
    parser.add_argument("--runs", type=int, default=_RUNS, metavar="N", help=f"of each; default: {_RUNS}")
    parser.add_argument("--limit", type=float, default=_LIMIT, metavar="X", help=f"default: {_LIMIT}")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="envfit-before-") as scratch:
        before = Path(scratch) / "before"
        git = ["git", "-C", str(_ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(before), options.revision], check=True)
        try:
            verdicts = ratios(_ROOT, before, runs=options.runs)
        finally:
            subprocess.run([*git, "remove", "--force", str(before)], check=True)
    for verdict in verdicts:
        print(verdict)
    slower = [verdict.case.name for verdict in verdicts if verdict.ratio > options.limit]
    if slower:
        print(f"slower than {options.limit} x before: {', '.join(slower)}", file=sys.stderr)
    return 1 if slower else 0


if __name__ == "__main__":
    raise SystemExit(main())
