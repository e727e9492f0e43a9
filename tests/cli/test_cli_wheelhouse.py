"""``envfit wheelhouse``: every file of a lock in a directory, from which envfit and uv install without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import uv

from tests.cli.conftest import CommandLine
from tests.cli.test_cli_install import run
from tests.cli.wheel_world import HERE
from tests.loopback import Index, make_sdist, make_wheel

NONE = ("--gpu", "none")
SCHEMA = Path(__file__).parents[2] / "envfit" / "cli" / "schema" / "wheelhouse.json"


@pytest.fixture
def locked(
    bare_envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> CommandLine:
    """A lock of two wheels and a source distribution."""
    monkeypatch.setenv("PIP_INDEX_URL", own_index.url)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    make_wheel(own_index.directory, "app", "1.0", requires=["lib", "src"])
    make_wheel(own_index.directory, "lib", "2.0", files={"lib.bin": os.urandom(300_000), "lib.py": b"x = 1"})
    make_sdist(own_index.directory, "src", "3.0")
    bare_envfit("lock", "app", *NONE, "--python", HERE)
    own_index.log.clear()
    return bare_envfit


def valid(answer) -> dict[str, object]:
    data = answer.data
    jsonschema.validate(data, json.loads(SCHEMA.read_text()))
    return data


def test_all_files_and_a_lock_of_paths(locked: CommandLine, own_index: Index) -> None:
    answer = locked("wheelhouse", "pylock.toml", "house")
    house = locked.cwd / "house"
    files = {"app-1.0-py3-none-any.whl", "lib-2.0-py3-none-any.whl", "src-3.0.tar.gz"}
    assert {path.name for path in house.iterdir()} == files | {"pylock.toml"}
    for name in files:
        assert (house / name).read_bytes() == (own_index.directory / name).read_bytes()
    assert "src-3.0.tar.gz is built where it is installed; what it is built with is not in here" in answer.out
    assert "house has 3 files, 0.3 MB: 3 downloaded (0.3 MB)" in answer.out
    lock = (house / "pylock.toml").read_text()
    assert 'path = "lib-2.0-py3-none-any.whl"' in lock
    assert "url = " not in lock
    assert own_index.root + "/files" not in lock

    # What is there and right is kept; what is wrong is replaced.
    own_index.log.clear()
    (house / "lib-2.0-py3-none-any.whl").write_bytes(b"damaged")
    (house / "of-somebody-else.txt").write_text("mine")
    answer = locked("wheelhouse", "pylock.toml", "house", "--json")
    assert "lib-2.0-py3-none-any.whl is not the file of the lock, and is replaced" in answer.err
    data = valid(answer)
    assert {item["filename"]: item["origin"] for item in data["files"]} == {  # type: ignore[attr-defined]
        "app-1.0-py3-none-any.whl": "there",
        "lib-2.0-py3-none-any.whl": "downloaded",
        "src-3.0.tar.gz": "there",
    }
    assert [request.path for request in own_index.log] == ["/files/lib-2.0-py3-none-any.whl"]
    assert (house / "of-somebody-else.txt").exists()
    assert (house / "pylock.toml").read_text() == lock


def test_envfit_installs_from_it_without_a_network(
    locked: CommandLine, own_index: Index, tmp_path: Path
) -> None:
    locked("wheelhouse", "pylock.toml", "house")
    shutil.move(locked.cwd / "house", tmp_path / "moved")
    own_index.log.clear()
    locked("install", tmp_path / "moved" / "pylock.toml", *NONE, "--offline", "--prefix", "one")
    assert run(locked.cwd / "one", "import app, lib, src; print(src.__version__)") == "3.0"
    locked("install", *NONE, "--offline", "--find-links", tmp_path / "moved", "--prefix", "two")
    assert run(locked.cwd / "two", "import app, lib, src; print(src.__version__)") == "3.0"
    assert own_index.log == []
    (tmp_path / "moved" / "app-1.0-py3-none-any.whl").unlink()
    answer = locked("install", tmp_path / "moved" / "pylock.toml", *NONE, "--prefix", "three", code=3)
    assert "app-1.0-py3-none-any.whl, and there is nothing" in answer.err
    lib = tmp_path / "moved" / "lib-2.0-py3-none-any.whl"
    data = bytearray(lib.read_bytes())
    data[-300] ^= 1
    lib.write_bytes(data)
    shutil.copy(own_index.directory / "app-1.0-py3-none-any.whl", tmp_path / "moved")
    answer = locked("install", tmp_path / "moved" / "pylock.toml", *NONE, "--prefix", "three", code=1)
    assert "lib" in answer.err
    assert not (locked.cwd / "three").exists()


def test_uv_installs_from_it_without_a_network(locked: CommandLine, own_index: Index, tmp_path: Path) -> None:
    locked("wheelhouse", "pylock.toml", "house")
    own_index.log.clear()
    environment = tmp_path / "synced"
    sync = ["pip", "sync", "--offline", "--preview-features", "pylock", "--require-hashes"]
    for words in (
        ["venv", "--quiet", "--python", sys.executable, str(environment)],
        [*sync, "--python", str(environment), "house/pylock.toml"],
    ):
        ended = subprocess.run(
            [uv.find_uv_bin(), *words], cwd=locked.cwd, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
    assert run(environment, "import app, lib, src; print(src.__version__)") == "3.0"
    assert own_index.log == []


def test_files_that_another_directory_has_are_linked(
    locked: CommandLine, own_index: Index, tmp_path: Path
) -> None:
    links = tmp_path / "links"
    links.mkdir()
    shutil.copy(own_index.directory / "lib-2.0-py3-none-any.whl", links)
    data = valid(locked("wheelhouse", "pylock.toml", "house", "--find-links", links, "--json"))
    origins = {item["package"]: item["origin"] for item in data["files"]}  # type: ignore[attr-defined]
    assert origins == {"app": "downloaded", "lib": "linked", "src": "downloaded"}
    assert (locked.cwd / "house" / "lib-2.0-py3-none-any.whl").samefile(links / "lib-2.0-py3-none-any.whl")
    # A wheelhouse of a wheelhouse asks nobody.
    own_index.log.clear()
    data = valid(locked("wheelhouse", "house/pylock.toml", "second", "--json"))
    assert {item["origin"] for item in data["files"]} == {"linked"}  # type: ignore[attr-defined]
    valid(locked("wheelhouse", "second/pylock.toml", "second", "--json"))
    assert own_index.log == []


def test_a_cut_off_download_is_resumed_by_the_next_run(
    locked: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("envfit.index.fetching._PAUSE", 0.01)
    wheel = "/files/lib-2.0-py3-none-any.whl"
    own_index.break_off[wheel] = 99
    answer = locked("wheelhouse", "pylock.toml", "house", code=3)
    assert "broke off" in answer.err
    house = locked.cwd / "house"
    assert (house / "app-1.0-py3-none-any.whl").exists()
    assert not (house / "pylock.toml").exists()
    had = (house / ".lib-2.0-py3-none-any.whl.part").stat().st_size
    assert had > 100_000
    own_index.break_off.clear()
    own_index.log.clear()
    answer = locked("wheelhouse", "pylock.toml", "house")
    assert "resuming lib-2.0-py3-none-any.whl at " in answer.err
    assert [request.range for request in own_index.requests_for(wheel)] == [f"bytes={had}-"]
    assert {request.path for request in own_index.log} == {wheel}


def test_a_file_that_is_another_one_is_refused(locked: CommandLine, own_index: Index) -> None:
    make_wheel(own_index.directory, "app", "1.0", requires=["lib", "src"], files={"app.py": b"evil = 1"})
    answer = locked("wheelhouse", "pylock.toml", "house", "--json", code=3)
    assert "app-1.0-py3-none-any.whl" in answer.data["message"]
    assert not (locked.cwd / "house" / "app-1.0-py3-none-any.whl").exists()


def test_through_a_mirror_and_with_credentials(
    locked: CommandLine, own_index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Index(own_index.directory, credentials=("me", "s3cret")) as mirror:
        address = mirror.root.replace("//", "//me:s3cret@")
        monkeypatch.setenv("ENVFIT_MIRRORS", f"{own_index.root}={address}")
        answer = locked("wheelhouse", "pylock.toml", "house")
        assert len(mirror.requests_for("/files/")) >= 3
    assert own_index.log == []
    assert "s3cret" not in answer.out + answer.err + (locked.cwd / "house" / "pylock.toml").read_text()
    # A mirror may be a directory: nothing is downloaded then.
    option = ("--mirror", f"{own_index.root}/files={own_index.directory}")
    monkeypatch.delenv("ENVFIT_MIRRORS")
    data = valid(locked("wheelhouse", "pylock.toml", "second", *option, "--json"))
    assert {item["origin"] for item in data["files"]} == {"linked"}  # type: ignore[attr-defined]


def test_packages_that_are_compiled_are_marked(envfit: CommandLine, index: Index) -> None:
    envfit("lock", "plain", "torch", "flash-attn", "--gpu", "A100", "--driver", "580.95.05")
    answer = envfit("wheelhouse", "pylock.toml", "house")
    assert "flash_attn-" in answer.out
    assert ".tar.gz is compiled where it is installed" in answer.out
    data = valid(envfit("wheelhouse", "pylock.toml", "house", "--json"))
    assert [item["package"] for item in data["files"] if item["build"]] == ["flash-attn"]  # type: ignore[attr-defined]
    assert "dependency_groups" in (envfit.cwd / "house" / "pylock.toml").read_text()


def test_a_source_tree_is_left_out_and_said(locked: CommandLine, own_index: Index, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "pyproject.toml").write_text('[project]\nname = "tree"\nversion = "1.0"\ndependencies = []\n')
    locked("lock", f"tree @ {tree.as_uri()}", "lib", *NONE, "--python", HERE)
    answer = locked("wheelhouse", "pylock.toml", "house")
    assert "is a source tree, which the lock names as it did" in answer.out


def test_a_directory_that_cannot_be_made_is_the_outside_failing(locked: CommandLine) -> None:
    (locked.cwd / "file").write_text("")
    assert "cannot make" in locked("wheelhouse", "pylock.toml", "file/house", code=3).err
    assert "No such file" in locked("wheelhouse", "nothing.toml", "house", code=3).err


def test_a_lock_that_names_a_path_as_a_file_is_refused(locked: CommandLine) -> None:
    text = (locked.cwd / "pylock.toml").read_text()
    bad = text.replace('name = "src-3.0.tar.gz"', 'name = "../src-3.0.tar.gz"')
    assert bad != text
    (locked.cwd / "pylock.toml").write_text(bad)
    answer = locked("wheelhouse", "pylock.toml", "house", code=2)
    assert "Name in '../src-3.0.tar.gz' is not consistent" in answer.err
    assert not (locked.cwd / "house").exists()
