"""Metadata by a build: back ends, fallbacks and failures, without any network."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from envfit.distribution import Metadata, Sdist
from envfit.index.build_metadata import BuildNotPossible, Builds, CannotBuildHereError, uv_index_variables
from envfit.index.cache import Cache
from envfit.index.metadata import BadMetadata
from envfit.index.source_tree import unpack
from tests.loopback import Index, make_sdist, make_wheel

PYTHON = Version(f"{sys.version_info.major}.{sys.version_info.minor}")

# Stand-ins for setuptools: the real one would come from a network.
LEGACY_BACKEND = b"""\
import sys
class _Legacy:
    def get_requires_for_build_wheel(self, config_settings=None):
        exec(open("setup.py").read(), {})
        return []
    def prepare_metadata_for_build_wheel(self, metadata_directory, config_settings=None):
        import pathlib
        folder = pathlib.Path(metadata_directory, "x.dist-info")
        folder.mkdir()
        (folder / "METADATA").write_bytes(pathlib.Path("metadata.txt").read_bytes())
        return folder.name
__legacy__ = _Legacy()
"""


def sdist_of(path: Path, name: str = "demo") -> Sdist:
    return Sdist(
        name=name,
        version=Version("1.0"),
        filename=path.name,
        url=path.as_uri(),
        index="file:///",
        sha256=path.name.ljust(64, "0"),
    )


def build(
    path: Path,
    index: Index,
    cache: Cache,
    said: list[str],
    python: Version = PYTHON,
    *,
    stopped: bool = False,
) -> Metadata:
    builds = Builds(
        python=python,
        cache=cache,
        variables=lambda: uv_index_variables([index.url]),
        environ={**os.environ, "UV_NO_CONFIG": "1", "UV_CACHE_DIR": str(cache.directory / "uv")},
        is_stopped=lambda: stopped,
        notify=said.append,
    )
    return builds.of_sdist(path, sdist_of(path))


@pytest.mark.parametrize("prepare_hook", [True, False])
def test_the_back_end_is_asked_once(tmp_path: Path, index: Index, cache: Cache, prepare_hook: bool) -> None:
    path = make_sdist(
        tmp_path, "demo", "1.0", requires=["other>=1"], dynamic=["Requires-Dist"], prepare_hook=prepare_hook
    )
    said: list[str] = []
    first = build(path, index, cache, said)
    assert [str(requirement) for requirement in first.requires] == ["other>=1"]
    assert said == [f"running the build of demo 1.0 with Python {PYTHON} to read its metadata"]
    assert build(path, index, cache, said) == first
    assert len(said) == 1


def test_once_stopped_none_is_run_and_what_was_kept_serves(
    tmp_path: Path, index: Index, cache: Cache
) -> None:
    path = make_sdist(tmp_path, "demo", "1.0", dynamic=["Requires-Dist"])
    said: list[str] = []
    with pytest.raises(CannotBuildHereError):
        build(path, index, cache, said, stopped=True)
    assert said == []
    first = build(path, index, cache, said)
    assert build(path, index, cache, said, stopped=True) == first


def test_build_requirements_come_from_the_index(tmp_path: Path, index: Index, cache: Cache) -> None:
    make_wheel(index.directory, "needed", "3.0")
    pyproject = '[build-system]\nrequires = ["needed>=2"]\nbuild-backend = "b"\nbackend-path = ["."]\n'
    backend = (
        b"import needed\nfrom in_tree_backend import *\n"
        b"def get_requires_for_build_wheel(config_settings=None): return ['more']\n"
        b"def prepare_metadata_for_build_wheel(d, config_settings=None):\n"
        b"    import more, in_tree_backend\n"
        b"    return in_tree_backend.prepare_metadata_for_build_wheel(d)\n"
    )
    make_wheel(index.directory, "more", "1.0")
    path = make_sdist(tmp_path, "demo", "1.0", pyproject=pyproject, files={"b.py": backend})
    assert build(path, index, cache, []).version == Version("1.0")


def test_an_old_setup_py_that_imports_pkg_resources(tmp_path: Path, index: Index, cache: Cache) -> None:
    new = {"setuptools/__init__.py": b"", "setuptools/build_meta.py": LEGACY_BACKEND}
    make_wheel(index.directory, "setuptools", "82.0", files=new)
    make_wheel(index.directory, "setuptools", "81.0", files={**new, "pkg_resources.py": b""})
    path = make_sdist(
        tmp_path, "demo", "1.0", requires=["old"], pyproject=None, setup_py="import pkg_resources\n"
    )
    metadata = build(path, index, cache, [])
    assert [requirement.name for requirement in metadata.requires] == ["old"]


def test_a_build_that_fails_shows_its_last_lines(tmp_path: Path, index: Index, cache: Cache) -> None:
    backend = b"def get_requires_for_build_wheel(config_settings=None):\n    import torch\n"
    path = make_sdist(tmp_path, "demo", "1.0", files={"in_tree_backend.py": backend})
    said: list[str] = []
    with pytest.raises(BuildNotPossible, match="No module named 'torch'") as caught:
        build(path, index, cache, said)
    assert said[1:] == ["the build of demo 1.0 failed: ModuleNotFoundError: No module named 'torch'"]
    assert caught.value.code == "metadata-needs-build"
    assert caught.value.problem.count("\n") <= 15


def test_a_build_requirement_that_no_index_has(tmp_path: Path, index: Index, cache: Cache) -> None:
    pyproject = '[build-system]\nrequires = ["nowhere"]\nbuild-backend = "b"\n'
    path = make_sdist(tmp_path, "demo", "1.0", pyproject=pyproject)
    with pytest.raises(BuildNotPossible, match="nowhere"):
        build(path, index, cache, [])


def test_a_back_end_that_is_not_there(tmp_path: Path, index: Index, cache: Cache) -> None:
    path = make_sdist(
        tmp_path, "demo", "1.0", pyproject='[build-system]\nrequires = []\nbuild-backend = "b"\n'
    )
    with pytest.raises(BuildNotPossible, match="No module named 'b'"):
        build(path, index, cache, [])


def test_no_such_python(tmp_path: Path, index: Index, cache: Cache) -> None:
    path = make_sdist(tmp_path, "demo", "1.0")
    with pytest.raises(CannotBuildHereError, match=r"no Python 3\.99 is here to build with"):
        build(path, index, cache, [], Version("3.99"))


def test_nothing_is_unpacked_outside(tmp_path: Path) -> None:
    path = make_sdist(tmp_path, "demo", "1.0", files={"../../outside": b"x"})
    (tmp_path / "in" / "deep").mkdir(parents=True)
    with pytest.raises(BadMetadata, match="cannot be unpacked"):
        unpack(path, sdist_of(path), tmp_path / "in" / "deep")
    assert not (tmp_path / "in" / "outside").exists()
