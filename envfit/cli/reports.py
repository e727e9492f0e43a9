"""Reports of a check, as lines for people and as data."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from envfit.doctor.data import ordered, report_data
from envfit.doctor.report import Answer, Report

if TYPE_CHECKING:
    from envfit.doctor.finding import Finding, Remedy

__all__ = ["answer_of", "report_lines", "reports_data"]

_SHOWN = 6  # findings of a report, unless all are asked for
_LINES = 2  # of what a finding rests on, likewise
_REMEDIES = 2  # likewise


def answer_of(reports: Sequence[Report]) -> Answer:
    """Return the answer of several reports: no where one is no, else unknown where one is unknown."""
    answers = {report.answer for report in reports}
    return next((answer for answer in (Answer.NO, Answer.UNKNOWN) if answer in answers), Answer.YES)


# -- lines --------------------------------------------------------------------


def report_lines(report: Report, *, verbose: bool) -> Iterator[str]:
    """Yield a report: the answer, then each finding with what it rests on and what mends it."""
    yield f"{report.answer.value}: {report.subject}"
    yield from (f"  {note}" for note in report.notes)
    findings = ordered(report.findings)
    shown = findings if verbose else findings[:_SHOWN]
    told: set[object] = set()
    for finding in shown:
        yield ""
        yield from _finding_lines(finding, told, verbose=verbose)
    if len(findings) > len(shown):
        yield ""
        yield f"... and {len(findings) - len(shown)} more; -v shows them"
    if report.skipped:
        yield ""
        yield from (f"not looked at: {item.stage.value}: {item.why}" for item in report.skipped)


def _finding_lines(finding: Finding, told: set[object], *, verbose: bool) -> Iterator[str]:
    """Yield a finding; ``told`` are remedies and commands of those before it, which are not said again."""
    yield f"{finding.severity.value}: {finding}"
    if verbose and len(finding.subject) > 1:
        yield f"    about: {', '.join(finding.subject)}"
    yield from _limited(_why(finding), None if verbose else _LINES)
    for remedy in finding.remedies if verbose else finding.remedies[:_REMEDIES]:
        if verbose or remedy not in told:
            commands = [words for words in remedy.commands if verbose or words not in told]
            told.update((remedy, *commands))
            yield from _remedy_lines(remedy, commands, verbose=verbose)


def _why(finding: Finding) -> Iterator[str]:
    """Yield what a finding rests on: the facts read, the rule with its evidence, what was measured."""
    reason = finding.because
    if reason is not None:
        if reason.sentence not in finding.text:
            yield reason.sentence
        yield from reason.facts
        first, *more = reason.evidence or ("",)
        yield " ".join(filter(None, (first, f"[{reason.rule}]" if reason.rule is not None else "")))
        yield from finding.measured
        yield from more
    else:
        yield from finding.measured


def _limited(lines: Iterable[str], most: int | None) -> Iterator[str]:
    yield from (f"    {line}" for line in islice(lines, most))


def _remedy_lines(remedy: Remedy, commands: Iterable[Sequence[str]], *, verbose: bool) -> Iterator[str]:
    yield f"  to do: {remedy.text}"
    yield from (f"    $ {shlex.join(words)}" for words in commands)
    if verbose and remedy.undo:
        yield "    and back again:"
        yield from (f"    $ {shlex.join(words)}" for words in remedy.undo)


# -- data ---------------------------------------------------------------------


def reports_data(reports: Sequence[Report]) -> dict[str, Any]:
    """Return reports as ``schema/check.json`` has them."""
    return {
        "answer": answer_of(reports).value,
        "reports": [report_data(report) for report in reports],
    }
