"""What is asked for in files and options, locked through the command line."""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import CommandLine
from tests.loopback import Index, make_wheel

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NONE = ("--gpu", "none")


def locked(envfit: CommandLine, name: str = "pylock.toml") -> dict[str, str]:
    document: dict[str, Any] = tomllib.loads((envfit.cwd / name).read_text(encoding="utf-8"))
    return {item["name"]: item["version"] for item in document["packages"]}


@pytest.fixture
def own(bare_envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line with an index of its own: app needs lib, each in two versions."""
    monkeypatch.setenv("PIP_INDEX_URL", own_index.url)
    for version in ("1.0", "2.0"):
        make_wheel(own_index.directory, "app", version, requires=["lib"])
        make_wheel(own_index.directory, "lib", version)
    return bare_envfit


def test_a_constraint_bounds_and_brings_nothing_in(own: CommandLine) -> None:
    (own.cwd / "bounds.txt").write_text("lib<2\nno-such-name\n", encoding="utf-8")
    own("lock", "app", "-c", "bounds.txt", *NONE)
    assert locked(own) == {"app": "2.0", "lib": "1.0"}


def test_constraints_of_a_project_bound(own: CommandLine) -> None:
    (own.cwd / "pyproject.toml").write_text(
        '[project]\ndependencies = ["app"]\n[tool.uv]\nconstraint-dependencies = ["app<2"]\n',
        encoding="utf-8",
    )
    answer = own("lock", *NONE)
    assert "constraint-dependencies of [tool.uv] is used" in answer.err
    assert locked(own) == {"app": "1.0", "lib": "2.0"}


def test_an_override_takes_the_place_of_what_a_package_requires(own: CommandLine, own_index: Index) -> None:
    make_wheel(own_index.directory, "app", "3.0", requires=["lib>=2"])
    (own.cwd / "overrides.txt").write_text("lib<2\n", encoding="utf-8")
    own("lock", "app", "--override", "overrides.txt", *NONE)
    assert locked(own) == {"app": "3.0", "lib": "1.0"}


def test_an_override_that_does_not_hold_here_leaves_nothing(own: CommandLine) -> None:
    (own.cwd / "overrides.txt").write_text("lib ; sys_platform == 'win32'\n", encoding="utf-8")
    own("lock", "app", "--override", "overrides.txt", *NONE)
    assert locked(own) == {"app": "2.0"}


def test_an_excluded_package_is_not_brought_in(own: CommandLine) -> None:
    own("lock", "app", "--exclude", "LIB", *NONE)
    assert locked(own) == {"app": "2.0"}


@pytest.mark.parametrize(
    ("strategy", "versions"),
    [
        ("highest", {"app": "2.0", "lib": "2.0"}),
        ("lowest", {"app": "1.0", "lib": "1.0"}),
        ("lowest-direct", {"app": "1.0", "lib": "2.0"}),
    ],
)
def test_a_strategy_of_resolution(own: CommandLine, strategy: str, versions: dict[str, str]) -> None:
    (own.cwd / "pyproject.toml").write_text(
        f'[project]\ndependencies = ["app"]\n[tool.envfit]\nresolution = "{strategy}"\n', encoding="utf-8"
    )
    own("lock", *NONE)
    assert locked(own) == versions
    own("lock", "app", "--resolution", strategy, "-o", "pylock.other.toml", *NONE)
    assert locked(own, "pylock.other.toml") == versions


def test_a_package_that_has_only_wheels_is_not_taken_without_them(own: CommandLine) -> None:
    answer = own("lock", "app", "--no-binary", "lib", *NONE, code=1)
    assert "--no-binary" in answer.err
    own("lock", "app", "--only-binary", ":all:", *NONE)
    assert locked(own) == {"app": "2.0", "lib": "2.0"}


def digest(index: Index, name: str) -> str:
    return hashlib.sha256((index.directory / f"{name}-py3-none-any.whl").read_bytes()).hexdigest()


def test_a_file_has_one_of_the_hashes_that_are_stated(own: CommandLine, own_index: Index) -> None:
    path = own.cwd / "requirements.txt"
    path.write_text(f"app --hash=sha256:{digest(own_index, 'app-1.0')}\n", encoding="utf-8")
    own("lock", "-r", path, *NONE)
    assert locked(own) == {"app": "1.0", "lib": "2.0"}
    path.write_text(f"app --hash=sha256:{'a' * 64}\n", encoding="utf-8")
    answer = own("lock", "-r", path, *NONE, code=1)
    assert "has none of the hashes that are stated for it" in answer.err


def test_a_hash_is_compared_where_the_index_states_none(own: CommandLine, own_index: Index) -> None:
    right, wrong = digest(own_index, "app-1.0"), digest(own_index, "app-2.0")
    own_index.hashes = False
    (own.cwd / "requirements.txt").write_text(f"app==1.0 --hash=sha256:{right}\n")
    own("lock", "-r", "requirements.txt", *NONE)
    (own.cwd / "requirements.txt").write_text(f"app==1.0 --hash=sha256:{wrong}\n")
    answer = own("lock", "-r", "requirements.txt", *NONE, code=2)
    assert f"has none of the hashes that are stated for it: its sha256 is {right}" in answer.err


def test_an_override_stands_in_the_place_of_hashes_too(own: CommandLine, own_index: Index) -> None:
    (own.cwd / "requirements.txt").write_text(f"app==1.0 --hash=sha256:{digest(own_index, 'app-1.0')}\n")
    (own.cwd / "overrides.txt").write_text("app==2.0\n")
    own("lock", "-r", "requirements.txt", "--override", "overrides.txt", *NONE)
    assert locked(own)["app"] == "2.0"


def test_require_hashes_asks_for_all_of_them(own: CommandLine, own_index: Index) -> None:
    path = own.cwd / "requirements.txt"
    one = f"--require-hashes\napp --hash=sha256:{digest(own_index, 'app-2.0')}\n"
    path.write_text(one, encoding="utf-8")
    answer = own("lock", "-r", path, *NONE, code=2)
    assert "--require-hashes: no hash is stated for lib" in answer.err
    assert not (own.cwd / "pylock.toml").exists()
    path.write_text(f"{one}lib --hash=sha256:{digest(own_index, 'lib-2.0')}\n", encoding="utf-8")
    own("lock", "-r", path, *NONE)
    assert locked(own) == {"app": "2.0", "lib": "2.0"}


def test_find_links_without_an_index(own: CommandLine, own_index: Index) -> None:
    wheels = own.cwd / "wheels"
    make_wheel(wheels, "app", "3.0")
    requirements = own.cwd / "requirements.txt"
    requirements.write_text("app\n--find-links wheels\n--no-index\n", encoding="utf-8")
    asked = len(own_index.log)
    own("lock", "-r", requirements, *NONE)
    assert locked(own) == {"app": "3.0"}
    assert len(own_index.log) == asked
    requirements.write_text("app\n--find-links wheels\n", encoding="utf-8")
    own("lock", "-r", requirements, *NONE, "--upgrade")
    assert locked(own) == {"app": "3.0"}
    assert "the lock names files in" in own("lock", "-r", requirements, *NONE).err


def test_requirements_come_from_standard_input(own: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"app<2\n")))
    answer = own("lock", "-r", "-", *NONE)
    assert "reading requirements from the terminal" not in answer.err
    assert locked(own) == {"app": "1.0", "lib": "2.0"}


def test_a_terminal_is_told_that_something_is_awaited(
    own: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = io.TextIOWrapper(io.BytesIO(b"app\n"))
    monkeypatch.setattr(typed, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", typed)
    assert "reading requirements from the terminal" in own("lock", "-r", "-", *NONE).err


def test_a_lock_is_an_input_and_its_versions_are_kept(own: CommandLine) -> None:
    own("lock", "app<2", "lib<2", *NONE)
    own("lock", "-r", "pylock.toml", "-o", "pylock.next.toml", *NONE)
    assert locked(own, "pylock.next.toml") == {"app": "1.0", "lib": "1.0"}
    (own.cwd / "pylock.toml").write_text(
        (own.cwd / "pylock.toml").read_text(encoding="utf-8").replace('"app<2"', '"app"'), encoding="utf-8"
    )
    words = ("lock", "-r", "pylock.toml", "-o", "pylock.new.toml", *NONE)
    own(*words)
    assert locked(own, "pylock.new.toml") == {"app": "1.0", "lib": "1.0"}
    own(*words, "--upgrade-package", "app")
    assert locked(own, "pylock.new.toml") == {"app": "2.0", "lib": "1.0"}
    answer = own(*words, "--upgrade-package", "ap", code=2)
    assert "did you mean app?" in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("app", "--exclude", "a b"), "--exclude: 'a b' is not the name of a package"),
        (("app", "--resolution", "newest"), "'newest' is no resolution strategy"),
        (("app", "--no-binary", "a", "--only-binary", "a"), "a is under no-binary and under only-binary"),
        (("app", "-f", "gone"), "--find-links: 'gone' is a path at which there is nothing"),
        (("-e", "gone"), "the command line: 'gone' is a path at which there is nothing"),
        (("-r", "-", "-r", "-"), "standard input can be read once, and is named twice"),
    ],
)
def test_options_that_cannot_be_used(bare_envfit: CommandLine, words: tuple[str, ...], said: str) -> None:
    answer = bare_envfit("lock", *words, *NONE, code=2)
    assert said in answer.err
    assert bare_envfit.files().isdisjoint({"pylock.toml"})


def test_a_file_that_cannot_be_used_is_named_with_every_line(
    bare_envfit: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text("torch --config-settings a=b\n-e ./gone\n--only-final torch\n", encoding="utf-8")
    answer = bare_envfit("lock", "-r", path, *NONE, code=2)
    assert f"{path} has 3 faults" in answer.err
    for line in (1, 2, 3):
        assert f"{path} line {line}: " in answer.err


def test_what_has_no_lower_bound_is_said_where_the_lowest_is_asked_for(own: CommandLine) -> None:
    (own.cwd / "bounds.txt").write_text("lib>=1.0\n", encoding="utf-8")
    words = ("lock", "app", "lib", "-c", "bounds.txt", "--resolution", "lowest", *NONE)
    notes = [line for line in own(*words).err.splitlines() if "lower bound" in line]
    assert notes == ["note: app has no lower bound, so --resolution lowest begins with its first release"]


@pytest.mark.parametrize("option", ["group", "extra"])
def test_a_group_or_an_extra_needs_a_project(own: CommandLine, option: str) -> None:
    said = own("lock", "app", f"--{option}", "dev", *NONE, code=2).err
    assert f"the {option} dev needs a pyproject.toml, and there is no pyproject.toml" in said
