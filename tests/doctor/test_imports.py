"""What is said of imports that fail: the root, whose it is, and who fails with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from packaging.version import Version

from envfit.doctor.causes import Causes
from envfit.doctor.finding import Finding, Severity
from envfit.doctor.imports import Imported, judge_imports
from envfit.installed.model import InstalledDistribution, InstalledEnvironment, PrefixKind
from envfit.knowledge.model import Alternative, Evidence, EvidenceKind, KnowledgeBase, PackageKnowledge
from envfit.knowledge.symptom import Symptom, SymptomRank
from envfit.prove.imports import ImportResult, Outcome
from envfit.prove.program import Failure

SYMPTOM = Symptom(
    id="flash-attn/extension-missing",
    patterns=(r"No module named '(?P<module>flash_attn_2_cuda)'",),
    cause="flash-attn is installed without {module}, its compiled part.",
    remedy=("Build it with nvcc.",),
    excerpts=(),
    evidence=(
        Evidence(kind=EvidenceKind.ISSUE, source="an issue", locator="its log", checked=date(2026, 11, 27)),
    ),
    file="symptoms/flash-attn.toml",
)
WRAPPER = Symptom(
    id="transformers/failed-import",
    patterns=("Failed to import",),
    cause="Something else failed.",
    remedy=("Look above.",),
    rank=SymptomRank.WRAPPER,
    excerpts=(),
    evidence=(),
    file="symptoms/transformers.toml",
)


def base(*symptoms: Symptom) -> KnowledgeBase:
    flash = PackageKnowledge(
        name="flash-attn",
        alternatives=(Alternative(name="sdpa", text="torch has scaled_dot_product_attention."),),
    )
    return KnowledgeBase(
        version="test",
        rules=(),
        packages={"flash-attn": flash},
        device_code={},
        toolkits=(),
        runtimes={},
        branches=(),
        capabilities={},
        pythons=(),
        default_python="3.12",
        choices={},
        indexes={},
        gpus=(),
        symptoms=symptoms,
    )


def installed(**requires: Sequence[str]) -> InstalledEnvironment:
    versions = {"flash-attn": "2.8.3", "transformers": "4.48.3", "s3prl": "0.4.18", "torch": "2.8.0"}
    return InstalledEnvironment(
        prefix=Path("/env"),
        kind=PrefixKind.VENV,
        python=Path("/env/bin/python"),
        python_version=Version("3.12"),
        site_directories=(Path("/env/site"),),
        own_directories=(Path("/env/site"),),
        distributions=tuple(
            InstalledDistribution(
                name=name,
                version=Version(version),
                says=version,
                directory=Path("/env/site"),
                metadata=f"{name}-{version}.dist-info",
                requires=tuple(requires.get(name, ())),
                installer="uv",
            )
            for name, version in versions.items()
        ),
    )


def failed(
    distribution: str, *chain: str, place: str = "", raised_by: str | None = None, requested: bool = True
) -> Imported:
    result = ImportResult(
        name=distribution.replace("-", "_"),
        outcome=Outcome.FAILED,
        failure=Failure(chain=chain, place=place),
    )
    return Imported(distribution=distribution, result=result, raised_by=raised_by, is_requested=requested)


MISSING = "ModuleNotFoundError: No module named 'flash_attn_2_cuda'"
PLACE = "flash_attn/flash_attn_interface.py:15"


def story(**options: bool) -> list[Imported]:
    return [
        failed("flash-attn", MISSING, place=PLACE, raised_by="flash-attn", **options),
        failed(
            "s3prl",
            "RuntimeError: Failed to import hubert",
            MISSING,
            place=PLACE,
            raised_by="flash-attn",
            **options,
        ),
    ]


def judged(imported: Sequence[Imported], *symptoms: Symptom, **requires: Sequence[str]) -> list[Finding]:
    return list(judge_imports(imported, Causes(installed(**requires), base(*symptoms))))


def test_failures_of_one_root_are_one_finding_about_whose_file_it_is() -> None:
    (finding,) = judged(story(), WRAPPER, SYMPTOM)
    assert (finding.kind.code, finding.severity) == ("import-fails", Severity.BREAKS)
    assert finding.subject == ("flash-attn 2.8.3", "s3prl 0.4.18")
    assert finding.text == (
        "flash-attn 2.8.3 fails when it is imported: ModuleNotFoundError: No module named "
        "'flash_attn_2_cuda'. With it fails s3prl 0.4.18."
    )
    assert finding.measured == (
        f"raised in {PLACE}",
        "import flash_attn fails",
        "import s3prl ends with RuntimeError: Failed to import hubert",
    )
    assert finding.because is not None
    assert finding.because.sentence == "flash-attn is installed without flash_attn_2_cuda, its compiled part."
    assert finding.because.rule == "flash-attn/extension-missing"


def test_the_owner_is_named_though_it_was_not_imported_itself() -> None:
    (finding,) = judged(story()[1:])
    assert finding.subject == ("flash-attn 2.8.3", "s3prl 0.4.18")
    assert finding.because is None


def test_what_may_be_left_out_is_uninstalled_and_comes_back() -> None:
    (finding,) = judged(story(), SYMPTOM)
    first, second = finding.remedies
    assert first.commands == (("uv", "pip", "uninstall", "--python", "/env/bin/python", "flash-attn"),)
    assert first.is_reversible
    assert "scaled_dot_product_attention" in first.text
    assert second.text == "Build it with nvcc."
    assert judged(story(), transformers=["flash-attn>=2"])[0].remedies == ()
    assert len(judged(story(), transformers=['flash-attn; extra == "fast"'])[0].remedies) == 1


def test_what_nobody_asked_for_only_warns() -> None:
    assert judged(story(requested=False))[0].severity is Severity.WARNS


def test_roots_that_differ_are_told_apart_and_addresses_do_not_count() -> None:
    found = judged(
        [
            failed("torch", "TypeError: <object at 0x7f01>", place="a.py:1"),
            failed("s3prl", "TypeError: <object at 0x7f02>", place="a.py:1"),
            failed("transformers", "TypeError: <object at 0x7f02>", place="b.py:1"),
        ]
    )
    assert [item.subject for item in found] == [("torch 2.8.0", "s3prl 0.4.18"), ("transformers 4.48.3",)]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("Crash: SIGSEGV", "import-crashes"),
        ("Timeout: not done after 120 s", "import-hangs"),
        ("ImportError: no", "import-fails"),
    ],
)
def test_the_kind_says_how_it_ended(error: str, kind: str) -> None:
    assert judged([failed("torch", error)])[0].kind.code == kind


def test_what_lacks_only_the_driver_is_open() -> None:
    result = ImportResult(name="cupy", outcome=Outcome.UNPROVABLE, failure=Failure(chain=("no libcuda",)))
    works = ImportResult(name="torch", outcome=Outcome.WORKS)
    (finding,) = judged(
        [Imported(distribution="s3prl", result=result), Imported(distribution="torch", result=works)]
    )
    assert (finding.kind.code, finding.severity) == ("import-not-provable", Severity.OPEN)
    assert finding.subject == ("s3prl 0.4.18",)
