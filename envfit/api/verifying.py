"""The proof of an environment that was just made: what ``check`` does, before anything points to it.

``requested``: what was asked for is imported, what it is used for together is played, and on a GPU
it computes.  ``all``: every stage of a check.  What the GPU of another machine would say is never
asked of this one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.utils import canonicalize_name

from envfit.api.checking_prefix import Aim, Check, run_stages
from envfit.api.proving import compute_on_gpu, judge_results, prove_scenarios
from envfit.detect.meanwhile import Meanwhile
from envfit.doctor.data import report_data
from envfit.doctor.dependencies import Dependencies
from envfit.doctor.finding import Finding, Severity, Stage
from envfit.doctor.kinds import CANNOT_WORK, MISSING_REQUIREMENT
from envfit.doctor.metadata import find_in_metadata
from envfit.doctor.report import Report, Skipped
from envfit.errors import VerificationError
from envfit.install.options import Options, Verify
from envfit.install.plan import Plan
from envfit.install.verification import Proof, Prover, requested_imports
from envfit.installed.model import InstalledEnvironment
from envfit.installed.read import read_environment
from envfit.knowledge.model import KnowledgeBase
from envfit.prove.imports import ImportResult, verify
from envfit.target import Target

__all__ = ["prover"]

#: What is looked at for the sake of what was asked for, besides the GPU.
_REQUESTED = (Stage.METADATA, Stage.IMPORTS, Stage.SCENARIOS)


def prover(knowledge: KnowledgeBase, *, is_named: bool) -> Prover:
    """Return what proves an environment by the stages of a check.

    ``is_named``: the GPU was named, so that nothing is computed on one here.
    """

    def prove(
        version: Path, planned: Plan, target: Target, options: Options, notify: Callable[[str], None]
    ) -> Proof:
        begun = time.perf_counter()
        environment = read_environment(version, os.environ)
        aim = Aim(target=target, is_named=is_named)
        results, report = _requested(environment, planned, aim, knowledge, notify)
        _require_working(report, planned, options)
        if options.verify is Verify.ALL:
            report = _all(environment, aim, knowledge, report, ignored=options.ignored, notify=notify)
            _require_working(report, planned, options)
        return Proof(
            imports=results,
            seconds=time.perf_counter() - begun,
            stages=tuple(stage.value for stage in report.stages),
            skipped=tuple(f"{item.stage.value}: {item.why}" for item in report.skipped),
            remarks=tuple(
                f"{finding.severity.value}: {finding}"
                for finding in report.findings
                if finding.kind.stage is not Stage.IMPORTS or finding.severity is not Severity.OPEN
            ),
            report=f"{json.dumps(report_data(report), indent=2)}\n",
        )

    return prove


def _requested(
    environment: InstalledEnvironment,
    planned: Plan,
    aim: Aim,
    knowledge: KnowledgeBase,
    notify: Callable[[str], None],
) -> tuple[tuple[ImportResult, ...], Report]:
    """Import what was asked for, play what it is used for, and compute on the GPU where there is one."""
    has_gpu = bool(aim.target.gpus) and not aim.is_named
    metadata = _metadata(environment, planned, aim.target)
    names = requested_imports(environment.prefix, planned)
    python = environment.prefix / "bin" / "python"
    results = verify(python, names, gpu=has_gpu, notify=notify)
    imports = judge_results(environment, knowledge, results, names)
    if any(finding.severity is Severity.BREAKS for finding in imports):
        # What cannot be imported need not be played.
        return results, _report(environment, [*metadata, *imports], (Stage.METADATA, Stage.IMPORTS))
    found = [
        *metadata,
        *imports,
        *prove_scenarios(
            environment,
            knowledge,
            gpu=bool(aim.target.gpus),
            driver=has_gpu,
            about=frozenset(names.values()),
            notify=notify,
        ),
    ]
    if not has_gpu:
        why = "the GPU was named" if aim.is_named and aim.target.gpus else "this machine has no GPU"
        skipped = (Skipped(stage=Stage.GPU, why=why),)
        return results, _report(environment, found, _REQUESTED, skipped)
    _, computed = compute_on_gpu(environment, knowledge, notify=notify)
    return results, _report(environment, [*found, *computed], (*_REQUESTED, Stage.GPU))


def _metadata(environment: InstalledEnvironment, planned: Plan, target: Target) -> list[Finding]:
    """Return what the packages that were installed demand of others and do not get.

    What was skipped was skipped knowingly, and what a module's packages lack among themselves is given.
    """
    names = {package.name for package in planned.to_install}
    own = {name: item for name, item in environment.seen().items() if name in names}
    seen = replace(target, python=environment.python_version or target.python)
    found = find_in_metadata(environment, Dependencies(own, seen.marker_environment()))
    return [finding for finding in found if _name(finding.subject[0]) not in planned.skipped]


def _report(
    environment: InstalledEnvironment,
    findings: Sequence[Finding],
    stages: tuple[Stage, ...],
    skipped: tuple[Skipped, ...] = (),
) -> Report:
    return Report(subject=str(environment.prefix), findings=tuple(findings), stages=stages, skipped=skipped)


def _all(
    environment: InstalledEnvironment,
    aim: Aim,
    knowledge: KnowledgeBase,
    before: Report,
    *,
    ignored: frozenset[str],
    notify: Callable[[str], None],
) -> Report:
    """Run every stage of a check; what was asked for has been tried, and is not tried once more."""
    check = Check(
        environment=environment,
        environ=os.environ,
        quick=False,
        notify=notify,
        reading_knowledge=Meanwhile(lambda: knowledge),
        reading_target=lambda _: aim,
        ignore_rules=tuple(ignored),
    )
    told = [finding for finding in before.findings if finding.kind.stage in (Stage.SCENARIOS, Stage.GPU)]
    report = run_stages(check, before.subject, frozenset(Stage) - {Stage.SCENARIOS, Stage.GPU})
    return Report(
        subject=report.subject,
        findings=(*report.findings, *told),
        stages=(*report.stages, *(stage for stage in before.stages if stage not in report.stages)),
        skipped=(*report.skipped, *before.skipped),
        notes=report.notes,
    )


# -- what stands in the way ----------------------------------------------------


def _require_working(report: Report, planned: Plan, options: Options) -> None:
    """Raise VerificationError where something that was asked for does not work, with the root of it."""
    blocking = [finding for finding in report.findings if _blocks(finding, planned, force=options.force)]
    if not blocking:
        return
    lacking = [
        f"{finding.text} Where a module provides it, --provided-from PYTHON names that."
        for finding in report.findings
        if finding.kind is MISSING_REQUIREMENT
    ]
    first, *others = blocking
    more = f" {len(others)} more was found." if len(others) == 1 else ""
    more = f" {len(others)} more were found." if len(others) > 1 else more
    raise VerificationError(
        f"everything was installed, and does not work, so it was not put in place: {first.text}{more}",
        details={
            f"{finding.subject[0]} [{finding.kind.code}]": "\n".join(_lines(finding, told=finding is first))
            for finding in blocking
        },
        hints=(*dict.fromkeys(hint for finding in blocking for hint in _hints(finding, planned)), *lacking),
    )


def _blocks(finding: Finding, planned: Plan, *, force: bool) -> bool:
    """Tell whether a finding keeps an environment from being put in place.

    Names and versions were judged before: where they disagree, the user overrode it at the lock.
    What only an interpreter provides is not this environment's to mend.
    """
    if finding.severity is not Severity.BREAKS or finding.kind.stage is Stage.METADATA:
        return False
    if force and (finding.kind.stage is Stage.GPU or finding.kind is CANNOT_WORK):
        return False
    own = {package.name for package in planned.to_install}
    return finding.kind is not CANNOT_WORK or any(_name(subject) in own for subject in finding.subject)


def _name(subject: str) -> str:
    return canonicalize_name(subject.partition(" ")[0])


def _lines(finding: Finding, *, told: bool) -> Iterator[str]:
    """Yield what a finding is and rests on; ``told``: the message has said what it is."""
    reason = finding.because
    if not told:
        yield finding.text
    if reason is not None:
        if reason.sentence not in finding.text:
            yield f"{reason.sentence}{f' [{reason.rule}]' if reason.rule else ''}"
        yield from reason.evidence[:1]
    yield from finding.measured


def _hints(finding: Finding, planned: Plan) -> Iterator[str]:
    """Yield what can be done: what was installed is gone again, so no command that changes it there."""
    name = _name(finding.subject[0]) if finding.subject else ""
    needed = {other for package in planned.to_install for other in package.dependencies}
    if name in {package.name for package in planned.to_install} - needed and len(planned.to_install) > 1:
        yield f"leave {name} out: --skip {name}"
    yield from (remedy.text for remedy in finding.remedies if not remedy.commands)
