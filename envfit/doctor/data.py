"""Reports as plain values: what ``check --json`` prints and what an installation keeps of its proof."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from envfit.doctor.finding import Finding, Severity, Stage
from envfit.doctor.report import Report
from envfit.resolve.reason import Reason

__all__ = ["ordered", "report_data"]

_STAGES = list(Stage)
# What decides the answer comes first: what breaks, then what is open.
_ORDER = (Severity.BREAKS, Severity.OPEN, Severity.WARNS)


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings with the most important first; those that are as important, stage by stage."""
    return sorted(findings, key=lambda item: (_ORDER.index(item.severity), _STAGES.index(item.kind.stage)))


def report_data(report: Report) -> dict[str, Any]:
    """Return one report as data."""
    return {
        "subject": report.subject,
        "answer": report.answer.value,
        "findings": [_finding_data(finding) for finding in ordered(report.findings)],
        "stages": [stage.value for stage in report.stages],
        "skipped": [{"stage": item.stage.value, "why": item.why} for item in report.skipped],
        "notes": list(report.notes),
    }


def _finding_data(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.kind.code,
        "stage": finding.kind.stage.value,
        "severity": finding.severity.value,
        "subject": list(finding.subject),
        "text": finding.text,
        "because": _reason_data(finding.because) if finding.because is not None else None,
        "measured": list(finding.measured),
        "remedies": [
            {
                "text": remedy.text,
                "commands": [list(words) for words in remedy.commands],
                "undo": [list(words) for words in remedy.undo],
            }
            for remedy in finding.remedies
        ],
    }


def _reason_data(reason: Reason) -> dict[str, Any]:
    return {
        "why": reason.sentence,
        "rule": reason.rule,
        "facts": list(reason.facts),
        "evidence": list(reason.evidence),
    }
