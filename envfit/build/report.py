"""All that is told before a build: gates, settings, cost and advice."""

from __future__ import annotations

from collections.abc import Mapping

from envfit.build.advice import Cost, advice_for, cost_of
from envfit.build.case import Case
from envfit.build.gate import Judged, judge
from envfit.build.remedy import with_remedies
from envfit.frozen import frozen
from envfit.knowledge.model import Advice

__all__ = ["BuildReport", "report_on"]


@frozen
class BuildReport:
    """What is known of one build before it begins."""

    judged: Judged
    cost: Cost | None  # None where nobody has measured it
    advice: tuple[Advice, ...]
    overridden: Mapping[str, str]  # variables of the environment that the build does not get


def report_on(case: Case, environ: Mapping[str, str]) -> BuildReport:
    """Return the report on a case that would be built in an environment."""
    judged = with_remedies(judge(case))
    cost = None
    if case.build.cost is not None and judged.jobs is not None and judged.recipe.architectures:
        cost = cost_of(case.build.cost, len(judged.recipe.architectures), judged.jobs)
    known = case.knowledge.packages.get(case.package)
    advice = advice_for(known.advice, case.version, case.target, case.torch) if known is not None else ()
    return BuildReport(judged=judged, cost=cost, advice=advice, overridden=judged.recipe.overridden(environ))
