"""Long logs: what is kept, and that the cause is found in what was."""

from __future__ import annotations

from pathlib import Path

from envfit.diagnosis import skim as module
from envfit.diagnosis.diagnose import diagnose
from envfit.diagnosis.skim import skim
from envfit.knowledge.load import load

BASE = load(Path(__file__).parents[2] / "constraints")
FAILURE = [
    "Traceback (most recent call last):",
    '  File "/home/me/a.py", line 1, in <module>',
    "    import a",
    "ImportError: libfrob.so.3: cannot open shared object file: No such file or directory",
]


def test_a_short_log_is_read_whole():
    log, notes = skim(["one", "two"])
    assert [line.number for line in log.lines] == [1, 2]
    assert notes == ()


def test_a_failure_in_the_middle_of_a_long_log_is_found(monkeypatch):
    monkeypatch.setattr(module, "WHOLE", 50_000)
    before = [f"step {number}: loss 0.3, nothing to see" for number in range(40_000)]
    lines = [*before, *FAILURE, *before]
    log, notes = skim(lines)
    assert len(log.lines) < 30_000
    assert "80,004" in notes[0]
    diagnosis = diagnose(log, BASE, notes)
    assert diagnosis.cause is not None
    assert diagnosis.cause.code == "missing-shared-library"
    assert diagnosis.cause.rests_on[0].line == 40_004
    assert diagnosis.notes == notes


def test_what_repeats_is_kept_a_few_times(monkeypatch):
    monkeypatch.setattr(module, "WHOLE", 50_000)
    filler = ["x" * 50] * 200
    lines = [text for number in range(500) for text in (f"Warning: {number} of 9 is slow", *filler)]
    log, _ = skim(lines)
    middle = [line for line in log.lines if 3_000 < line.number < 70_000]
    assert len(middle) < 12 * 130


def test_lines_are_in_order_and_once(monkeypatch):
    monkeypatch.setattr(module, "WHOLE", 1_000)
    log, _ = skim([f"error {number % 7} {'x' * number}" for number in range(3_000)])
    numbers = [line.number for line in log.lines]
    assert numbers == sorted(set(numbers))
