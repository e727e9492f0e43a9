"""What a check found: an answer, and the findings that it rests on."""

from __future__ import annotations

import enum

from envfit.doctor.finding import Finding, Severity, Stage
from envfit.frozen import frozen

__all__ = ["Answer", "Report", "Skipped"]


class Answer(enum.Enum):
    """Whether it runs, or would run, there."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@frozen
class Skipped:
    """A stage that was not run, and why."""

    stage: Stage
    why: str


@frozen
class Report:
    """What a check of one environment or one file found."""

    subject: str  # the path as it was named
    findings: tuple[Finding, ...]
    stages: tuple[Stage, ...]  # those that were run
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def answer(self) -> Answer:
        """Return no where something breaks, else unknown where something is open, else yes."""
        severities = {finding.severity for finding in self.findings}
        if Severity.BREAKS in severities:
            return Answer.NO
        return Answer.UNKNOWN if Severity.OPEN in severities else Answer.YES
