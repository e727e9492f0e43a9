"""What of a report can be mended by program: remedies that can be taken back, as one plan with its diff."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from envfit.doctor.finding import Change, Finding, Remedy, Severity
from envfit.doctor.kinds import ALTERED_FILES
from envfit.frozen import frozen

__all__ = ["Fix", "Left", "Step", "choose_remedies"]


@frozen
class Step:
    """A remedy that is to be applied, and the finding that it mends."""

    finding: Finding
    remedy: Remedy


@frozen
class Left:
    """A finding that is not mended by program, and why."""

    finding: Finding
    why: str


@frozen
class Fix:
    """What is to be done, before anything is: the state before and after, and the commands between them."""

    steps: tuple[Step, ...]
    left: tuple[Left, ...] = ()
    changes: tuple[Change, ...] = ()  # exact: what the tool said that it would do
    moves: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    undo: tuple[tuple[str, ...], ...] = ()  # commands that take back what no copy of files does

    def diff(self) -> Iterator[str]:
        """Yield the packages and files before and after: ``- numpy 2.4.0``, ``+ numpy 1.26.4``."""
        for change in self.changes:
            yield from str(change).splitlines()
        yield from (f"- {path}" for path in self.moves)


def choose_remedies(findings: Sequence[Finding]) -> Fix:
    """Return a fix with the remedies that are applied: the first of each finding that can be taken back.

    Of what only warns, leftovers are taken away, and nothing else is decided for a person.
    """
    steps: list[Step] = []
    left: list[Left] = []
    touched: dict[str, Change] = {}
    for finding in findings:
        if finding.severity is Severity.OPEN:
            continue
        removed = {name for name, change in touched.items() if change.after is None}
        if finding.subject and {text.partition(" ")[0] for text in finding.subject} <= removed:
            continue  # what it is about goes
        remedy = _remedy(finding)
        if remedy is None:
            left.append(Left(finding=finding, why=_why_left(finding)))
        elif clash := _clash(remedy, touched):
            left.append(Left(finding=finding, why=f"{clash} is changed for another finding"))
        elif remedy not in [step.remedy for step in steps]:
            steps.append(Step(finding=finding, remedy=remedy))
            touched.update({change.name: change for change in remedy.changes})
    return Fix(steps=tuple(steps), left=tuple(left))


def _remedy(finding: Finding) -> Remedy | None:
    remedies = [remedy for remedy in finding.remedies if remedy.is_reversible]
    if finding.severity is Severity.BREAKS:
        return remedies[0] if remedies else None
    if finding.kind is ALTERED_FILES:
        return None
    only_moves = [remedy for remedy in remedies if remedy.moves]
    if only_moves:
        return only_moves[0]
    return remedies[0] if len(finding.remedies) == len(remedies) == 1 else None


def _why_left(finding: Finding) -> str:
    if finding.kind is ALTERED_FILES:
        return "the change may be meant"
    if not any(remedy.commands for remedy in finding.remedies):
        return "a person has to do it"
    if not any(remedy.is_reversible for remedy in finding.remedies):
        return "nothing would take it back"
    return "there are several ways, and it only warns"


def _clash(remedy: Remedy, touched: Mapping[str, Change]) -> str:
    """Return a package that an earlier remedy changes otherwise; empty where there is none."""
    for change in remedy.changes:
        former = touched.get(change.name)
        if former is not None and former.after != change.after:
            return change.name
    return ""
