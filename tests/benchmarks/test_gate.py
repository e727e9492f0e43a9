"""The gate lets nothing slower through, and what costs the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.gate import Case, main, ratios

ROOT = Path(__file__).parents[2]
VERSION = (Case(name="version", words=("--version",)),)


def test_a_tree_that_takes_longer_is_seen(tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    for part in ("envfit", "constraints"):
        shutil.copytree(ROOT / part, slow / part, ignore=shutil.ignore_patterns("__pycache__"))
    app = slow / "envfit" / "cli" / "app.py"
    app.write_text(app.read_text() + "\nsum(range(3_000_000))\n")
    (slower,) = ratios(slow, ROOT, runs=3, cases=VERSION)
    (faster,) = ratios(ROOT, slow, runs=3, cases=VERSION)
    assert slower.ratio > 1.5
    assert faster.ratio < 0.7


def test_a_tree_that_fails_is_no_measure(tmp_path: Path) -> None:
    with pytest.raises(ChildProcessError, match="exit 1"):
        ratios(tmp_path, ROOT, runs=1, cases=VERSION)


@pytest.mark.slow
def test_the_last_commit_made_nothing_slower() -> None:
    assert main(["HEAD~1"]) == 0
