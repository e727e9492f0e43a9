"""``envfit install --offline`` and ``--find-links``: from uv's cache and from directories alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.test_cli_install import run
from tests.cli.wheel_world import HERE
from tests.loopback import Index, make_sdist, make_wheel

NONE = ("--gpu", "none")


@pytest.fixture
def locked(
    bare_envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> CommandLine:
    """A lock of three wheels, from an index that is gone by then."""
    monkeypatch.setenv("PIP_INDEX_URL", own_index.url)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    own_index.file_headers["Cache-Control"] = "max-age=365000000, immutable, public"
    make_wheel(own_index.directory, "app", "1.0", requires=["lib", "more"])
    make_wheel(own_index.directory, "lib", "2.0")
    make_wheel(own_index.directory, "more", "3.0")
    bare_envfit("lock", "app", *NONE, "--python", HERE)
    own_index.log.clear()
    return bare_envfit


def test_the_cache_serves_without_a_network(locked: CommandLine, own_index: Index) -> None:
    locked("install", *NONE, "--prefix", "one")
    own_index.log.clear()
    locked("install", *NONE, "--prefix", "two", "--offline")
    assert run(locked.cwd / "two", "import app; print(app.__version__)") == "1.0"
    assert own_index.log == []


def test_every_file_that_is_missing_is_named(locked: CommandLine, own_index: Index, tmp_path: Path) -> None:
    links = tmp_path / "links"
    links.mkdir()
    shutil.copy(own_index.directory / "lib-2.0-py3-none-any.whl", links)
    answer = locked("install", *NONE, "--offline", "--find-links", links, code=3)
    assert "offline, and 2 of 3 files of the lock are neither in uv's cache nor in" in answer.err
    assert "  missing: app-1.0-py3-none-any.whl\n      more-3.0-py3-none-any.whl\n" in answer.err
    assert "hint: where there is a network: envfit wheelhouse LOCK DIR\n" in answer.err
    assert own_index.log == []
    assert locked.files() == {"pylock.toml"}
    data = locked("install", *NONE, "--offline", "--json", code=3).data
    assert data["details"]["missing"].splitlines() == [
        "app-1.0-py3-none-any.whl",
        "lib-2.0-py3-none-any.whl",
        "more-3.0-py3-none-any.whl",
    ]


def test_what_a_directory_has_is_not_fetched(locked: CommandLine, own_index: Index, tmp_path: Path) -> None:
    links, others = tmp_path / "links", tmp_path / "others"
    links.mkdir()
    shutil.copy(own_index.directory / "lib-2.0-py3-none-any.whl", links)
    shutil.copy(own_index.directory / "app-1.0-py3-none-any.whl", links)
    shutil.copytree(links, others)
    (others / "lib-2.0-py3-none-any.whl").write_bytes(b"damaged")  # the other directory has the right one
    locked("install", *NONE, "--prefix", "env", "--find-links", others, "--find-links", links)
    assert run(locked.cwd / "env", "import app, lib; print(lib.__version__)") == "2.0"
    assert {request.path for request in own_index.log} == {"/files/more-3.0-py3-none-any.whl"}


@pytest.mark.parametrize("offline", [True, False])
def test_a_file_of_another_content_is_an_error_that_says_so(
    locked: CommandLine, own_index: Index, tmp_path: Path, offline: bool
) -> None:
    links = tmp_path / "links"
    links.mkdir()
    data = bytearray((own_index.directory / "lib-2.0-py3-none-any.whl").read_bytes())
    data[40] ^= 1
    (links / "lib-2.0-py3-none-any.whl").write_bytes(data)
    words = ("install", *NONE, "--find-links", links, *(["--offline"] if offline else []))
    answer = locked(*words, code=1)
    path = links / "lib-2.0-py3-none-any.whl"
    assert f"{path} is not the file of the lock: its sha256 is " in answer.err
    assert locked.files() == {"pylock.toml"}
    (links / "lib-2.0-py3-none-any.whl").write_bytes(b"")
    assert "it has 0 bytes, the lock says " in locked(*words, code=1).err


def test_a_directory_that_is_not_there_is_named(locked: CommandLine, tmp_path: Path) -> None:
    answer = locked("install", *NONE, "--find-links", tmp_path / "nowhere", code=3)
    assert "nowhere, of --find-links, is not a directory" in answer.err


def test_a_source_distribution_says_what_its_build_wants(
    bare_envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", own_index.url)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    make_wheel(own_index.directory, "build-tool", "1.0")
    backend = (
        '[build-system]\nrequires = ["build-tool"]\nbuild-backend = "in_tree_backend"\nbackend-path = ["."]\n'
    )
    sdist = make_sdist(own_index.directory, "packed", "1.0", pyproject=backend)
    bare_envfit("lock", "packed", *NONE, "--python", HERE)
    links = tmp_path / "links"
    links.mkdir()
    shutil.copy(sdist, links)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another"))
    answer = bare_envfit("install", *NONE, "--offline", "--find-links", links, code=3)
    assert f"  missing: {sdist.name}: what it is built with\n" in answer.err
    # What a build requires may lie there too.
    shutil.copy(own_index.directory / "build_tool-1.0-py3-none-any.whl", links)
    own_index.log.clear()
    bare_envfit("install", *NONE, "--offline", "--find-links", links, "--prefix", "env")
    assert run(bare_envfit.cwd / "env", "import packed; print(packed.__version__)") == "1.0"
    assert own_index.log == []


def test_offline_no_mirror_is_asked(locked: CommandLine, own_index: Index, tmp_path: Path) -> None:
    option = ("--mirror", f"{own_index.root}=http://127.0.0.1:9")
    answer = locked("install", *NONE, "--offline", *option, code=3)
    assert "offline, and 3 of 3 files" in answer.err


def test_a_download_that_was_cut_off_fetches_the_rest_on_the_next_run(
    locked: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CONCURRENT_DOWNLOADS", "1")
    wheel = "/files/lib-2.0-py3-none-any.whl"
    own_index.break_off[wheel] = 99
    answer = locked("install", *NONE, "--prefix", "env", code=3)
    assert "lib" in answer.err
    assert locked.files() == {"pylock.toml"}
    whole = {r.path for r in own_index.log if r.path != wheel}
    own_index.break_off.clear()
    own_index.log.clear()
    locked("install", *NONE, "--prefix", "env")
    assert run(locked.cwd / "env", "import app; print(app.__version__)") == "1.0"
    again = [request.path for request in own_index.log]
    assert wheel in again
    assert not whole & set(again)  # what was fetched whole is in uv's cache
    # uv begins a file anew.
    assert own_index.requests_for(wheel)[0].range is None
