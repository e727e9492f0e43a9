"""Options of the command line, as a project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from envfit.errors import InputError, ProjectError
from envfit.project import Project, Settings, read_command_line
from envfit.reference import DirectReference, ReferenceKind


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_is_said_by_no_option() -> None:
    assert read_command_line() == Project()


def test_every_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tool").mkdir()
    write(tmp_path / "tool" / "setup.py", "")
    project = read_command_line(
        requirements=["torch>=2", "./tool[gpu]"],
        editables=["tool"],
        constraints=[write(tmp_path / "c.txt", "numpy<3\n")],
        overrides=[write(tmp_path / "o.txt", "protobuf==5.*\n")],
        exclude=["Tri_ton", "triton"],
        find_links=["tool", "https://files.example/"],
        no_binary=["a,b"],
        only_binary=[":all:"],
    )
    directory = DirectReference(kind=ReferenceKind.DIRECTORY, url=(tmp_path / "tool").as_uri())
    assert [(one.text, one.where) for one in project.requirements] == [
        ("torch>=2", "the command line"),
        ("./tool[gpu]", "the command line"),
        ("-e tool", "the command line"),
    ]
    assert project.requirements[1].direct == directory
    assert project.requirements[2].direct is not None
    assert project.requirements[2].direct.editable
    assert [one.text for one in project.constraints] == ["numpy<3"]
    assert [one.text for one in project.settings.override_dependencies] == ["protobuf==5.*"]
    assert project.settings == Settings(
        override_dependencies=project.settings.override_dependencies,
        exclude_dependencies=("tri-ton", "triton"),
        find_links=(directory.url, "https://files.example/"),
        no_binary=("a", "b"),
        only_binary=(":all:",),
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"exclude": ["torch>2"]}, "--exclude: 'torch>2' is not the name of a package"),
        ({"find_links": ["gone"]}, "--find-links: 'gone' is a path at which there is nothing"),
        ({"find_links": ["ftp://me:secret@x.example"]}, "--find-links: this is not an address"),
        ({"constraints": [Path("-")]}, "standard input is for requirements: -r -"),
        ({"overrides": [Path("-")]}, "standard input is for requirements: -r -"),
        ({"no_binary": ["a b"]}, "'a b' is not the name of a package"),
        ({"no_binary": ["a"], "only_binary": ["A"]}, "a is under no-binary and under only-binary"),
        ({"editables": ["gone"]}, "the command line: 'gone' is a path at which there is nothing"),
        ({"editables": ["git+https://git.example/x"]}, "cannot be editable"),
    ],
)
def test_values_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, list[Any]], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        read_command_line(**options)
    assert says in caught.value.message
    assert "secret" not in caught.value.message


def test_a_constraints_file_brings_nothing_in(tmp_path: Path) -> None:
    path = write(tmp_path / "c.txt", "-r other.txt\nnumpy[x]")
    with pytest.raises(ProjectError, match="2 faults") as caught:
        read_command_line(constraints=[path])
    assert f"{path} line 1: a constraints file cannot bring in requirements" in caught.value.message
