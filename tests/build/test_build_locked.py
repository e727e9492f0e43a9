"""From a lock to wheels, and to a lock that installs them: with a site's knowledge of how it is built."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from envfit import api
from envfit.api.build_pythons import provided_python
from envfit.api.build_sources import Sources
from envfit.api.buildable import BuildRequest, built_directory
from envfit.api.building import build_file, build_locked, cached_builds
from envfit.api.indexes import IndexRequest
from envfit.api.installing import InstallRequest, install
from envfit.api.knowing import load_knowledge
from envfit.api.targets import this_machine
from envfit.build.cache import BuiltWheel
from envfit.detect.interpreter import Interpreter, read_interpreter
from envfit.distribution import Sdist
from envfit.errors import BuildError, BuildImpossibleError, FileError
from envfit.install.options import Build
from envfit.install.run_uv import create_venv, sync
from envfit.lock.built import CompiledWheel, with_wheels
from envfit.lock.file import read_lock, write_lock
from envfit.lock.reading import locked_packages, rebased
from envfit.target import NVCC, Fact, FactState
from tests.build.small_extensions import RULES, make_sdist, needs_nvcc
from tests.cli.test_cli_knowledge import valid

ROOT = Path(__file__).parents[2]
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
H200 = api.TargetRequest(gpus=("H200",))

_LOCK = """\
lock-version = "1.0"
requires-python = "=={python}.*"
dependency-groups = ["builds"]
default-groups = []
created-by = "envfit"

