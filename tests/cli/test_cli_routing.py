"""From which index a name is taken: the first that has it, the one it is routed to, and find-links beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.test_cli_install import run
from tests.cli.wheel_world import HERE
from tests.loopback import Index, make_sdist, make_wheel

TARGET = ("--gpu", "none", "--python", HERE)


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Index]:
    with Index(tmp_path / "private") as served:
        yield served


@pytest.fixture
def public(own_index: Index, bare_envfit: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Index:
    monkeypatch.setenv("PIP_INDEX_URL", own_index.url)
    return own_index


def taken(envfit: CommandLine) -> dict[str, tuple[str, str]]:
    """Return version and index of each package of the lock."""
    text = (envfit.cwd / "pylock.toml").read_text()
    found = re.findall(r'name = "([\w-]+)"\nversion = "([^"]+)"(?s:.*?)\nindex = "([^"]+)"', text)
    return {name: (version, index) for name, version, index in found}


def project(envfit: CommandLine, text: str, *requirements: str) -> None:
    (envfit.cwd / "pyproject.toml").write_text(
        f'[project]\nname = "x"\nversion = "1"\ndependencies = {list(requirements)}\n{text}'
    )


def test_a_name_on_a_private_and_a_public_index_is_the_private_ones(
    bare_envfit: CommandLine, private: Index, public: Index
) -> None:
    make_wheel(private.directory, "secret", "1.0", requires=["lib"])
    make_wheel(public.directory, "secret", "99.0")
    make_wheel(public.directory, "lib", "1.0")
    bare_envfit("lock", "secret", *TARGET, "--extra-index-url", private.url)
    assert taken(bare_envfit) == {"lib": ("1.0", public.url), "secret": ("1.0", private.url)}
    assert public.requests_for("secret") == []
    # Nor for a version that only the public one has.
    answer = bare_envfit("lock", "secret>1", *TARGET, "--extra-index-url", private.url, code=1)
    assert "secret" in answer.err
    assert public.requests_for("secret") == []


def test_a_routed_name_comes_from_its_index_only(
    bare_envfit: CommandLine, private: Index, public: Index
) -> None:
    make_wheel(private.directory, "corp-tool", "1.0", requires=["corp-lib", "lib"])
    make_wheel(private.directory, "corp-lib", "1.0")
    make_wheel(private.directory, "lib", "7.0")
    for name in ("corp-tool", "corp-lib", "lib"):
        make_wheel(public.directory, name, "99.0")
    project(bare_envfit, f'[tool.envfit.index]\n"corp-*" = "{private.url}"\n', "Corp_Tool")
    bare_envfit("lock", *TARGET)
    assert taken(bare_envfit) == {
        "corp-lib": ("1.0", private.url),
        "corp-tool": ("1.0", private.url),
        "lib": ("99.0", public.url),
    }
    assert public.requests_for("corp") == []


def test_a_routed_index_without_the_name_is_named(
    bare_envfit: CommandLine, private: Index, public: Index
) -> None:
    make_wheel(public.directory, "tool", "1.0")
    project(bare_envfit, f'[tool.envfit.index]\ntool = "{private.url}"\n', "tool")
    answer = bare_envfit("lock", *TARGET, code=2)
    assert "no index in use has tool" in answer.err
    assert f"searched: {private.url}\n" in answer.err
    assert public.url not in answer.err
    private.statuses["/simple/tool/"] = 502
    assert "answered 502" in bare_envfit("lock", *TARGET, code=3).err


def test_uvs_explicit_index_serves_what_its_sources_say(
    bare_envfit: CommandLine, private: Index, public: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_NO_CONFIG")
    for name in ("tool", "lib"):
        make_wheel(private.directory, name, "1.0", requires=["lib"] if name == "tool" else [])
        make_wheel(public.directory, name, "99.0")
    uv = f'[[tool.uv.index]]\nname = "corp"\nurl = "{private.url}"\nexplicit = true\n'
    project(bare_envfit, f'{uv}[tool.uv.sources]\ntool = {{ index = "corp" }}\n', "tool")
    bare_envfit("lock", *TARGET)
    assert taken(bare_envfit) == {"lib": ("99.0", public.url), "tool": ("1.0", private.url)}


def test_find_links_are_locked_with_their_hash_and_installed(
    bare_envfit: CommandLine, public: Index, tmp_path: Path
) -> None:
    make_wheel(public.directory, "lib", "1.0")
    make_wheel(public.directory, "tool", "1.0", requires=["lib"])
    wheel = make_wheel(tmp_path / "wheels", "tool", "2.0", requires=["lib"])
    answer = bare_envfit("lock", "tool", *TARGET, "--find-links", "../wheels")
    directory = wheel.parent.as_uri()
    assert (
        f"note: the lock names files in {directory}; it installs only where that directory is" in answer.err
    )
    assert f'url = "{wheel.as_uri()}"' in (bare_envfit.cwd / "pylock.toml").read_text()
    assert taken(bare_envfit) == {"lib": ("1.0", public.url), "tool": ("2.0", directory)}
    bare_envfit("install", "--gpu", "none", "--prefix", "env")
    assert run(bare_envfit.cwd / "env", "import tool; print(tool.__version__)") == "2.0"
    # The same from the project's settings; no note where nothing local is locked.
    project(bare_envfit, '[tool.envfit]\nfind-links = ["../wheels"]\n', "tool")
    assert bare_envfit("lock", *TARGET, "--check")
    project(bare_envfit, '[tool.envfit]\nfind-links = ["../wheels"]\n', "tool==1.0")
    assert "names files in" not in bare_envfit("lock", *TARGET).err


def test_without_an_index_find_links_are_all_there_is(
    bare_envfit: CommandLine, public: Index, tmp_path: Path
) -> None:
    make_wheel(public.directory, "tool", "9.0")
    make_wheel(public.directory, "lib", "9.0")
    make_wheel(tmp_path / "wheels", "build-tool", "1.0")
    backend = (
        '[build-system]\nrequires = ["build-tool"]\nbuild-backend = "in_tree_backend"\nbackend-path = ["."]\n'
    )
    make_sdist(
        tmp_path / "wheels", "tool", "1.0", requires=["lib"], metadata_version="2.1", pyproject=backend
    )
    path = bare_envfit.cwd / "requirements.txt"
    path.write_text("tool\n--no-index\n-f ../wheels\n")
    answer = bare_envfit("lock", "-r", path, *TARGET, code=1)
    assert "lib" in answer.err
    (bare_envfit.cwd / "bare.txt").write_text("tool\n--no-index\n")
    assert (
        "searched: nothing, since --no-index is given"
        in bare_envfit("lock", "-r", "bare.txt", *TARGET, code=2).err
    )
    make_wheel(tmp_path / "wheels", "lib", "1.0")
    bare_envfit("lock", "-r", path, *TARGET)
    directory = (tmp_path / "wheels").as_uri()
    assert taken(bare_envfit) == {"lib": ("1.0", directory), "tool": ("1.0", directory)}
    assert public.log == []


def test_what_comes_from_another_index_than_before_is_said(
    bare_envfit: CommandLine, private: Index, public: Index
) -> None:
    make_wheel(private.directory, "tool", "1.0")
    make_wheel(public.directory, "tool", "1.0")
    make_wheel(public.directory, "lib", "1.0")
    first = bare_envfit("lock", "tool", *TARGET, "--extra-index-url", private.url)
    assert "in the existing lock" not in first.err
    assert "in the existing lock" not in bare_envfit("add", "lib", "--extra-index-url", private.url).err
    moved = f"note: tool comes from {public.url}, and from {private.url} in the existing lock"
    assert moved in bare_envfit("lock", "tool", *TARGET).err


def test_no_index_leaves_what_find_links_have(bare_envfit: CommandLine, public: Index) -> None:
    make_wheel(public.directory, "lib", "2.0")
    links = bare_envfit.cwd / "links"
    links.mkdir()
    make_wheel(links, "lib", "1.0")
    bare_envfit("lock", "lib", *TARGET, "--no-index", "-f", "links")
    assert 'version = "1.0"' in (bare_envfit.cwd / "pylock.toml").read_text()
    assert public.requests_for("lib") == []
    assert "searched: nothing" in bare_envfit("lock", "other", *TARGET, "--no-index", code=2).err
