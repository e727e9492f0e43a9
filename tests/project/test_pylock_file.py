"""Locks, read as what they were asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.pylock import Package
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.errors import LockError, ProjectError
from envfit.project import Project, read_files
from envfit.project.pylock_file import _roots, read_pylock
from envfit.reference import DirectReference, ReferenceKind

HEAD = 'lock-version = "1.0"\ncreated-by = "test"\n'


def package(name: str, *needs: str, version: str = "1.0", more: str = "") -> str:
    dependencies = ", ".join(f'{{name = "{need}"}}' for need in needs)
    return (
        f'[[packages]]\nname = "{name}"\nversion = "{version}"\ndependencies = [{dependencies}]\n{more}\n'
        f'[packages.sdist]\nname = "{name}-{version}.tar.gz"\nurl = "https://files.example/{name}.tar.gz"\n'
        f'hashes = {{sha256 = "{"a" * 64}"}}\n'
    )


def read(folder: Path, text: str, name: str = "pylock.toml") -> Project:
    path = folder / name
    path.write_text(HEAD + text, encoding="utf-8")
    return read_files([path])


def texts(project: Project) -> list[str]:
    return [one.text for one in project.requirements]


def test_a_lock_of_envfit_says_what_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool" / "setup.py").touch()
    project = read(
        tmp_path,
        package("torch", "numpy", version="2.10.0")
        + package("numpy", version="2.1")
        + """
        [tool.envfit]
        requirements = ["torch>=2 ; python_version > '3'", "-e ./tool[gpu]", "git+https://git.example/x@v1"]
        constraints = ["numpy<3"]
        if-supported = ["Flash_Attn>=2.6"]
        overrides = ["protobuf==5.*"]
        excluded = ["Triton"]
        knowledge = "2026.11"
        """,
        name="pylock.old.toml",
    )
    path = tmp_path / "pylock.old.toml"
    assert texts(project) == [
        "torch>=2 ; python_version > '3'",
        "-e ./tool[gpu]",
        "git+https://git.example/x@v1",
    ]
    assert {one.where for one in project.requirements} == {str(path)}
    assert project.requirements[1].direct == DirectReference(
        kind=ReferenceKind.DIRECTORY, url=(tmp_path / "tool").as_uri(), editable=True
    )
    assert [one.text for one in project.constraints] == ["numpy<3"]
    assert [one.name for one in project.settings.if_supported] == ["flash-attn"]
    assert [one.text for one in project.settings.override_dependencies] == ["protobuf==5.*"]
    assert project.settings.exclude_dependencies == ("triton",)
    assert project.pinned == (("torch", Version("2.10.0")), ("numpy", Version("2.1")))
    assert project.notes == ()


def test_credentials_that_a_lock_does_not_hold_are_not_made_up(tmp_path: Path) -> None:
    project = read(
        tmp_path,
        "packages = []\n[tool.envfit]\n"
        'requirements = ["a @ git+https://***@git.example/a", "b @ git+ssh://git@git.example/b"]\n',
    )
    one, other = (declared.direct for declared in project.requirements)
    assert one == DirectReference(kind=ReferenceKind.GIT, url="https://git.example/a")
    assert other == DirectReference(kind=ReferenceKind.GIT, url="ssh://git@git.example/b")


def test_all_faults_of_a_lock_of_envfit_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        read(
            tmp_path,
            "packages = []\n[tool.envfit]\n"
            'requirements = ["a b", 3, "--index-url https://x.example", "-r other.txt"]\n'
            'constraints = ["a[b]"]\nexcluded = ["a b"]\n',
        )
    message = caught.value.message.replace(f"{tmp_path}/", "")
    assert message.splitlines() == [
        "pylock.toml has 6 faults:",
        "  pylock.toml tool.envfit.requirements[1] is a number, not a text",
        (
            "  pylock.toml tool.envfit.requirements[0]: 'a b' is not a requirement: "
            "expected semicolon (after name with no version specifier) or end"
        ),
        "  pylock.toml tool.envfit.requirements[2] is '--index-url https://x.example', which is no requirement",
        "  pylock.toml tool.envfit.requirements[3] is '-r other.txt', which is no requirement",
        "  pylock.toml tool.envfit.constraints[0] cannot be used: a constraint has no extras",
        "  pylock.toml tool.envfit.excluded[0] is 'a b', which is not the name of a package",
    ]


def test_of_another_lock_it_is_what_no_other_package_needs(tmp_path: Path) -> None:
    project = read(tmp_path, package("app", "Lib_A") + package("lib-a", "lib-b") + package("lib-b"))
    assert texts(project) == ["app"]
    assert [name for name, _ in project.pinned] == ["app", "lib-a", "lib-b"]
    assert project.notes == (
        (
            f"{tmp_path}/pylock.toml does not say what it was made for; "
            "taken are the packages that no other needs: app"
        ),
    )


def test_a_ring_of_packages_is_not_lost(tmp_path: Path) -> None:
    text = package("app") + package("one", "two") + package("two", "three") + package("three", "one", "three")
    assert texts(read(tmp_path, text)) == ["app", "one"]


def test_without_dependencies_it_is_all_packages(tmp_path: Path) -> None:
    text = (package("b") + package("a")).replace("dependencies = []\n", "")
    project = read(tmp_path, text)
    assert texts(project) == ["b", "a"]
    assert project.notes[0].endswith("taken are all 2 packages, for none says what it needs")


def test_an_empty_lock_asks_for_nothing(tmp_path: Path) -> None:
    project = read(tmp_path, "packages = []\n")
    assert texts(project) == []
    assert project.notes[0].endswith("taken are all 0 packages, for none says what it needs")


def test_markers_are_kept_and_parts_that_are_chosen_later_are_left_out(tmp_path: Path) -> None:
    project = read(
        tmp_path,
        package("torch", version="2.9", more="marker = \"sys_platform == 'linux'\"")
        + package("torch", version="2.2", more="marker = \"sys_platform != 'linux'\"")
        + package("docs", more="marker = \"'docs' in dependency_groups\"")
        + package("fast", more="marker = \"'fast' in extras and sys_platform == 'linux'\""),
    )
    assert texts(project) == ['torch ; sys_platform == "linux"', 'torch ; sys_platform != "linux"']
    assert project.pinned == (("docs", Version("1.0")), ("fast", Version("1.0")))
    assert project.notes[1].endswith(
        "pylock.toml: left out, for an extra or a group chooses them: docs, fast"
    )


def test_places_of_packages_that_come_from_no_index(tmp_path: Path) -> None:
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool" / "setup.py").touch()
    (tmp_path / "lib-1.0.tar.gz").touch()
    project = read(
        tmp_path,
        f"""
        packages = [
          {{name = "a", vcs = {{type = "git", url = "https://git.example/a", requested-revision = "v 1",
            commit-id = "{"b" * 40}", subdirectory = "python"}}}},
          {{name = "b", vcs = {{type = "git", url = "https://git.example/b", commit-id = "{"c" * 40}"}}}},
          {{name = "c", directory = {{path = "tool", editable = true}}}},
          {{name = "d", directory = {{path = "./tool"}}}},
          {{name = "lib", archive = {{path = "lib-1.0.tar.gz", hashes = {{sha256 = "{"a" * 64}"}}}}}},
          {{name = "e", archive = {{url = "https://files.example/e.zip", hashes = {{sha256 = "{"a" * 64}"}}}}}},
        ]
        """.replace("\n            ", " "),
    )
    folder = (tmp_path / "tool").as_uri()
    assert [(one.name, one.direct) for one in project.requirements] == [
        (
            "a",
            DirectReference(
                kind=ReferenceKind.GIT,
                url="https://git.example/a",
                revision="v 1",
                subdirectory="python",
            ),
        ),
        (
            "b",
            DirectReference(
                kind=ReferenceKind.GIT, url="https://git.example/b", revision="c" * 40, commit="c" * 40
            ),
        ),
        ("c", DirectReference(kind=ReferenceKind.DIRECTORY, url=folder, editable=True)),
        ("d", DirectReference(kind=ReferenceKind.DIRECTORY, url=folder)),
        (
            "lib",
            DirectReference(kind=ReferenceKind.ARCHIVE, url=(tmp_path / "lib-1.0.tar.gz").as_uri()),
        ),
        ("e", DirectReference(kind=ReferenceKind.ARCHIVE, url="https://files.example/e.zip")),
    ]
    assert project.pinned == ()


def test_a_place_that_is_gone_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(
        ProjectError, match=r"pylock\.toml: 'c @ \./tool' is a path at which there is nothing"
    ):
        read(tmp_path, 'packages = [{name = "c", directory = {path = "tool"}}]')


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no lock (PEP 751): Missing required value in 'lock-version'"),
        ('lock-version = "2.0"\ncreated-by = "x"\npackages = []', "pylock version 2.0 is not supported"),
        (HEAD, "is no lock (PEP 751): Missing required value in 'packages'"),
        (HEAD + 'packages = [{name = "a b"}]', "is no lock (PEP 751)"),
    ],
)
def test_a_file_that_is_no_lock(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "pylock.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LockError) as caught:
        read_pylock(path)
    assert caught.value.message.startswith(str(path))
    assert says in caught.value.message


def test_a_lock_that_is_no_toml(tmp_path: Path) -> None:
    path = tmp_path / "pylock.toml"
    path.write_text("a = [\n", encoding="utf-8")
    with pytest.raises(ProjectError, match=r"pylock\.toml line 2: this is not TOML"):
        read_pylock(path)


names = st.sampled_from("abcdefgh")


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(names, st.sets(names), max_size=8))
def test_every_package_is_reached_from_what_is_asked_for(needs: dict[str, set[str]]) -> None:
    packages = [
        Package(
            name=canonicalize_name(name),
            version=Version("1"),
            dependencies=[{"name": other} for other in sorted(others)],
        )
        for name, others in needs.items()
    ]
    open_ = [package.name for package in _roots(packages)]
    reached = set()
    while open_:
        name = str(open_.pop())
        if name not in reached and name in needs:
            reached.add(name)
            open_.extend(map(canonicalize_name, needs[name]))
    assert reached == set(needs)
