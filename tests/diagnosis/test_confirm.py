"""What a check of the environment found, held against hypotheses, with made-up reports."""

from __future__ import annotations

from envfit.diagnosis.confirm import confirm
from envfit.diagnosis.model import Confidence, Diagnosis, Hypothesis, Quote, Standing
from envfit.doctor.finding import Finding, Kind, Severity, Stage
from envfit.doctor.report import Report

FILES = Kind(code="wheel-without-extension", stage=Stage.FILES, cause="It is.", remedy="Do.")
IMPORTS = Kind(code="import-fails", stage=Stage.IMPORTS, cause="It is.", remedy="Do.")
ALL = tuple(Stage)
FLASH = Hypothesis(
    code="flash-attn/extension-missing",
    cause="flash-attn is installed without flash_attn_2_cuda.",
    confidence=Confidence.LIKELY,
    rests_on=(Quote(line=3, text="ModuleNotFoundError: No module named 'flash_attn_2_cuda'"),),
    package="flash-attn",
)
NUMPY = Hypothesis(
    code="built-for-other-numpy",
    cause="An extension was built against another NumPy.",
    confidence=Confidence.LIKELY,
    rests_on=(Quote(line=9, text="numpy.dtype size changed"),),
    package="numpy",
)


def finding(kind: Kind, subject: str, *measured: str, severity: Severity = Severity.BREAKS) -> Finding:
    return Finding(
        kind=kind, severity=severity, subject=(subject,), text=f"{subject} is broken.", measured=measured
    )


def report(*findings: Finding, stages: tuple[Stage, ...] = ALL) -> Report:
    return Report(subject="env", findings=findings, stages=stages)


def test_the_same_package_broken_confirms():
    found = confirm(Diagnosis(cause=FLASH), report(finding(FILES, "flash-attn 2.8.3")))
    assert found.cause is not None
    assert found.cause.standing is Standing.CONFIRMED
    assert found.confidence is Confidence.CERTAIN
    assert found.cause.checked == ("flash-attn 2.8.3 is broken. [wheel-without-extension]",)
    assert found.others == ()


def test_the_same_exception_confirms_whatever_the_package():
    measured = "ModuleNotFoundError: No module named 'flash_attn_2_cuda'"
    found = confirm(Diagnosis(cause=FLASH), report(finding(IMPORTS, "s3prl 0.4.18", measured)))
    assert found.cause is not None
    assert found.cause.standing is Standing.CONFIRMED


def test_what_imports_well_discards_and_the_next_takes_its_place():
    measured = "numpy.dtype size changed, may indicate binary incompatibility"
    checked = report(finding(IMPORTS, "pandas 1.5.0", measured))
    found = confirm(Diagnosis(cause=FLASH, others=(NUMPY,)), checked)
    assert found.cause is not None
    assert found.cause.code == NUMPY.code
    assert [(each.code, each.standing) for each in found.others] == [(FLASH.code, Standing.DISCARDED)]


def test_nothing_is_discarded_by_what_was_not_tried():
    found = confirm(Diagnosis(cause=FLASH), report(stages=(Stage.FILES, Stage.METADATA)))
    assert found.cause is not None
    assert found.cause.standing is Standing.OPEN


def test_what_is_open_confirms_nothing():
    found = confirm(
        Diagnosis(cause=FLASH),
        report(finding(FILES, "flash-attn 2.8.3", severity=Severity.OPEN), stages=(Stage.FILES,)),
    )
    assert found.cause is not None
    assert found.cause.standing is Standing.OPEN


def test_a_hidden_cause_is_what_the_check_found_broken():
    found = confirm(Diagnosis(cause=None, hidden="It hides."), report(finding(FILES, "flash-attn 2.8.3")))
    assert found.cause is not None
    assert (found.cause.code, found.cause.package) == ("wheel-without-extension", "flash-attn")
    assert found.confidence is Confidence.LIKELY


def test_of_several_broken_things_none_is_chosen():
    checked = report(finding(FILES, "flash-attn 2.8.3"), finding(IMPORTS, "pandas 1.5.0"))
    found = confirm(Diagnosis(cause=None), checked)
    assert found.cause is None
    assert len(found.others) == 2
