"""What an installation left open or overrode, held against the machine that an environment is checked on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from envfit.doctor.finding import Finding, Remedy, Severity
from envfit.doctor.kinds import CONDITION_REFUTED, INSTALLED_BY_FORCE
from envfit.errors import EnvfitError
from envfit.frozen import frozen
from envfit.install.plan import Plan, plan
from envfit.install.record import Record, read_record
from envfit.install.verification import VERIFIED
from envfit.installed.model import InstalledEnvironment, PrefixKind
from envfit.knowledge.query import Query
from envfit.lock.file import read_lock
from envfit.lock.refusal import Cause, Refusal, named

__all__ = ["Promised", "promised"]

# What a condition may turn out to be.
_OF_MACHINES = frozenset({Cause.CODE, Cause.NO_CODE, Cause.GPU, Cause.DRIVER, Cause.FACT, Cause.GLIBC})


@frozen
class Promised:
    """What became of what was open: sentences, and what does not hold."""

    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def promised(environment: InstalledEnvironment, query: Query, told: Sequence[Finding]) -> Promised:
    """Return which conditions of an installation hold on a target, which do not, and which stay open.

    Rules that earlier findings rest on are not told again.  Nothing where envfit did not make the
    environment, or left no record.
    """
    record = read_record(environment.prefix) if environment.kind is PrefixKind.ENVFIT else None
    if record is None:
        return Promised()
    notes = list(_verified(environment.prefix))
    findings = list(_forced(record))
    planned = _planned(environment.prefix, query) if record.conditions else None
    if planned is not None:
        refuting = [refusal for refusal in planned.refusals if refusal.cause in _OF_MACHINES]
        cited = {finding.because.rule for finding in told if finding.because is not None}
        findings += [
            _refuted(item) for item in refuting if item.reason.rule is None or item.reason.rule not in cited
        ]
        notes += _outcomes(record, planned, refuted=bool(refuting))
    return Promised(notes=tuple(notes), findings=tuple(findings))


def _planned(prefix: Path, query: Query) -> Plan | None:
    """Return the plan of installing the same here; None where its lock can no longer be read."""
    try:
        lock = read_lock(prefix / "pylock.toml")
        return plan(lock, query.target, query.knowledge, ignored=query.ignored)
    except EnvfitError:
        return None


def _outcomes(record: Record, planned: Plan, *, refuted: bool) -> Iterator[str]:
    still = {item.fact for item in planned.conditions}
    for item in record.conditions:
        what = item.bounds or named(item.packages) or item.fact
        if refuted:
            yield f"refuted here, and open when it was installed ({item.fact} {item.state.value}): {what}"
        elif item.fact in still:
            yield f"still to be proved, as when it was installed ({item.fact} {item.state.value}): {what}"
        else:
            yield f"proved here, and open when it was installed ({item.fact} {item.state.value}): {what}"


def _refuted(refusal: Refusal) -> Finding:
    return Finding(
        kind=CONDITION_REFUTED,
        severity=Severity.BREAKS,
        subject=refusal.packages,
        text="What could not be proved where it was installed does not hold here: "
        f"{named(refusal.packages)}: {refusal.reason.sentence}",
        because=refusal.reason,
        remedies=(Remedy(text=CONDITION_REFUTED.remedy),),
    )


def _forced(record: Record) -> Iterator[Finding]:
    if record.overridden:
        packages = tuple(dict.fromkeys(name for item in record.overridden for name in item.packages))
        yield Finding(
            kind=INSTALLED_BY_FORCE,
            severity=Severity.WARNS,
            subject=packages,
            text=f"It was installed with --force-incompatible, over what speaks against {named(packages)}.",
            measured=tuple(map(str, record.overridden)),
            remedies=(Remedy(text=INSTALLED_BY_FORCE.remedy),),
        )


def _verified(prefix: Path) -> Iterator[str]:
    """Yield what the proof at the installation looked at."""
    try:
        report = json.loads((prefix / VERIFIED).read_text(encoding="utf-8"))
        stages, skipped = report["stages"], report["skipped"]
        without = "".join(f"; not {item['stage']}, for {item['why']}" for item in skipped)
        yield f"proved when it was installed: {', '.join(stages)}{without}"
    except (OSError, ValueError, KeyError, TypeError):
        return
