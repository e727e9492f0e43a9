"""pyproject.toml: dependencies, extras, groups and settings."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.errors import FileError, InputError, ProjectError
from envfit.project import Project, find_project, for_target, parse_exclude_newer
from envfit.project.pyproject import mirrors_of, read_pyproject
from envfit.target import Platform


def read(folder: Path, text: str, extras: tuple[str, ...] = (), groups: tuple[str, ...] = ()) -> Project:
    path = folder / "pyproject.toml"
    path.write_text(text, encoding="utf-8")
    return read_pyproject(path, extras=extras, groups=groups)


def faults(folder: Path, text: str, extras: tuple[str, ...] = (), groups: tuple[str, ...] = ()) -> str:
    with pytest.raises(ProjectError) as caught:
        read(folder, text, extras, groups)
    return caught.value.message.replace(f"{folder}/", "")


PROJECT = """
[project]
name = "My.Speech"
requires-python = ">=3.10"
dependencies = ["torch>=2.4", "numpy"]

[project.optional-dependencies]
Audio_IO = ["torchaudio"]
fast = ["triton; sys_platform == 'linux'"]
all = ["my-speech[audio-io]", "my_speech[fast]; python_version >= '3.11'", "my-speech[all]"]
broken = ["not a requirement"]

[dependency-groups]
test = ["pytest"]
dev = [{include-group = "Test"}, "ruff", "my-speech[audio-io]"]
loop = [{include-group = "pool"}]
pool = [{include-group = "loop"}]
lost = [{include-group = "gone"}]
odd = ["x y", {include = "test"}]
odder = [3]
"""


@pytest.mark.parametrize(
    ("extras", "groups", "texts"),
    [
        ((), (), []),
        (("audio.io",), (), [("torchaudio", "extra audio-io")]),
        (("all",), (), [("torchaudio", "extra audio-io"), ("triton; sys_platform == 'linux'", "extra fast")]),
        ((), ("Dev",), [("pytest", "group dev"), ("ruff", "group dev"), ("torchaudio", "extra audio-io")]),
        (("audio-io", "Audio_IO"), ("test",), [("torchaudio", "extra audio-io"), ("pytest", "group test")]),
    ],
)
def test_dependencies_extras_and_groups(
    tmp_path: Path, extras: tuple[str, ...], groups: tuple[str, ...], texts: list[tuple[str, str]]
) -> None:
    project = read(tmp_path, PROJECT, extras, groups)
    path = tmp_path / "pyproject.toml"
    assert [(one.text, one.where) for one in project.requirements] == [
        ("torch>=2.4", str(path)),
        ("numpy", str(path)),
        *((text, f"{path} {where}") for text, where in texts),
    ]
    assert project.requires_python == SpecifierSet(">=3.10")


def test_addresses_and_paths_are_dependencies_too(tmp_path: Path) -> None:
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool" / "setup.py").touch()
    project = read(
        tmp_path,
        f"""
        [project]
        dependencies = ["a[x] @ git+https://git.example/a@v1", "./tool", "b @ {tmp_path.as_uri()}/tool"]
        optional-dependencies.more = ["c @ https://files.example/c-1.0.tar.gz ; sys_platform == 'linux'"]
        [dependency-groups]
        dev = ["d @ https://files.example/d.zip"]
        """,
        ("more",),
        ("dev",),
    )
    assert [(one.name, str(one.direct)) for one in project.requirements] == [
        ("a", "git+https://git.example/a@v1"),
        (None, (tmp_path / "tool").as_uri()),
        ("b", (tmp_path / "tool").as_uri()),
        ("c", "https://files.example/c-1.0.tar.gz"),
        ("d", "https://files.example/d.zip"),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[dependency-groups]\nDev = []\ndev = []", "dependency-groups.dev cannot be used: Duplicate"),
        (
            '[project]\noptional-dependencies = {"a.b" = [], A-B = []}',
            "project.optional-dependencies.a.b is the same extra as A-B",
        ),
    ],
)
def test_two_spellings_of_one_name(tmp_path: Path, text: str, says: str) -> None:
    extras, groups = (("a-b",), ()) if "optional" in text else ((), ("dev",))
    assert says in faults(tmp_path, text, extras, groups)


def test_a_reference_to_an_own_extra_keeps_its_marker(tmp_path: Path) -> None:
    project = read(tmp_path, PROJECT, ("all",))
    environment = {"python_version": "3.10", "sys_platform": "linux"}
    assert "triton" not in [one.name for one in for_target(project.requirements, environment)]
    environment = {"python_version": "3.11", "sys_platform": "linux"}
    assert "triton" in [one.name for one in for_target(project.requirements, environment)]


@pytest.mark.parametrize(
    ("extras", "groups", "says"),
    [
        (("audio",), (), "project.optional-dependencies has no extra audio; did you mean audio-io?"),
        ((), ("tests",), "dependency-groups has no group tests; did you mean test?"),
        ((), ("loop",), "dependency-groups.loop includes itself: pool includes loop"),
        ((), ("lost",), "dependency-groups.lost cannot be used: Dependency group 'gone' not found"),
        ((), ("odd",), "dependency-groups.odd holds 'x y', which is not a requirement"),
        ((), ("odder",), "dependency-groups.odder cannot be used: Invalid dependency group item: 3"),
        (("broken",), (), "pyproject.toml extra broken: 'not a requirement' is not a requirement"),
    ],
)
def test_extras_and_groups_that_cannot_be_used(
    tmp_path: Path, extras: tuple[str, ...], groups: tuple[str, ...], says: str
) -> None:
    assert says in faults(tmp_path, PROJECT, extras, groups)


def test_settings(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """
        [tool.envfit]
        if-supported = ["flash-attn>=2.6", "xformers"]
        concede = "minor"
        python = "3.11"
        gpu = ["V100", "sm_90"]
        driver = "535.161.08"
        glibc = "2.28"
        platform = "linux-aarch64"
        pre = true
        pytorch-index = true
        index-url = "https://index.example/simple"
        extra-index-url = ["https://other.example/simple"]
        ignore-rules = ["torch/some-rule"]
        exclude-newer = 2026-01-31
        constraints = ["rules/"]
        find-links = [".", "https://files.example/page"]
        no-index = true
        no-binary = ["a,B_b", "c"]
        only-binary = [":all:"]
        require-hashes = true
        constraint-dependencies = ["numpy<3"]
        override-dependencies = ["protobuf==5.*"]
        exclude-dependencies = ["Tri_ton"]
        resolution = "lowest-direct"
        [tool.envfit.targets.old]
        gpu = "P100"
        """,
    ).settings
    assert [(one.text, one.where) for one in settings.if_supported] == [
        ("flash-attn>=2.6", f"{tmp_path}/pyproject.toml tool.envfit.if-supported[0]"),
        ("xformers", f"{tmp_path}/pyproject.toml tool.envfit.if-supported[1]"),
    ]
    assert settings.concede == "minor"
    assert settings.target.python == Version("3.11")
    assert settings.target.gpus == ("V100", "sm_90")
    assert settings.target.driver == "535.161.08"
    assert settings.target.glibc == Version("2.28")
    assert settings.target.platform == Platform(machine="aarch64")
    assert settings.pre
    assert settings.pytorch_index is True
    assert settings.index_url == "https://index.example/simple"
    assert settings.extra_index_urls == ("https://other.example/simple",)
    assert settings.ignore_rules == ("torch/some-rule",)
    assert settings.exclude_newer == datetime(2026, 2, 1, tzinfo=timezone.utc)
    assert settings.rules == (tmp_path / "rules",)
    assert settings.find_links == (tmp_path.as_uri(), "https://files.example/page")
    assert settings.no_index
    assert settings.no_binary == ("a", "b-b", "c")
    assert settings.only_binary == (":all:",)
    assert settings.require_hashes
    assert [one.text for one in settings.constraint_dependencies] == ["numpy<3"]
    assert [one.text for one in settings.override_dependencies] == ["protobuf==5.*"]
    assert settings.exclude_dependencies == ("tri-ton",)
    assert settings.resolution == "lowest-direct"
    assert [(target.name, target.gpus) for target in settings.targets] == [("old", ("P100",))]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("if-suported = []", "tool.envfit.if-suported is unknown; did you mean if-supported?"),
        ('if-supported = ["a", 1]', "tool.envfit.if-supported[1] is a number, not a text"),
        ('if-supported = "a"', "tool.envfit.if-supported is a text, not a list"),
        ('if-supported = ["a b"]', "tool.envfit.if-supported[0]: 'a b' is not a requirement"),
        ('if-supported = ["Flash_attn", "flash-attn"]', "if-supported[1] names flash-attn a second time"),
        ('concede = "major"', "tool.envfit.concede is 'major', not none, minor or any"),
        ("python = 3.10", "tool.envfit.python is a number, not a text"),
        ('python = ">=3.10"', "tool.envfit.python is '>=3.10', not a Python such as 3.11"),
        ("gpu = true", "tool.envfit.gpu is a truth value, not a text"),
        ('driver = "new"', "tool.envfit.driver is 'new', not a driver such as 535.161.08"),
        ('platform = "win"', "tool.envfit.platform is unknown: 'win'"),
        ("pre = 1", "tool.envfit.pre is a number, not a truth value"),
        ("pytorch-index = 1", "tool.envfit.pytorch-index is a number, not a truth value or an address"),
        ('find-links = ["gone"]', "find-links[0] cannot be used: 'gone' is a path at which there is nothing"),
        ('find-links = "."', "tool.envfit.find-links is a text, not a list"),
        ('no-binary = ["a b"]', "tool.envfit.no-binary cannot be used: 'a b' is not the name of a package"),
        ('only-binary = ["."]', "tool.envfit.only-binary cannot be used: '.' is not the name of a package"),
        ('no-binary = ["a"]\nonly-binary = ["A"]', "a is under no-binary and under only-binary"),
        ('resolution = "newest"', "tool.envfit.resolution is 'newest', not highest, lowest or lowest-direct"),
        ('constraint-dependencies = ["a[b]"]', "cannot be used: a constraint has no extras"),
        ('override-dependencies = ["https://x.example/a.zip"]', "an override begins with a name"),
        ('exclude-dependencies = ["a>1"]', "exclude-dependencies[0] is 'a>1', which is not the name"),
        ('index-url = "simple"', "tool.envfit.index-url is not an address"),
        ('extra-index-url = ["https://[x"]', "tool.envfit.extra-index-url[0] is not an address"),
        ("find-links = 1", "tool.envfit.find-links is a number, not a list"),
        ('index.torch = "simple"', "tool.envfit.index.torch is not an address"),
        ('index."*" = "https://x.test"', "tool.envfit.index.* is not the name of a package"),
        ('mirrors."a.test" = "https://b.test"', "tool.envfit.mirrors.a.test is not an address"),
        ('mirrors."https://a.test" = 1', "tool.envfit.mirrors.https://a.test is a number, not a text"),
        ('exclude-newer = "soon"', "tool.envfit.exclude-newer is 'soon', not a date"),
        ("targets.a.gpus = []", "tool.envfit.targets.a.gpus is unknown; did you mean gpu?"),
        ("targets = 3", "tool.envfit.targets is a number, not a table"),
    ],
)
def test_settings_that_are_wrong(tmp_path: Path, line: str, says: str) -> None:
    message = faults(tmp_path, f"[tool.envfit]\n{line}\n")
    assert message.startswith("pyproject.toml ")
    assert "faults" not in message
    assert says in message


def test_indexes_routes_mirrors_and_find_links(tmp_path: Path) -> None:
    text = """
        [tool.envfit]
        find-links = ["wheels", "https://links.test/page.html"]
        [tool.envfit.index]
        Corp_Tool = "https://corp.test/simple"
        "corp-*" = "https://corp.test/all/simple"
        [tool.envfit.mirrors]
        "https://index.test/simple" = "https://me:secret@mirror.test/simple"
        "https://files.test" = "mirror/files"
        """
    (tmp_path / "wheels").mkdir()
    settings = read(tmp_path, text).settings
    assert settings.find_links == ((tmp_path / "wheels").as_uri(), "https://links.test/page.html")
    assert settings.index_routes == (
        ("Corp_Tool", "https://corp.test/simple"),
        ("corp-*", "https://corp.test/all/simple"),
    )
    assert settings.mirrors == (
        ("https://index.test/simple", "https://me:secret@mirror.test/simple"),
        ("https://files.test", str(tmp_path / "mirror/files")),
    )


def test_mirrors_are_read_of_a_project_without_judging_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    assert mirrors_of(path) == ()
    path.write_text(
        '[project]\ndependencies = ["a b"]\n[tool.envfit.mirrors]\n"https://a.test" = "https://b.test"\n'
    )
    assert mirrors_of(path) == (("https://a.test", "https://b.test"),)
    path.write_text('[tool.envfit.mirrors]\n"htp://me:secret@a.test" = "https://b.test"\n')
    with pytest.raises(ProjectError, match="is not an address") as caught:
        mirrors_of(path)
    assert "secret" not in str(caught.value)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    message = faults(
        tmp_path,
        """
        [project]
        dependencies = ["a b", 3]
        requires-python = "new"
        [tool.envfit]
        python = 3.10
        x = 1
        """,
    )
    assert message.startswith("pyproject.toml has 5 faults:\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = 1\nb == 2", "pyproject.toml line 2: this is not TOML: invalid value"),
        ("a = [1,\n", "pyproject.toml line 2: this is not TOML: invalid value"),
        ("a = " + "[" * 9000, "this is not TOML"),
        ("project = 3", "pyproject.toml project is a number, not a table"),
    ],
)
def test_malformed_documents(tmp_path: Path, text: str, says: str) -> None:
    assert says in faults(tmp_path, text)


def test_dynamic_dependencies_are_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        read(
            tmp_path,
            '[project]\nname = "x"\ndynamic = ["dependencies"]\n'
            '[tool.setuptools.dynamic]\ndependencies = {file = ["requirements.txt"]}\n',
        )
    assert "project.dependencies is dynamic" in caught.value.message
    assert caught.value.hints == ("its build reads requirements.txt: give that file with -r",)


def test_dependencies_in_poetrys_own_table_are_refused(tmp_path: Path) -> None:
    text = '[tool.poetry.dependencies]\npython = "^3.11"\n'
    assert read(tmp_path, text).requirements == ()
    assert "tool.poetry.dependencies is not read" in faults(tmp_path, text + 'torch = "*"')


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", datetime(2026, 2, 1, tzinfo=timezone.utc)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=timezone.utc)),
        ("2026-01-31 12:00:00", datetime(2026, 1, 31, 12, tzinfo=timezone.utc)),
        ("2026-01-31T12:00:00+02:00", datetime(2026, 1, 31, 10, tzinfo=timezone.utc)),
    ],
)
def test_a_moment_is_utc_and_a_date_includes_its_day(text: str, moment: datetime) -> None:
    assert parse_exclude_newer(text) == moment


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "9999-12-31", "0001-01-01T00:00:00+10:00"])
def test_a_moment_that_is_none(text: str) -> None:
    with pytest.raises(InputError, match="is not a date"):
        parse_exclude_newer(text)


def test_the_project_of_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"nothing to lock: there is no .*pyproject\.toml") as caught:
        find_project(tmp_path)
    assert caught.value.hints[0] == "name what is needed: envfit lock torch"
    path = tmp_path / "pyproject.toml"
    path.write_text("[project]\ndependencies = []\n", encoding="utf-8")
    with pytest.raises(ProjectError, match="asks for no package"):
        find_project(tmp_path)
    path.write_text(PROJECT, encoding="utf-8")
    assert len(find_project(tmp_path, groups=["test"]).requirements) == 3


def test_a_folder_of_that_name_is_no_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").mkdir()
    with pytest.raises(FileError, match="is a directory"):
        find_project(tmp_path)
