"""All that is told before a build: gates, settings, cost and advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envfit.build.advice import Cost, advice_for, cost_of
from envfit.build.gate import Judged, Outcome
from envfit.build.remedy import with_remedies
from envfit.errors import BuildImpossibleError
from envfit.frozen import frozen
from envfit.knowledge.model import Advice

__all__ = ["BuildReport", "refuse_impossible", "report_on"]


@frozen
class BuildReport:
    """What is known of one build before it begins."""

    judged: Judged
    cost: Cost | None  # None where nobody has measured it
    advice: tuple[Advice, ...]
    overridden: Mapping[str, str]  # variables of the environment that the build does not get


def report_on(judged: Judged, environ: Mapping[str, str]) -> BuildReport:
    """Return the report on what was judged and would be built in an environment, with remedies."""
    case, judged = judged.case, with_remedies(judged)
    cost = None
    if case.build.cost is not None and judged.jobs is not None and judged.recipe.architectures:
        cost = cost_of(case.build.cost, len(judged.recipe.architectures), judged.jobs)
    known = case.knowledge.packages.get(case.package)
    advice = advice_for(known.advice, case.version, case.target, case.torch) if known is not None else ()
    return BuildReport(judged=judged, cost=cost, advice=advice, overridden=judged.recipe.overridden(environ))


def refuse_impossible(report: BuildReport, *, hints: Sequence[str] = ()) -> None:
    """Raise BuildImpossibleError where a gate is closed: every reason, and the remedies before ``hints``."""
    closed = [gate for gate in report.judged.gates if gate.outcome is Outcome.FAILED]
    if not closed:
        return
    remedies = [remedy for gate in closed for remedy in gate.remedies]
    told = [f"{item.text}{f' {item.command}' if item.command else ''}" for item in remedies]
    reasons = " ".join(str(reason) for gate in closed for reason in gate.reasons)
    raise BuildImpossibleError(
        f"{report.judged.case.release} cannot be built here: {reasons}",
        details={gate.name: " ".join(map(str, gate.reasons)) for gate in closed},
        hints=list(dict.fromkeys([*told, *hints])),
    )
