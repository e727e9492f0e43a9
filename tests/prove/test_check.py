"""The stages that run something, as part of a check of a prefix."""

from __future__ import annotations

from pathlib import Path

import pytest

from envfit.api.checking_prefix import check_prefix
from envfit.api.targets import TargetRequest
from envfit.doctor.finding import Stage
from envfit.doctor.report import Answer, Report
from tests.prove.stand_in import made_environment
from tests.prove.test_stages import FLASH_ATTN, STORY, VERSIONS

RUNNING = frozenset({Stage.LIBRARIES, Stage.IMPORTS, Stage.SCENARIOS, Stage.GPU})


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}


def checked(prefix: Path, environ: dict[str, str], gpu: str, *, stages: frozenset[Stage] = RUNNING) -> Report:
    with_metadata(prefix)
    return check_prefix(
        prefix,
        target=TargetRequest(gpus=(gpu,)),
        stages=stages,
        environ=environ,
        notify=lambda _: None,
    )


def with_metadata(prefix: Path) -> None:
    for directory in prefix.glob("lib/python*/site-packages/*.dist-info"):
        name, _, version = directory.stem.rpartition("-")
        (directory / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (directory / "INSTALLER").write_text("uv\n")


def test_the_story_on_a_named_gpu(tmp_path: Path, environ: dict[str, str]) -> None:
    made_environment(tmp_path / "env", STORY, versions=VERSIONS)
    report = checked(tmp_path / "env", environ, "V100")
    assert [item.kind.code for item in report.findings] == ["import-fails", "attention-breaks-models"]
    assert report.answer is Answer.NO
    assert report.stages == (Stage.LIBRARIES, Stage.IMPORTS, Stage.SCENARIOS)
    (skipped,) = report.skipped
    assert skipped.stage is Stage.GPU
    assert "the GPU was named" in skipped.why
    # Whoever runs it: uv brought it, so uv takes it away.
    assert report.findings[0].remedies[0].commands[0][:3] == ("uv", "pip", "uninstall")


def test_without_a_gpu_the_story_only_fails_where_flash_attn_itself_is_imported(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    made_environment(tmp_path / "env", STORY, versions=VERSIONS)
    report = checked(tmp_path / "env", environ, "none")
    assert [item.kind.code for item in report.findings] == ["import-fails"]
    assert report.findings[0].subject == ("flash-attn 2.8.3",)


def test_a_package_without_its_extension_is_told_once(tmp_path: Path, environ: dict[str, str]) -> None:
    made_environment(tmp_path / "env", {"flash-attn": FLASH_ATTN}, versions=VERSIONS)
    stages = frozenset({Stage.KNOWLEDGE, Stage.IMPORTS})
    found = checked(tmp_path / "env", environ, "none", stages=stages).findings
    assert "missing-extension" in [item.kind.code for item in found]
    assert "import-fails" not in [item.kind.code for item in found]


def test_what_a_user_adds_to_the_search_path_counts(tmp_path: Path, environ: dict[str, str]) -> None:
    made_environment(tmp_path / "env", {"high": {"high.py": "import low\n"}})
    assert [item.kind.code for item in checked(tmp_path / "env", environ, "none").findings] == [
        "import-fails"
    ]
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "low.py").write_text("")
    more = {**environ, "PYTHONPATH": str(tmp_path / "more")}
    assert checked(tmp_path / "env", more, "none").findings == ()


def test_an_interpreter_that_does_not_start_leaves_stages_out(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    environment = made_environment(tmp_path / "env", {"fine": {"fine.py": ""}})
    assert environment.python is not None
    environment.python.unlink()
    environment.python.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    environment.python.chmod(0o755)
    report = checked(tmp_path / "env", environ, "none")
    assert report.stages == (Stage.LIBRARIES,)
    assert [item.stage for item in report.skipped] == [Stage.IMPORTS, Stage.SCENARIOS, Stage.GPU]
    assert all("does not start: broken" in item.why for item in report.skipped)
