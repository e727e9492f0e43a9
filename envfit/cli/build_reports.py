"""Reports before a build, as lines for people and as data."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from envfit.build.gate import Gate, Outcome
from envfit.build.reason import Reason, RuleBroken
from envfit.build.report import BuildReport

__all__ = ["build_report_lines", "build_reports_data"]

_WORDS = {Outcome.PASSED: "ok", Outcome.FAILED: "no", Outcome.UNKNOWN: "open"}


def build_report_lines(report: BuildReport) -> Iterator[str]:
    """Yield a report: the answer, each gate with what opens it, then settings, cost and advice."""
    judged = report.judged
    closed = len(judged.failed)
    if closed:
        yield f"{judged.case.release} cannot be built: {closed} gate{'s are' if closed > 1 else ' is'} closed"
    else:
        yield f"{judged.case.release} can be built{_left_open(judged.gates)}"
    told: set[str] = set()
    for gate in judged.gates:
        yield from _gate_lines(gate, told)
    yield from (f"  warns: {warning}" for warning in judged.warnings)
    if judged.recipe.architectures:
        yield from _recipe_lines(report)


def _left_open(gates: Sequence[Gate]) -> str:
    names = [gate.name for gate in gates if gate.outcome is Outcome.UNKNOWN]
    return f", as far as is known; not known: {', '.join(names)}" if names else ""


def _gate_lines(gate: Gate, told: set[str]) -> Iterator[str]:
    """Yield a gate; ``told`` are remedies of those before it, which are not said again."""
    word = _WORDS[gate.outcome]
    for reason in gate.reasons:
        yield f"  {word:<5} {gate.name}: {reason}{_rule(reason)}"
    for remedy in gate.remedies:
        if remedy.text in told:
            continue
        told.add(remedy.text)
        closes = f" Then closed: {', '.join(remedy.closes)}." if remedy.closes else ""
        yield f"          {'to do' if remedy.tried else 'note'}: {remedy.text}{closes}"
        if remedy.command is not None:
            yield f"                 {remedy.command}"


def _rule(reason: Reason) -> str:
    return f" [{reason.origin.rule}]" if isinstance(reason, RuleBroken) else ""


def _recipe_lines(report: BuildReport) -> Iterator[str]:
    judged = report.judged
    yield ""
    codes = ", ".join(f"sm_{code}" for code in judged.recipe.codes)
    yield f"compiles: {codes}"
    settings = _settings(report)
    yield f"settings: {' '.join(f'{name}={shlex.quote(value)}' for name, value in settings.items())}"
    for name, value in report.overridden.items():
        yield f"not inherited: {name}={shlex.quote(value)}"
    if report.cost is not None:
        yield f"cost: {report.cost}"
        yield f"  measured on {report.cost.machine}"
    else:
        yield "cost: nobody has measured it"
    for advice in report.advice:
        yield f"advice: {advice.text}"
        yield from (f"  {evidence}" for evidence in advice.evidence)


def _settings(report: BuildReport) -> dict[str, str]:
    recipe, jobs = report.judged.recipe, report.judged.jobs
    effort = recipe.effort(jobs.count, jobs.threads) if jobs is not None else {}
    return {**recipe.variables, **effort}


def build_reports_data(reports: Sequence[BuildReport]) -> dict[str, Any]:
    """Return reports as ``build --dry-run --json`` prints them."""
    return {
        "possible": all(report.judged.possible for report in reports),
        "reports": [_report_data(report) for report in reports],
    }


def _report_data(report: BuildReport) -> dict[str, Any]:
    judged, jobs, cost = report.judged, report.judged.jobs, report.cost
    return {
        "name": judged.case.package,
        "version": str(judged.case.version),
        "torch": str(judged.case.torch) if judged.case.torch is not None else None,
        "torch-cuda": str(judged.case.torch_cuda) if judged.case.torch_cuda is not None else None,
        "possible": judged.possible,
        "gates": [_gate_data(gate) for gate in judged.gates],
        "warnings": list(judged.warnings),
        "architectures": list(judged.recipe.codes),
        "settings": _settings(report) if judged.recipe.architectures else {},
        "not-inherited": dict(report.overridden),
        "jobs": None
        if jobs is None
        else {
            "count": jobs.count,
            "job-memory": jobs.job_memory,
            "assumed": jobs.assumed,
            "bound": jobs.bound,
            "cores": jobs.cores,
            "memory": jobs.memory,
        },
        "cost": None
        if cost is None
        else {
            "objects": cost.objects,
            "seconds": round(cost.seconds),
            "core-seconds": round(cost.core_seconds),
            "peak-memory": cost.peak_memory,
            "measured-on": cost.machine,
        },
        "advice": [
            {"text": item.text, "evidence": [str(evidence) for evidence in item.evidence]}
            for item in report.advice
        ],
    }


def _gate_data(gate: Gate) -> dict[str, Any]:
    return {
        "name": gate.name,
        "outcome": gate.outcome.value,
        "reasons": [
            {
                "kind": type(reason).__name__,
                "text": str(reason),
                "rule": reason.origin.rule if isinstance(reason, RuleBroken) else None,
            }
            for reason in gate.reasons
        ],
        "remedies": [
            {
                "text": remedy.text,
                "command": remedy.command,
                "tried": remedy.tried,
                "closes": list(remedy.closes),
            }
            for remedy in gate.remedies
        ],
    }
