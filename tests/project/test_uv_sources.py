"""[tool.uv] beside [tool.envfit]: sources, constraints, overrides and exclusions."""

from __future__ import annotations

from pathlib import Path

import pytest

from envfit.errors import ProjectError
from envfit.project import Project
from envfit.project.pyproject import read_pyproject
from envfit.reference import DirectReference, ReferenceKind

PROJECT = """
[project]
name = "x"
dependencies = ["Espnet[all]>=202412 ; python_version > '3'", "numpy"]
"""


def read(folder: Path, text: str) -> Project:
    path = folder / "pyproject.toml"
    path.write_text(PROJECT + text, encoding="utf-8")
    return read_pyproject(path)


def fault(folder: Path, text: str) -> ProjectError:
    with pytest.raises(ProjectError) as caught:
        read(folder, text)
    return caught.value


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "espnet").mkdir()
    (tmp_path / "espnet" / "setup.py").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("source", "text", "reference"),
    [
        (
            'git = "https://github.com/espnet/espnet", tag = "v.202412"',
            "git+https://github.com/espnet/espnet@v.202412",
            DirectReference(
                kind=ReferenceKind.GIT, url="https://github.com/espnet/espnet", revision="v.202412"
            ),
        ),
        (
            'git = "ssh://git@git.example/espnet", branch = "fix/it", subdirectory = "py thon"',
            "git+ssh://git@git.example/espnet@fix/it#subdirectory=py%20thon",
            DirectReference(
                kind=ReferenceKind.GIT,
                url="ssh://git@git.example/espnet",
                revision="fix/it",
                subdirectory="py thon",
            ),
        ),
        (
            'git = "https://git.example/espnet", rev = "' + "a" * 40 + '"',
            "git+https://git.example/espnet@" + "a" * 40,
            DirectReference(
                kind=ReferenceKind.GIT,
                url="https://git.example/espnet",
                revision="a" * 40,
                commit="a" * 40,
            ),
        ),
        (
            'url = "https://files.example/espnet-1.0.tar.gz#sha256=' + "a" * 64 + '", subdirectory = "a"',
            "https://files.example/espnet-1.0.tar.gz#sha256=" + "a" * 64 + "&subdirectory=a",
            DirectReference(
                kind=ReferenceKind.ARCHIVE,
                url="https://files.example/espnet-1.0.tar.gz",
                sha256="a" * 64,
                subdirectory="a",
            ),
        ),
    ],
)
def test_a_source_stands_in_the_place_of_the_range(
    tmp_path: Path, source: str, text: str, reference: DirectReference
) -> None:
    declared, other = read(tmp_path, f"[tool.uv.sources]\nespnet = {{ {source} }}\n").requirements
    assert declared.name == "espnet"
    assert declared.extras == {"all"}
    assert str(declared.specifier) == ""
    assert declared.direct == reference
    assert declared.text == f'espnet[all] @ {text} ; python_version > "3"'
    assert declared.where == str(tmp_path / "pyproject.toml")
    assert str(declared.marker) == 'python_version > "3"'
    assert other.direct is None


@pytest.mark.parametrize("editable", [True, False])
def test_a_path_is_relative_to_the_file(checkout: Path, editable: bool) -> None:
    source = f'espnet = {{ path = "espnet", editable = {str(editable).lower()} }}'
    declared = read(checkout, f"[tool.uv.sources]\n{source}\n").requirements[0]
    assert declared.direct == DirectReference(
        kind=ReferenceKind.DIRECTORY, url=(checkout / "espnet").as_uri(), editable=editable
    )
    assert declared.text.startswith("-e " if editable else "espnet[all] @ ./espnet")


def test_sources_reach_optional_packages_and_overrides_too(checkout: Path) -> None:
    project = read(
        checkout,
        """
        [tool.envfit]
        if-supported = ["espnet"]
        [tool.uv]
        override-dependencies = ["espnet"]
        [tool.uv.sources]
        Espnet = [{ path = "./espnet" }]
        """,
    )
    (optional,), (override,) = project.settings.if_supported, project.settings.override_dependencies
    assert optional.direct == override.direct == project.requirements[0].direct is not None


