"""Programs that are run in turn, and their table."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.timed import Program, document, run_in_turn, table, told


def a_run(program: str, number: int, wall: float, *, part: float | None = None, counts: bool = True) -> dict:
    cost = {"wall": wall, "cpu": wall, "peak": 1 << 25}
    return {"job": "a job", "program": program, "round": number, "cost": cost, "part": part, "counts": counts}


def test_ratios_are_of_rounds_and_the_part_is_told_apart() -> None:
    runs = [
        a_run("ours", 0, 2.0, part=1.0),
        a_run("theirs", 0, 1.0),
        a_run("ours", 1, 9.0, part=3.0),
        a_run("theirs", 1, 3.0),
        a_run("ours", 2, 6.0, part=2.0),
        a_run("theirs", 2, 2.0),
    ]
    lines = list(table(runs))
    assert lines[2] == "| ours | 6.00 s (2.00 s to 9.00 s) | 6.00 s (2.00 s to 9.00 s) | 32 MiB |  |"
    assert lines[3].endswith("| 3.00 x; without proof 2.00 x |")
    assert lines[-1] == "Of ours, 2.00 s are proof, by importing what was asked for."


def test_a_run_that_does_not_count_is_in_no_figure() -> None:
    runs = [a_run("ours", 0, 0.5), a_run("theirs", 0, 0.25, counts=False), a_run("ours", 1, 0.1)]
    lines = list(table(runs))
    assert "300 ms (100 ms to 500 ms)" in lines[2]
    assert lines[3].startswith("| theirs | did not end well |")


@pytest.mark.parametrize(("code", "counts"), [(0, True), (3, False)])
def test_programs_run_in_turn_and_count_where_they_did_what_they_should(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], code: int, counts: bool
) -> None:
    began: list[str] = []
    programs = [
        Program(
            label=label,
            words=(sys.executable, "-c", f"print('said'); raise SystemExit({code})"),
            folder=tmp_path,
            before=lambda label=label: began.append(label),
            part=lambda: 0.001,
        )
        for label in ("ours", "theirs")
    ]
    runs = list(run_in_turn("a job", programs, rounds=2, limit=30))
    assert [(run["program"], run["round"], run["counts"]) for run in runs] == [
        ("ours", 0, counts),
        ("theirs", 0, counts),
        ("ours", 1, counts),
        ("theirs", 1, counts),
    ]
    assert began == ["ours", "theirs"] * 2
    assert ("exit 3" in capsys.readouterr().err) is not counts
    assert all((run["part"] is None) is not counts for run in runs)
    assert "a job" in list(told(document(runs, {"envfit": "1"})["timed"]))
