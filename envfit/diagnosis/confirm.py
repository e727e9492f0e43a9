"""What a check of the environment found, held against what its log tells."""

from __future__ import annotations

from dataclasses import replace

from packaging.utils import canonicalize_name

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.model import Confidence, Diagnosis, Hypothesis, Quote, Standing
from envfit.doctor.finding import Finding, Severity, Stage
from envfit.doctor.report import Report

__all__ = ["confirm"]

#: What an import of the package would show again, if it were still so.
_SHOWN_BY_IMPORT = frozenset(
    each.code
    for each in (
        m.CIRCULAR_IMPORT,
        m.EXTENSION_MISSING,
        m.LIBC_OLD,
        m.LIBRARY_CUDA,
        m.LIBRARY_MISSING,
        m.LIBRARY_SYSTEM,
        m.LIBRARY_TORCH_CUDA,
        m.LIBSTDCXX_OLD,
        m.NUMPY_ABI,
        m.SYMBOL_CUDA,
        m.SYMBOL_OTHER,
        m.SYMBOL_PYTHON,
        m.SYMBOL_TORCH,
    )
)
_SHORTEST_ROOT = 20  # letters of an exception by which it is known again


def confirm(diagnosis: Diagnosis, report: Report) -> Diagnosis:
    """Return a diagnosis with what a check of the environment says about each hypothesis.

    A cause that is discarded gives way to the best hypothesis that is not; an unknown cause is
    taken from what the check found broken, where that is one thing only.
    """
    held = [_held(each, report) for each in (diagnosis.cause, *diagnosis.others) if each is not None]
    standing = [each for each in held if each.standing is not Standing.DISCARDED]
    discarded = [each for each in held if each.standing is Standing.DISCARDED]
    cause: Hypothesis | None = None
    if diagnosis.cause is not None:
        if held[0].standing is Standing.DISCARDED:
            confirmed = [each for each in standing if each.standing is Standing.CONFIRMED]
            cause = confirmed[0] if confirmed else None
        else:
            cause = held[0]
    broken = [each for each in _found(report) if not any(_same(each, known) for known in held)]
    if cause is None and diagnosis.cause is None and len(broken) == 1:
        cause = replace(broken[0], chain=diagnosis.chain)
        broken = []
    others = (*(each for each in standing if each is not cause), *broken, *discarded)
    return replace(diagnosis, cause=cause, others=others)


def _held(hypothesis: Hypothesis, report: Report) -> Hypothesis:
    about = [
        finding
        for finding in report.findings
        if finding.severity is not Severity.OPEN and _is_about(hypothesis, finding)
    ]
    if about:
        return replace(
            hypothesis,
            standing=Standing.CONFIRMED,
            confidence=Confidence.CERTAIN,
            checked=tuple(str(finding) for finding in about),
        )
    if (
        hypothesis.package is not None
        and (hypothesis.code in _SHOWN_BY_IMPORT or hypothesis.code.endswith(("/abi", "/extension-missing")))
        and Stage.IMPORTS in report.stages
    ):
        return replace(
            hypothesis,
            standing=Standing.DISCARDED,
            checked=(f"In {report.subject} everything imports, {hypothesis.package} included.",),
        )
    return hypothesis


def _is_about(hypothesis: Hypothesis, finding: Finding) -> bool:
    """Tell whether a finding is the same fault: one exception, one rule, or one package that is broken."""
    roots = [quote.text for quote in hypothesis.rests_on if len(quote.text) >= _SHORTEST_ROOT]
    if any(_text(root) in line or line in root for root in roots for line in finding.measured if line):
        return True
    if finding.because is not None and finding.because.rule in hypothesis.rules:
        return True
    names = {canonicalize_name(subject.partition(" ")[0]) for subject in finding.subject}
    return (
        hypothesis.package in names
        and finding.severity is Severity.BREAKS
        and finding.kind.stage in (Stage.FILES, Stage.KNOWLEDGE, Stage.LIBRARIES, Stage.IMPORTS)
    )


def _text(quoted: str) -> str:
    """Return what an exception says, without its type."""
    kind, colon, message = quoted.partition(": ")
    return message if colon and " " not in kind else quoted


def _found(report: Report) -> list[Hypothesis]:
    return [
        Hypothesis(
            code=finding.kind.code,
            cause=finding.text,
            confidence=Confidence.LIKELY,
            rests_on=tuple(Quote(line=0, text=line) for line in finding.measured[:2]),
            remedies=finding.remedies,
            rules=(finding.because.rule,) if finding.because is not None and finding.because.rule else (),
            package=canonicalize_name(finding.subject[0].partition(" ")[0]) if finding.subject else None,
            standing=Standing.CONFIRMED,
            checked=(f"found in {report.subject}",),
        )
        for finding in report.findings
        if finding.severity is Severity.BREAKS
    ]


def _same(found: Hypothesis, known: Hypothesis) -> bool:
    return known.standing is Standing.CONFIRMED and any(found.cause in text for text in known.checked)
