"""Requirements as the user writes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from envfit.address import without_credentials
from envfit.errors import RequirementError
from envfit.project import for_target, parse_requirement
from envfit.reference import DirectReference, ReferenceKind
from envfit.requirement import Requirement, UserOrigin

LINUX_311 = {"python_version": "3.11", "python_full_version": "3.11.4", "sys_platform": "linux"}
HERE = "the command line"


def test_a_requirement_reaches_the_target_normalized_and_with_its_origin() -> None:
    declared = parse_requirement(' Flash_Attn[Some.Extra] >= 2.6 ; python_version < "3.12" ', HERE)
    assert for_target([declared], LINUX_311) == (
        Requirement(
            name="flash-attn",
            specifier=SpecifierSet(">=2.6"),
            extras=frozenset({"some-extra"}),
            origin=UserOrigin(
                text='Flash_Attn[Some.Extra] >= 2.6 ; python_version < "3.12"', where="the command line"
            ),
        ),
    )


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ('sys_platform == "linux"', True),
        ('sys_platform == "win32"', False),
        ('python_version < "3.10"', False),
        ('extra == "gpu"', False),
        ('extra == ""', True),
        ('python_version in "3.10 3.11"', True),
    ],
)
def test_markers_are_those_of_the_target(marker: str, holds: bool) -> None:
    assert bool(for_target([parse_requirement(f"torch; {marker}", HERE)], LINUX_311)) is holds


@pytest.mark.parametrize(
    "marker", ["'gpu' in extras", "'dev' in dependency_groups", "sys_platform ~= 'linux'"]
)
def test_a_marker_that_cannot_be_evaluated_is_an_error(marker: str) -> None:
    with pytest.raises(RequirementError, match=r"the command line: .* cannot be judged"):
        for_target([parse_requirement(f"torch; {marker}", HERE)], LINUX_311)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a requirement"),
        ("torch 2.1", "'torch 2.1' is not a requirement"),
        ("torch[", "is not a requirement"),
        ("torch>=a", "is not a requirement"),
        ("torch; nonsense == 'x'", "is not a requirement"),
        ("-e .", "is an option"),
        ("--editable=.", "is an option"),
        ("./nowhere", "is a path at which there is nothing"),
        ("sub/folder", "is a path at which there is nothing"),
        (".", "is a directory without pyproject.toml and setup.py"),
        ("torch-2.1-cp311-cp311-linux_x86_64.whl", "is a path at which there is nothing"),
        ("torch @ https://files.example/torch", "ends like no wheel and no source distribution"),
        ("torch @ ftp://files.example/torch.whl", "begins with ftp://, which names no package"),
        ("torch @ hg+https://files.example/torch", "is a hg repository; git is the only kind"),
        ("torch @ https://files.example/t.whl ; x", "has a malformed marker"),
        ("torch @ https://files.example/numpy-1.0.tar.gz", "is called torch, and the file is numpy's"),
        ("https://files.example/numpy-1.0.tar.gz#md5=abc", "sha256 is the one that is checked"),
        ("https://files.example/numpy-1.0.tar.gz#sha256=abc", "states a sha256 that is none"),
    ],
)
def test_what_cannot_be_used_is_refused_by_text_and_place(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(RequirementError) as caught:
        parse_requirement(text, HERE, folder=tmp_path)
    assert caught.value.message.startswith(f"the command line: {text!r}")
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("text", "name", "reference"),
    [
        (
            "torch @ https://files.example/torch-2.1-cp311-cp311-linux_x86_64.whl#sha256=" + "A" * 64,
            "torch",
            DirectReference(
                kind=ReferenceKind.ARCHIVE,
                url="https://files.example/torch-2.1-cp311-cp311-linux_x86_64.whl",
                sha256="a" * 64,
            ),
        ),
        (
            "https://files.example/archive/main.zip#egg=My_Package&subdirectory=python",
            "my-package",
            DirectReference(
                kind=ReferenceKind.ARCHIVE,
                url="https://files.example/archive/main.zip",
                subdirectory="python",
            ),
        ),
        (
            "https://files.example/archive/main.zip",
            None,
            DirectReference(kind=ReferenceKind.ARCHIVE, url="https://files.example/archive/main.zip"),
        ),
        (
            "espnet @ git+https://git.example/espnet@v.2024#subdirectory=python",
            "espnet",
            DirectReference(
                kind=ReferenceKind.GIT,
                url="https://git.example/espnet",
                revision="v.2024",
                subdirectory="python",
            ),
        ),
        (
            "git+ssh://git@git.example/espnet.git@" + "AB" * 20,
            None,
            DirectReference(
                kind=ReferenceKind.GIT,
                url="ssh://git@git.example/espnet.git",
                revision="AB" * 20,
                commit="ab" * 20,
            ),
        ),
        (
            "git+https://me:secret@git.example/espnet",
            None,
            DirectReference(
                kind=ReferenceKind.GIT, url="https://git.example/espnet", credentials=("me", "secret")
            ),
        ),
    ],
)
def test_an_address_is_read(text: str, name: str | None, reference: DirectReference) -> None:
    declared = parse_requirement(text, HERE)
    assert (declared.name, declared.direct) == (name, reference)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tool" / "python").mkdir(parents=True)
    (tmp_path / "tool" / "setup.py").touch()
    (tmp_path / "tool" / "python" / "pyproject.toml").touch()
    (tmp_path / "lib-1.0-py3-none-any.whl").touch()
    (tmp_path / "data.txt").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        ("./tool", "tool", None),
        ("tool/", "tool", None),
        ("./tool/../tool", "tool", None),
        ("thing @ ./tool", "tool", "thing"),
        ("./lib-1.0-py3-none-any.whl", "lib-1.0-py3-none-any.whl", "lib"),
        ("lib-1.0-py3-none-any.whl", "lib-1.0-py3-none-any.whl", "lib"),
    ],
)
def test_a_path_is_relative_to_the_file_that_names_it(
    folder: Path, text: str, path: str, name: str | None
) -> None:
    declared = parse_requirement(text, HERE, folder=folder)
    assert declared.direct is not None
    assert declared.direct.url == (folder / path).as_uri()
    assert declared.name == name


def test_extras_and_marker_of_a_path(folder: Path) -> None:
    declared = parse_requirement('./tool[GPU,dev] ; python_version < "3.12"', HERE, folder=folder)
    assert declared.extras == {"gpu", "dev"}
    assert str(declared.marker) == 'python_version < "3.12"'


def test_a_directory_may_be_editable_and_nothing_else_may(folder: Path) -> None:
    declared = parse_requirement("tool", HERE, folder=folder, editable=True)
    assert declared.direct is not None
    assert declared.direct.editable
    assert declared.text == "-e tool"
    assert declared.direct.kind is ReferenceKind.DIRECTORY
    for text in (
        "lib-1.0-py3-none-any.whl",
        "git+https://git.example/espnet",
        "https://files.example/t-1.zip",
    ):
        with pytest.raises(RequirementError, match="cannot be editable"):
            parse_requirement(text, HERE, folder=folder, editable=True)


def test_a_project_in_a_subdirectory(folder: Path) -> None:
    declared = parse_requirement("./tool#subdirectory=python", HERE, folder=folder)
    assert declared.direct is not None
    assert declared.direct.subdirectory == "python"


def test_a_file_that_is_no_distribution(folder: Path) -> None:
    with pytest.raises(RequirementError, match="is a file that is no wheel and no source distribution"):
        parse_requirement("./data.txt", HERE, folder=folder)


def test_a_single_equals_sign_is_answered_with_a_hint() -> None:
    with pytest.raises(RequirementError) as caught:
        parse_requirement("torch=2.1", HERE)
    assert caught.value.hints == ("did you mean torch==2.1?",)


def test_a_password_is_not_repeated() -> None:
    declared = parse_requirement("git+https://me:p@ss@git.example/torch@v1", HERE)
    assert declared.text == "git+https://***@git.example/torch@v1"
    assert "ss" not in repr(declared.direct)
    with pytest.raises(RequirementError) as caught:
        parse_requirement("hg+https://me:p@ss@git.example/torch@v1", HERE)
    assert "hg+https://***@git.example/torch@v1" in caught.value.message
    assert "ss@" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("git+ssh://git@git.example/x@v1", "git+ssh://git@git.example/x@v1"),
        ("git+ssh://git@git.example:22/x", "git+ssh://git@git.example:22/x"),
        ("git+ssh://me:p@ss@git.example/x", "git+ssh://***@git.example/x"),
        ("https://token@files.example/a https://b.example", "https://***@files.example/a https://b.example"),
    ],
)
def test_what_is_secret_in_an_address(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


@pytest.mark.parametrize("text", ["~nobody-of-that-name/x", "https://[x/y.whl", "x @ git+https://[x/y"])
def test_a_place_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(RequirementError, match="names a place that cannot be"):
        parse_requirement(text, HERE)


names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True).filter(
    lambda name: not name.lower().endswith((".zip", ".whl", ".tgz"))
)
extras = st.lists(names, max_size=2).map(lambda found: f"[{','.join(found)}]" if found else "")
ranges = st.lists(st.sampled_from([">=1", "<3.0", "!=2.*", "~=1.4", "==2.1+cu126"]), max_size=2).map(",".join)
markers = st.sampled_from(["", '; python_version < "3.12"', "; sys_platform == 'linux' and extra == 'x'"])


@settings(max_examples=60, deadline=None)
@given(names, extras, ranges, markers)
def test_writing_a_requirement_and_reading_it_again_changes_nothing(
    name: str, extra: str, range_: str, marker: str
) -> None:
    once = parse_requirement(f"{name}{extra}{range_}{marker}", HERE)
    written = f"{once.name}[{','.join(once.extras)}]{once.specifier}"
    twice = parse_requirement(f"{written}; {once.marker}" if once.marker else written, HERE)
    assert twice == replace(once, text=twice.text)
