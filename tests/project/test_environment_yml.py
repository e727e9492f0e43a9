"""environment.yml: the pip section is read, conda packages are carried."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.errors import ProjectError
from envfit.project import CondaEnvironment, Project
from envfit.project.environment_yml import read_environment_yml


def read(folder: Path, text: str) -> Project:
    path = folder / "environment.yml"
    path.write_text(text, encoding="utf-8")
    return read_environment_yml(path)


def faults(folder: Path, text: str) -> str:
    with pytest.raises(ProjectError) as caught:
        read(folder, text)
    return caught.value.message.replace(f"{folder}/", "")


def test_everything_that_a_file_may_say(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("numpy\n", encoding="utf-8")
    project = read(
        tmp_path,
        """
name: speech
channels: [conda-forge, nodefaults]
dependencies:
  - python=3.11
  - conda-forge::ffmpeg =6
  - python-dateutil
  - pip
  - pip:
    - torch>=2.4
    - -r more.txt
    - --extra-index-url https://other.example/simple
prefix: /opt/speech
variables: {OMP_NUM_THREADS: 1}
""",
    )
    path = f"{tmp_path}/environment.yml"
    assert [(one.text, one.where) for one in project.requirements] == [
        ("torch>=2.4", f"{path} dependencies[4].pip[0]"),
        ("numpy", f"{tmp_path}/more.txt line 1"),
    ]
    assert project.settings.target.python == Version("3.11")
    assert project.settings.extra_index_urls == ("https://other.example/simple",)
    assert project.conda == CondaEnvironment(
        name="speech",
        channels=("conda-forge", "nodefaults"),
        dependencies=("conda-forge::ffmpeg =6", "python-dateutil", "pip"),
    )
    assert project.notes == (
        (
            f"{path}: conda packages are carried along and not judged: "
            "conda-forge::ffmpeg =6, python-dateutil, pip"
        ),
        f"{path}: prefix is not used",
        f"{path}: variables is not used",
    )


@pytest.mark.parametrize(
    ("spec", "version", "range_"),
    [
        ("python", None, None),
        ("python *", None, None),
        ("python=3.11", "3.11", None),
        ("python =3.11", "3.11", None),
        ("python 3.11", "3.11", None),
        ("Python==3.11.*", "3.11", None),
        ("python=3.11.*", "3.11", None),
        ("conda-forge::python=3.11", "3.11", None),
        ("python=3.11.4", "3.11.4", None),
        ("python=3.11.4=h955ad1f_0_cpython", "3.11.4", None),
        ("python 3.11.* *_cpython", "3.11", None),
        ("python=3", None, "==3.*"),
        ("python>=3.10", None, ">=3.10"),
        ("python >=3.10,<3.12", None, ">=3.10,<3.12"),
        ("python>=3.10.*, !=3.11.2", None, ">=3.10,!=3.11.2"),
    ],
)
def test_which_python(tmp_path: Path, spec: str, version: str | None, range_: str | None) -> None:
    project = read(tmp_path, f"dependencies:\n  - {spec}\n")
    assert project.settings.target.python == (Version(version) if version else None)
    assert project.requires_python == (SpecifierSet(range_) if range_ else None)
    assert project.conda == CondaEnvironment()


def test_a_build_of_python_is_noted(tmp_path: Path) -> None:
    notes = read(tmp_path, "dependencies: [python=3.11.4=h95]").notes
    assert notes == (f"{tmp_path}/environment.yml: the build h95 of python is not kept",)


@pytest.mark.parametrize("text", ["", "name: x\ndependencies:\n", "dependencies:\n  - pip:\n"])
def test_an_empty_file_asks_for_nothing(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text).requirements == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [1\nb: 2", "environment.yml line 2: this is not YAML"),
        ("name: x\n\t- y", "environment.yml line 2: this is not YAML"),
        ("name: x\nkey: \x00", "environment.yml line 2: this is not YAML: it holds a control character"),
        ("a: 2024-13-45", "this is not YAML: month must be in 1..12"),
        ("a: !!python/name:os.system x", "environment.yml line 1: this is not YAML"),
        ("[" * 5000, "nested too deeply"),
        ("- torch", "this is no conda environment file"),
        ("dependancies: []", "dependancies is unknown; did you mean dependencies?"),
        ("channels: conda-forge", "channels is a text, not a list"),
        ("name: 3", "name is a number, not a text"),
        ("dependencies: {a: 1}", "dependencies is a table, not a list"),
        ("dependencies: [3.11]", "dependencies[0] is a number, not a text or a pip section"),
        ("dependencies: [{pips: [x]}]", "dependencies[0].pips is unknown; did you mean pip?"),
        ("dependencies: [{uv: [x]}]", "dependencies[0].uv is unknown; there is pip"),
        ("dependencies: [{pip: torch}]", "dependencies[0].pip is a text, not a list"),
        (
            "dependencies: [{pip: [-e .]}]",
            "dependencies[0].pip[0]: '.' is a directory without pyproject.toml",
        ),
        ("dependencies: [{pip: [--no-build]}]", "dependencies[0].pip[0]: --no-build is unknown"),
        ("dependencies: ['python=3.11|3.12']", "dependencies[0] cannot be read: python=3.11|3.12"),
        ("dependencies: [\"python[version='3.11']\"]", "dependencies[0] cannot be read"),
        ("dependencies: [python=3.11, python]", "dependencies[1] names python a second time"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(tmp_path: Path, text: str, says: str) -> None:
    assert says in faults(tmp_path, text)
