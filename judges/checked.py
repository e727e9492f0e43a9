"""``envfit check`` of files held to ``envfit lock`` and ``envfit install --dry-run`` of the same set.

    python -m judges.checked [--target GPU@DRIVER]... LOCK...

Of each file the packages that are installed on a target are pinned in a requirements file, and
that is locked for the target, against the index that is configured: a yes must lock and install, a no
must be refused, an unknown may be either.  Prints a line for each pair; the exit code is 1 where one
contradicts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from envfit import api
from envfit.doctor.locked_choice import choose
from envfit.doctor.report import Answer
from envfit.knowledge.hardware import named_target
from envfit.knowledge.query import Query
from envfit.lock.fit import Fit
from envfit.project.locked_read import read_locked

__all__ = ["Pair", "compared", "main"]

_PYTHON = "3.11"
_TARGETS = (
    "V100@535.161.08",
    "T4@470.82.01",
    "T4@550",
    "H100@580",
    "RTX 5090@580",
    "P100@535.161.08",
)


class Pair(NamedTuple):
    """A file on a target: what ``check`` answers, and how ``lock`` and ``install`` of the same set end."""

    file: str
    target: str
    answer: Answer
    locks: int
    installs: int | None  # None where nothing was locked

    @property
    def agrees(self) -> bool:
        """Whether nothing contradicts."""
        works = self.locks == 0 and self.installs == 0
        return self.answer is Answer.UNKNOWN or works == (self.answer is Answer.YES)


def compared(paths: Sequence[Path], targets: Sequence[str]) -> Iterator[Pair]:
    """Yield each file on each target."""
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            for target in targets:
                yield _compared(path, target, Path(folder))


def _compared(path: Path, target: str, folder: Path) -> Pair:
    gpu, _, driver = target.partition("@")
    request = api.TargetRequest(gpus=(gpu,), driver=driver, python=_PYTHON)
    report = api.check_file(path, target=request)
    machine = named_target(api.knowledge(), [gpu], driver=driver, python=_PYTHON)
    chosen = choose(read_locked(path), Query(api.knowledge(), machine), Fit(machine))
    pins = folder / "pins.txt"
    pins.write_text("".join(f"{item.name}=={item.version}\n" for item in chosen.packages), encoding="utf-8")
    place = ["--gpu", gpu, "--driver", driver]
    lock = folder / "pylock.toml"
    lock.unlink(missing_ok=True)
    locks = _run(["lock", "-r", str(pins), *place, "--python", _PYTHON, "-o", str(lock), "--read-limit", "0"])
    installs = None
    if locks == 0:
        installs = _run(["install", str(lock), *place, "--prefix", str(folder / "env"), "--dry-run"])
    return Pair(str(path), target, report.answer, locks, installs)


def _run(words: Sequence[str]) -> int:
    """Return how a command ends; an outside that fails is no answer, and ends all."""
    ended = subprocess.run(
        [sys.executable, "-m", "envfit", *words, "--json"], capture_output=True, text=True, check=False
    )
    if ended.returncode not in (0, 1):
        raise SystemExit(json.loads(ended.stdout)["message"])
    return ended.returncode


def main(words: Sequence[str] | None = None) -> None:
    """Compare what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m judges.checked")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--target", action="append", metavar="GPU@DRIVER")
    parsed = parser.parse_args(words)
    pairs = []
    for pair in compared(parsed.files, parsed.target or _TARGETS):
        pairs.append(pair)
        said = "agrees" if pair.agrees else "CONTRADICTS"
        ends = f"lock {pair.locks}, install {'-' if pair.installs is None else pair.installs}"
        print(f"{said}: {pair.file} {pair.target}: {pair.answer.value}; {ends}")
    wrong = sum(not pair.agrees for pair in pairs)
    print(f"{len(pairs)} pairs, {wrong} contradict")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