[[packages]]
name = "plain-cuda"
version = "1.0"
marker = "'builds' in dependency_groups"
index = "https://index.example/simple"
sdist = {{ name = "plain_cuda-1.0.tar.gz", url = "https://index.example/plain_cuda-1.0.tar.gz", hashes = {{ sha256 = "{sha256}" }} }}
"""


def make_project(directory: Path) -> Path:
    """Write a lock of the extension that needs no torch, with a project that names its rules, and its sdist."""
    path = make_sdist("plain-cuda", directory / "sdists")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    (directory / "pyproject.toml").write_text(f'[tool.envfit]\nconstraints = ["{RULES}"]\n')
    lock = directory / "pylock.toml"
    lock.write_text(_LOCK.format(python=HERE, sha256=sha256))
    return lock


def environ(directory: Path) -> dict[str, str]:
    return {**os.environ, "ENVFIT_CACHE_DIR": str(directory / "cache"), "PLAIN_CUDA_SKIP": "TRUE"}


def request(directory: Path, **changes: object) -> BuildRequest:
    return BuildRequest(environ=environ(directory), indexes=IndexRequest(directory=directory), **changes)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BuiltWheel]:
    """A project, and the wheel that was compiled of its lock, for a GPU that is not here."""
    directory = tmp_path_factory.mktemp("project")
    (wheel,) = build_file(
        make_project(directory),
        target=H200,
        output=directory / "wheels",
        provided_from=sys.executable,
        find_links=[directory / "sdists"],
        environ=environ(directory),
    )
    return directory, wheel


@needs_nvcc
def test_a_lock_is_compiled_for_a_gpu_that_is_not_here(made):
    directory, wheel = made
    assert not wheel.from_cache
    assert wheel.architectures == ("90",)
    assert str(wheel.version).startswith("1.0+cu")
    assert wheel.path.parent == directory / "wheels"
    assert "PLAIN_CUDA_SKIP" in wheel.left_out


@needs_nvcc
def test_a_second_run_finds_it_and_another_gpu_does_not(made):
    directory, wheel = made
    shutil.move(directory / "sdists", directory / "gone")
    try:
        (again,) = build_file(
            directory / "pylock.toml",
            target=H200,
            provided_from=sys.executable,
            environ=environ(directory),
        )
        assert again.from_cache
        assert again.sha256 == wheel.sha256
        with pytest.raises(BuildError, match=r"not among the wheels .*: plain-cuda 1\.0"):
            build_with(directory, api.TargetRequest(gpus=("A100",)), mode=Build.ONLY_CACHED)
    finally:
        shutil.move(directory / "gone", directory / "sdists")


def build_with(directory: Path, target: api.TargetRequest, *, nvcc: bool = True, **changes: object):
    lock = rebased(read_lock(directory / "pylock.toml"), directory)
    base = load_knowledge([RULES])
    machine = this_machine(target, base, notify=lambda _: None)
    if not nvcc:
        facts = [fact for fact in machine.facts if fact.name != NVCC]
        facts.append(Fact(name=NVCC, state=FactState.ABSENT, source="no nvcc anywhere"))
        machine = replace(machine, facts=tuple(facts))
    return build_locked(lock, machine, base, request(directory, interpreter=here(directory), **changes))


def here(directory: Path) -> Interpreter:
    return read_interpreter(sys.executable, environ(directory))


@needs_nvcc
@pytest.mark.parametrize("mode", [Build.ONLY_CACHED, Build.AUTO])
def test_what_is_in_the_cache_needs_no_compiler(made, mode):
    directory, wheel = made
    (found,) = build_with(directory, H200, nvcc=False, mode=mode)
    assert found.from_cache
    assert found.sha256 == wheel.sha256


def command_line(directory: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "envfit", "build", "--gpu", "H200", "--provided-from", sys.executable, *words],
        cwd=directory,
        env={**environ(directory), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@needs_nvcc
def test_the_command_says_what_the_wheels_hold(made):
    directory, wheel = made
    said = command_line(directory).splitlines()
    assert said[0].startswith(f"plain-cuda {wheel.version}: from the cache, compiled in ")
    assert said[1] == "  plain_cuda/_kernels.so: sm_90"
    assert said[2].endswith(f", sha256 {wheel.sha256}")
    data = json.loads(command_line(directory, "--json"))
    valid("build", data)
    (entry,) = data["wheels"]
    assert entry["sha256"] == wheel.sha256
    assert entry["from-cache"]


def test_without_a_compiler_and_a_wheel_the_gates_say_why(tmp_path):
    make_project(tmp_path)
    with pytest.raises(BuildImpossibleError, match=r"plain-cuda 1\.0 cannot be built here") as caught:
        build_with(tmp_path, H200, nvcc=False)
    assert "no nvcc anywhere" in caught.value.details["nvcc"]


def test_what_no_gpu_runs_is_refused_before_it_is_fetched(tmp_path):
    make_project(tmp_path)
    shutil.rmtree(tmp_path / "sdists")
    with pytest.raises(BuildImpossibleError) as caught:
        build_with(tmp_path, api.TargetRequest(gpus=("V100",)))
    assert "none of that runs on V100" in caught.value.details["GPU"]


def test_nothing_is_compiled_where_that_is_said(tmp_path):
    make_project(tmp_path)
    assert build_with(tmp_path, H200, mode=Build.NEVER) == ()


def test_a_lock_without_builds_needs_no_gpu(tmp_path):
    lock = make_project(tmp_path)
    text = lock.read_text()
    lock.write_text(text[: text.index("[[packages]]")] + "packages = []\n")
    assert build_file(lock, target=api.TargetRequest(gpus=("none",)), environ=environ(tmp_path)) == ()


@needs_nvcc
def test_the_lock_with_the_wheel_is_what_uv_installs(made, tmp_path):
    directory, wheel = made
    lock = rebased(read_lock(directory / "pylock.toml"), directory)
    (pair,) = cached_builds(lock, machine(directory), load_knowledge([RULES]), request(directory))
    assert pair[1] is not None
    changed = with_wheels(
        lock,
        {
            "plain-cuda": CompiledWheel(
                path=pair[1].path, version=pair[1].version, sha256=pair[1].sha256, size=pair[1].size
            )
        },
    )
    (package,) = locked_packages(changed)
    assert not package.build
    assert package.version == wheel.version
    assert package.distribution.size == pair[1].path.stat().st_size
    record = tmp_path / "pylock.toml"
    write_lock(changed, record)
    create_venv(tmp_path / "venv", HERE, prompt="x", notify=lambda _: None)
    sync(tmp_path / "venv" / "bin" / "python", record, notify=lambda _: None)
    (library,) = (tmp_path / "venv").rglob("_kernels.so")
    assert library.stat().st_size == wheel.libraries[0].size


@needs_nvcc
@pytest.mark.parametrize("mode", [Build.AUTO, Build.ONLY_CACHED])
def test_an_installation_takes_it_from_the_cache_and_imports_it(made, tmp_path, mode):
    directory, wheel = made
    told: list[str] = []
    install(
        InstallRequest(
            lock=directory / "pylock.toml", prefix=tmp_path / "env", target=H200, build=mode, guarded=False
        ),
        environ=environ(directory),
        notify=told.append,
    )
    assert "plain_cuda works" in told
    assert not any(line.startswith("compiling") for line in told)
    (library,) = (tmp_path / "env" / "lib").rglob("_kernels.so")
    assert library.stat().st_size == wheel.libraries[0].size


def machine(directory: Path):
    return this_machine(H200, load_knowledge([RULES]), notify=lambda _: None)


def test_what_an_interpreter_lacks_is_named_before_anything(tmp_path):
    make_project(tmp_path)
    lock = rebased(read_lock(tmp_path / "pylock.toml"), tmp_path)
    base = load_knowledge([RULES])
    known = base.packages["plain-cuda"]
    builds = tuple(replace(build, needs=("ninja-that-nobody-has",)) for build in known.source_builds)
    base = replace(base, packages={**base.packages, "plain-cuda": replace(known, source_builds=builds)})
    with pytest.raises(BuildImpossibleError, match="needs ninja-that-nobody-has to be built"):
        build_locked(lock, machine(tmp_path), base, request(tmp_path, interpreter=here(tmp_path)))


def test_a_provided_python_is_recorded_with_what_the_build_needs(tmp_path):
    found = provided_python(("pytest>=1", "packaging"), here(tmp_path))
    assert found.path == sys.executable
    assert set(found.requirements) == {"pytest", "packaging"}


def sources(directory: Path, told: list[str]) -> Sources:
    return Sources(
        find_links=(directory / "sdists",),
        indexes=IndexRequest(directory=directory),
        environ=environ(directory),
        notify=told.append,
    )


def test_a_source_distribution_is_its_hash(tmp_path):
    path = make_sdist("plain-cuda", tmp_path / "sdists")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    told: list[str] = []
    sdist = Sdist(
        name="plain-cuda", version=None, filename=path.name, url="nowhere.tar.gz", index="", sha256=digest
    )
    folder = tmp_path / "tree"
    folder.mkdir()
    top = sources(tmp_path, told).unpack(sdist, folder)
    assert (top / "backend.py").is_file()
    assert top.name == "plain_cuda-1.0"
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(FileError, match=r"plain_cuda-1\.0\.tar\.gz is not at nowhere"):
        sources(tmp_path, told).unpack(sdist, folder)
    assert "is not the file that is locked" in told[0]


def test_wheels_are_kept_in_envfits_cache(tmp_path):
    assert built_directory({"ENVFIT_CACHE_DIR": str(tmp_path)}).parent == tmp_path
