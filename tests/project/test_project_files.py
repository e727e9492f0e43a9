"""Files of several kinds, read into one project."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from envfit.errors import ProjectError
from envfit.project import CondaEnvironment, Project, Settings, TargetSettings, combine, read_files


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_each_file_is_read_by_its_kind(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "pyproject.toml", '[project]\nrequires-python = ">=3.10"\ndependencies = ["torch"]'),
        write(tmp_path / "conda.YAML", "dependencies: ['python<3.13', {pip: [numpy]}]"),
        write(tmp_path / "requirements.in", "einops"),
    ]
    project = read_files(paths)
    assert [one.text for one in project.requirements] == ["torch", "numpy", "einops"]
    assert project.requires_python == SpecifierSet(">=3.10,<3.13")
    assert project.conda == CondaEnvironment()


def test_other_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"pylock\.toml is not read"):
        read_files([write(tmp_path / "pylock.toml", "")])


def test_an_extra_needs_a_pyproject(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"the extra gpu needs a pyproject\.toml"):
        read_files([write(tmp_path / "requirements.txt", "")], extras=["gpu"])


def test_no_file_asks_for_nothing() -> None:
    assert read_files([]) == Project()


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        (Settings(index_url="https://a"), Settings(index_url="https://b"), "index-url"),
        (
            Settings(target=TargetSettings(driver="535")),
            Settings(target=TargetSettings(driver="580")),
            "driver",
        ),
        (
            Settings(targets=(TargetSettings(name="a"),)),
            Settings(targets=(TargetSettings(name="a", gpus=("V100",)),)),
            "a named target",
        ),
    ],
)
def test_files_that_disagree(one: Settings, other: Settings, what: str) -> None:
    with pytest.raises(ProjectError, match=f"disagree about {what}"):
        combine([Project(settings=one), Project(settings=other)])


def test_combining_a_project_with_itself_changes_nothing(tmp_path: Path) -> None:
    path = write(
        tmp_path / "pyproject.toml",
        '[project]\ndependencies = ["torch"]\nrequires-python = ">=3.10"\n'
        '[tool.envfit]\npytorch-index = true\ntargets.a.gpu = "V100"\n',
    )
    once = read_files([path])
    assert combine([once, once]) == once