def test_a_source_that_nothing_uses_is_not_judged(tmp_path: Path) -> None:
    assert len(read(tmp_path, "[tool.uv.sources]\nother = { workspace = true }\n").requirements) == 2


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{ workspace = true }", "espnet is a member of a workspace that is not supported"),
        ("{ sparkle = 1 }", "espnet is a kind of source that is not supported"),
        ("3", "espnet is a number, not a table"),
        ("[3]", "espnet[0] is a number, not a table"),
        ('[{ path = "a" }, { path = "b" }]', "espnet names several places"),
        ('{ git = "" }', "espnet says git and names nothing"),
        ('{ git = "https://x.example/a", rev = "1", tag = "2" }', "more than one of rev, tag and branch"),
        ('{ git = "https://x.example/a", lfs = true }', "espnet says lfs, which is not supported"),
        ('{ path = "espnet", marker = "extra == \'a\'" }', "espnet says marker, which is not supported"),
        ('{ path = "espnet", editable = 1 }', "espnet.editable is a number, not a truth value"),
        ('{ path = "gone" }', "is a path at which there is nothing"),
        ('{ url = "https://files.example/espnet" }', "ends like no wheel and no source distribution"),
    ],
)
def test_a_source_that_cannot_be_followed_is_a_fault(checkout: Path, source: str, says: str) -> None:
    message = fault(checkout, f"[tool.uv.sources]\nespnet = {source}\n").message
    assert "pyproject.toml tool.uv.sources.espnet" in message
    assert says in message


def test_an_index_for_one_package_is_followed_for_the_project_of_this_directory_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = fault(tmp_path, '[tool.uv.sources]\nnumpy = { index = "own" }\n')
    assert "tool.uv.sources.numpy names an index for one package" in error.message
    assert error.hints == (f"run envfit in {tmp_path}",)
    monkeypatch.chdir(tmp_path)
    project = read(
        tmp_path,
        '[tool.uv.sources]\nnumpy = [{ index = "own", marker = "sys_platform == \'linux\'" }]\n'
        '[[tool.uv.index]]\nname = "own"\nurl = "https://index.example/simple"\nexplicit = true\n',
    )
    assert project.requirements[1].direct is None
    assert project.notes == ()


def test_lists_of_uv_hold_where_envfit_says_nothing(tmp_path: Path) -> None:
    project = read(
        tmp_path,
        """
        [tool.envfit]
        constraint-dependencies = ["a<1"]
        [tool.uv]
        constraint-dependencies = ["a<2"]
        override-dependencies = ["b==1 ; sys_platform == 'linux'"]
        exclude-dependencies = ["Some_Name"]
        """,
    )
    settings, path = project.settings, tmp_path / "pyproject.toml"
    assert [(one.text, one.where) for one in settings.constraint_dependencies] == [
        ("a<1", f"{path} tool.envfit.constraint-dependencies[0]")
    ]
    assert [(one.text, one.where) for one in settings.override_dependencies] == [
        ("b==1 ; sys_platform == 'linux'", f"{path} tool.uv.override-dependencies[0]")
    ]
    assert settings.exclude_dependencies == ("some-name",)
    assert project.notes == (
        f"{path}: override-dependencies of [tool.uv] is used",
        f"{path}: exclude-dependencies of [tool.uv] is used",
    )


def test_other_settings_of_uv_are_noted_where_they_would_change_a_lock(tmp_path: Path) -> None:
    project = read(tmp_path, '[tool.uv]\nprerelease = "allow"\nno-index = true\npackage = false\n')
    (note,) = project.notes
    assert note.startswith(f"{tmp_path}/pyproject.toml: not used of [tool.uv]: prerelease, no-index; ")


def test_faults_of_uvs_lists_are_told(tmp_path: Path) -> None:
    message = fault(
        tmp_path,
        "[tool.uv]\n"
        'override-dependencies = [{ package = "a" }, "git+https://x.example/a"]\nexclude-dependencies = ["a>1"]\n'
        'constraint-dependencies = ["a[b]"]\n',
    ).message.replace(f"{tmp_path}/", "")
    assert "tool.uv.override-dependencies[0] is a table, not a text" in message
    assert "tool.uv.override-dependencies[1] cannot be used: an override begins with a name" in message
    assert "tool.uv.exclude-dependencies[0] is 'a>1', which is not the name of a package" in message
    assert "tool.uv.constraint-dependencies[0] cannot be used: a constraint has no extras" in message


def test_a_list_of_sources_that_an_export_alone_wrote_to_says_nothing(tmp_path: Path) -> None:
    text = 'espnet = [\n  # envfit export writes from here\n  { path = "gone", extra = "v100" },\n  # to here\n]\n'
    (tmp_path / "pyproject.toml").write_text(
        f'[project]\nname = "x"\ndependencies = ["espnet>1"]\n[tool.uv.sources]\n{text}'
    )
    (requirement,) = read_pyproject(tmp_path / "pyproject.toml").requirements
    assert (str(requirement.specifier), requirement.direct) == (">1", None)
