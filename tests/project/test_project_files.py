"""Files of several kinds, read into one project."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.errors import FileError, ProjectError
from envfit.project import (
    CondaEnvironment,
    Project,
    Settings,
    TargetSettings,
    combine,
    parse_requirement,
    read_files,
)


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
    with pytest.raises(ProjectError, match=r"poetry\.toml is not read"):
        read_files([write(tmp_path / "poetry.toml", "")])


def test_an_extra_needs_a_pyproject(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"the extra gpu needs a pyproject\.toml"):
        read_files([write(tmp_path / "requirements.txt", "")], extras=["gpu"])


def test_a_requirements_file_on_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tool").mkdir()
    write(tmp_path / "tool" / "pyproject.toml", "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"numpy\n-e ./tool\n")))
    project = read_files([Path("-")])
    assert [(one.text, one.where) for one in project.requirements] == [
        ("numpy", "standard input line 1"),
        ("-e ./tool", "standard input line 2"),
    ]
    editable = project.requirements[1].direct
    assert editable is not None
    assert editable.url == (tmp_path / "tool").as_uri()


def test_faults_of_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def reading(content: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))

    reading(b"x y\n--nonsense\n")
    with pytest.raises(ProjectError, match=r"^standard input has 2 faults:\n  standard input line 1: 'x y'"):
        read_files([Path("-")])
    reading(b"caf\xe9")
    with pytest.raises(FileError, match="cannot read standard input: line 1 is not UTF-8"):
        read_files([Path("-")])
    monkeypatch.setattr("sys.stdin", None)  # as Python has it where standard input is closed
    with pytest.raises(FileError, match="cannot read standard input"):
        read_files([Path("-")])


def test_standard_input_is_read_once() -> None:
    with pytest.raises(ProjectError, match="standard input can be read once, and is named twice"):
        read_files([Path("-"), Path("-")])


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
        (Settings(resolution="lowest"), Settings(resolution="highest"), "resolution"),
        (Settings(no_binary=("torch",)), Settings(only_binary=("numpy", "torch")), "torch"),
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
        '[tool.envfit]\npytorch-index = true\ntargets.a.gpu = "V100"\nno-binary = ["a"]\nfind-links = ["."]\n'
        'constraint-dependencies = ["b<2"]\noverride-dependencies = ["c"]\nexclude-dependencies = ["d"]\n'
        'resolution = "lowest"\nno-index = true\nrequire-hashes = true\n',
    )
    once = read_files([path])
    assert combine([once, once]) == once


def test_lists_are_joined_in_order_and_the_first_pin_is_preferred() -> None:
    bound, other = parse_requirement("b<2", "one"), parse_requirement("b<3", "other")
    joined = combine(
        [
            Project(
                settings=Settings(
                    find_links=("https://a.example/",),
                    only_binary=("a",),
                    constraint_dependencies=(bound,),
                    override_dependencies=(bound,),
                    exclude_dependencies=("x",),
                ),
                pinned=(("b", Version("1.0")),),
            ),
            Project(
                settings=Settings(
                    find_links=("https://b.example/", "https://a.example/"),
                    no_index=True,
                    no_binary=("b",),
                    require_hashes=True,
                    constraint_dependencies=(other,),
                    override_dependencies=(bound,),
                    exclude_dependencies=("y", "x"),
                    resolution="lowest",
                ),
                pinned=(("b", Version("2.0")), ("c", Version("3.0"))),
            ),
        ]
    )
    assert joined.settings == Settings(
        find_links=("https://a.example/", "https://b.example/"),
        no_index=True,
        no_binary=("b",),
        only_binary=("a",),
        require_hashes=True,
        constraint_dependencies=(bound, other),
        override_dependencies=(bound,),
        exclude_dependencies=("x", "y"),
        resolution="lowest",
    )
    assert joined.pinned == (("b", Version("1.0")), ("c", Version("3.0")))
