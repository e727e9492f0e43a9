"""Holding answers against what scenarios expect."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from judges.packse_resolvers import Answer, Kind
from judges.packse_scenarios import Scenario

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Difference", "Outcome", "Verdict", "expected", "judge", "read_differences"]


class Outcome(Enum):
    """How an answer compares with what is expected."""

    RIGHT = "right"
    EXPLAINED = "explained"  # differs as declared
    WRONG = "wrong"
    STALE = "stale"  # right, and declared to differ
    FAILED = "failed"  # no answer
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A scenario that envfit answers otherwise by declared policy."""

    scenario: str
    answer: str  # envfit's, in the words of ``Answer``
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one tool said of one scenario, and how that is judged."""

    outcome: Outcome
    says: str
    why: str = ""


def read_differences(path: Path) -> Mapping[str, Difference]:
    """Return the declared differences by scenario; raises ValueError where one is declared twice."""
    found: dict[str, Difference] = {}
    for table in tomllib.loads(path.read_text(encoding="utf-8")).get("difference", []):
        difference = Difference(**table)
        if difference.scenario in found:
            raise ValueError(f"{path}: {difference.scenario} is declared twice")
        found[difference.scenario] = difference
    return found


def expected(scenario: Scenario) -> str:
    """Return what a scenario expects, in the words of ``Answer``; "satisfiable" where it states no pins."""
    if not scenario.satisfiable:
        return Kind.UNSATISFIABLE.value
    if scenario.pins is None:
        return "satisfiable"
    return str(Answer(kind=Kind.SOLVED, pins=scenario.pins))


def judge(scenario: Scenario, answer: Answer, difference: Difference | None = None) -> Verdict:
    """Judge one answer; ``difference`` is the declared one of that tool, if there is one."""
    said = str(answer)
    if answer.kind is Kind.SKIPPED:
        return Verdict(outcome=Outcome.SKIPPED, says=said, why=answer.why)
    if answer.kind is Kind.FAILED:
        return Verdict(outcome=Outcome.FAILED, says=said, why=answer.why)
    right = (answer.kind is Kind.SOLVED) == scenario.satisfiable and scenario.pins in (None, answer.pins)
    if difference is None:
        return Verdict(outcome=Outcome.RIGHT if right else Outcome.WRONG, says=said)
    if right:
        return Verdict(outcome=Outcome.STALE, says=said, why="declared to differ, and does not")
    if said != difference.answer:
        return Verdict(outcome=Outcome.WRONG, says=said, why=f"declared to answer {difference.answer}")
    return Verdict(outcome=Outcome.EXPLAINED, says=said, why=difference.reason)
