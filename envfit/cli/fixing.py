"""Mending what a check found: the changes as a diff, a question, and what was done."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from envfit import api
from envfit.cli import render
from envfit.doctor.report import Answer

if TYPE_CHECKING:
    from envfit.doctor.fix import Fix
    from envfit.doctor.report import Report

__all__ = ["fix"]


def fix(
    reports: Sequence[Report],
    *,
    yes: bool,
    plan: Callable[[Report], Fix],
    check: Callable[[Report], Report],
) -> list[Report]:
    """Mend environments after asking, and return what a check says of each then."""
    return [
        _fix_one(report, yes=yes, plan=plan, check=check) if report.findings else report for report in reports
    ]


def _fix_one(
    report: Report, *, yes: bool, plan: Callable[[Report], Fix], check: Callable[[Report], Report]
) -> Report:
    planned = plan(report)
    for line in _lines(planned, report.subject):
        render.talk(line)
    if not planned.steps or not _agreed(yes=yes):
        return report
    done = api.apply_fix(planned, report.subject, notify=render.talk)
    render.talk(f"done; sh {shlex.quote(str(done.script))} takes it back")
    again = check(report)
    if again.answer is Answer.NO:
        render.talk(f"{report.subject} still has what breaks: envfit check {shlex.quote(report.subject)}")
    return again


def _lines(planned: Fix, subject: str) -> list[str]:
    lines = [f"fix {subject}:" if planned.steps else f"nothing in {subject} is mended by program"]
    lines += planned.diff()
    lines += [f"  $ {shlex.join(words)}" for words in planned.commands]
    lines += [f"left: {left.finding} ({left.why})" for left in planned.left]
    return lines


def _agreed(*, yes: bool) -> bool:
    """Ask, where somebody is there to answer; without a terminal only --yes counts."""
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        render.talk("nothing was changed: without a terminal, --yes says that it is wanted")
        return False
    sys.stderr.write("Apply this? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    render.talk("nothing was changed")
    return False
