"""A real installation from an index on this machine: it all works, or nothing has changed."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.pylock import Pylock
from packaging.specifiers import SpecifierSet

from envfit.errors import FileError, InstallError, SourceError, VerificationError
from envfit.install import InstallReport, Options, Outcome, Refused, install
from envfit.install.environment import Environment
from envfit.lock.file import read_lock
from tests.install.locks import bare_target, entry, entry_of, knowledge, locked
from tests.loopback import Index, make_sdist, make_wheel

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
HERE = f"=={MINOR}.*"  # the Python that surely is there


@pytest.fixture(scope="session")
def uv_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uv-cache")


@pytest.fixture(autouse=True)
def _uv(uv_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(uv_cache))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with Index(tmp_path / "index") as served:
        yield served


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return tmp_path / "envs" / "asr"


def demo(
    index: Index, version: str = "1.0", *, files: dict[str, bytes] | None = None, **options: str
) -> Pylock:
    """A lock of two wheels and a source distribution; ``app`` is its root."""
    base = f"{index.root}/files"
    return locked(
        entry_of(
            make_wheel(index.directory, "app", version, requires=["lib", "src"], files=files),
            base,
            depends=["lib", "src"],
            **options,
        ),
        entry_of(make_wheel(index.directory, "lib", "2.0"), base),
        entry_of(make_sdist(index.directory, "src", "3.0"), base),
        python=HERE,
    )


def put(lock: Pylock, prefix: Path, *, notify=lambda _: None, **options) -> InstallReport:
    chosen = Options(**{"python": sys.executable, **options})
    return install(lock, bare_target(), knowledge(), prefix, options=chosen, notify=notify)


def run(prefix: Path, code: str) -> str:
    answer = subprocess.run(
        [prefix / "bin" / "python", "-c", code], capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


def state(prefix: Path) -> list[str]:
    """Everything that is left beside and at the prefix, the link's text included."""
    if not prefix.parent.exists():
        return []
    found = [
        f"{path.relative_to(prefix.parent)} -> {path.readlink()}" if path.is_symlink() else str(path.name)
        for path in prefix.parent.iterdir()
    ]
    versions = Environment.at(prefix).versions
    if versions.is_dir():
        found += [path.name for path in versions.iterdir()]
    return sorted(found)


def test_an_environment_is_made_proved_and_put_in_place(index: Index, prefix: Path, monkeypatch) -> None:
    # What would mislead uv or the new Python is not passed on; what a project says of Python is not asked.
    monkeypatch.setenv("VIRTUAL_ENV", "/nowhere")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("UV_SYSTEM_PYTHON", "1")
    told: list[str] = []
    report = put(demo(index), prefix, notify=told.append, python=None)
    assert prefix.readlink() == Path(".asr.envfit/0001")
    assert report.version == prefix.parent / ".asr.envfit" / "0001"
    assert report.former is None
    monkeypatch.delenv("PYTHONPATH")
    assert run(prefix, "import app, lib, src; print(app.__version__, src.__version__)") == "1.0 3.0"
    assert run(prefix, "import sys; print('%d.%d' % sys.version_info[:2], sys.prefix)") == f"{MINOR} {prefix}"
    assert [(item.name, item.outcome) for item in report.proof.imports] == [("app", Outcome.WORKS)]
    assert "app works" in told
    assert any("app==1.0" in line for line in told)
    assert [line for line in told if "warning" in line and "interpreter" not in line] == []
    assert read_lock(prefix / "pylock.toml") == demo(index)


def test_a_second_one_replaces_it_and_one_former_is_kept(index: Index, prefix: Path) -> None:
    for version in ("1.0", "1.1", "1.2"):
        report = put(demo(index, version), prefix)
    assert prefix.readlink() == Path(".asr.envfit/0003")
    assert report.former == prefix.parent / ".asr.envfit" / "0002"
    assert state(prefix) == [".asr.envfit", "0002", "0003", "asr -> .asr.envfit/0003", "history", "lock"]
    assert run(prefix, "import app; print(app.__version__)") == "1.2"
    put(demo(index, "1.3"), prefix, keep=0)
    assert state(prefix) == [".asr.envfit", "0004", "asr -> .asr.envfit/0004", "history", "lock"]


def test_what_a_kill_left_behind_is_no_former_version(index: Index, prefix: Path) -> None:
    left = prefix.parent / ".asr.envfit" / "0001"
    left.mkdir(parents=True)
    put(demo(index), prefix)
    assert state(prefix) == [".asr.envfit", "0002", "asr -> .asr.envfit/0002", "history", "lock"]


def _interrupt_at(text: str) -> Callable[[str], None]:
    def notify(line: str) -> None:
        if text in line:
            raise KeyboardInterrupt

    return notify


def _wrong_hash(index: Index) -> Pylock:
    lock = demo(index, "9.0")
    packages = list(lock.packages)
    wheel = packages[0].wheels[0]
    packages[0] = replace(packages[0], wheels=[replace(wheel, hashes={"sha256": "0" * 64})])
    return replace(lock, packages=packages)


def _gone(index: Index) -> Pylock:
    lock = demo(index, "9.1")
    (index.directory / "app-9.1-py3-none-any.whl").unlink()
    return lock


def _unbuildable(index: Index) -> Pylock:
    path = make_sdist(
        index.directory,
        "bad",
        "1.0",
        files={"in_tree_backend.py": b"raise RuntimeError('HTTP status 500: timed out')\n"},
    )
    return locked(entry_of(path, f"{index.root}/files"), python=HERE)


FAILURES = {
    "import": (
        lambda index: demo(index, "9.2", files={"app.py": b"import missing_thing\n"}),
        None,
        VerificationError,
    ),
    "hash": (_wrong_hash, None, InstallError),
    "gone": (_gone, None, SourceError),
    "build": (_unbuildable, None, InstallError),
    "interrupted by uv's first word": (
        lambda index: demo(index, "9.3"),
        "making an environment",
        KeyboardInterrupt,
    ),
    "interrupted in uv": (lambda index: demo(index, "9.4"), "Using", KeyboardInterrupt),
    "interrupted while proved": (lambda index: demo(index, "9.5"), "app works", KeyboardInterrupt),
    "no such Python": (demo, None, InstallError),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("existing", [True, False])
def test_a_failure_leaves_everything_as_it_was(
    index: Index, prefix: Path, failure: str, existing: bool, monkeypatch
) -> None:
    make, interrupt, error = FAILURES[failure]
    if existing:
        put(demo(index), prefix)
    else:
        prefix.mkdir(parents=True)
    before = state(prefix)
    lock = make(index)
    options: dict[str, object] = {"notify": _interrupt_at(interrupt)} if interrupt else {}
    if failure == "no such Python":
        options["python"] = "/no/such/python"
    with pytest.raises(error) as caught:
        put(lock, prefix, **options)
    assert caught.type is not Refused
    if error is InstallError:
        assert caught.type is InstallError
    assert state(prefix) == before
    if existing:
        assert run(prefix, "import app; print(app.__version__)") == "1.0"


def test_a_failed_import_is_reported_at_its_root(index: Index, prefix: Path) -> None:
    with pytest.raises(VerificationError) as caught:
        put(demo(index, "9.2", files={"app.py": b"import missing_thing\n"}), prefix)
    assert caught.value.message == (
        "everything was installed, but app failed: ModuleNotFoundError: No module named 'missing_thing' "
        "(app.py:1); the environment was not put in place"
    )


def test_a_wrong_hash_says_so_in_uvs_words(index: Index, prefix: Path) -> None:
    with pytest.raises(InstallError, match=r"Hash mismatch for `app==9\.0`"):
        put(_wrong_hash(index), prefix)


def test_a_python_that_is_not_there_is_named(index: Index, prefix: Path) -> None:
    lock = replace(demo(index), requires_python=SpecifierSet("==3.99.*"))
    with pytest.raises(InstallError, match=r"no environment with Python 3\.99 could be made") as caught:
        put(lock, prefix, python=None)
    assert any("uv python install 3.99" in hint for hint in caught.value.hints)
    assert not prefix.exists()


def test_an_interpreter_of_another_python_is_refused(index: Index, prefix: Path) -> None:
    lock = replace(demo(index), requires_python=SpecifierSet("==3.8.*"))
    with pytest.raises(
        InstallError, match=r"the lock is for Python 3\.8, and the interpreter is Python 3\.1\d"
    ):
        put(lock, prefix)
    assert not prefix.exists()


def test_what_envfit_did_not_make_is_left_alone(index: Index, prefix: Path, tmp_path: Path) -> None:
    prefix.mkdir(parents=True)
    (prefix / "mine.txt").write_text("mine")
    with pytest.raises(InstallError, match="a directory with files in it that envfit did not make"):
        put(demo(index), prefix)
    link = tmp_path / "envs" / "link"
    link.symlink_to(prefix)
    with pytest.raises(InstallError, match=r"a link to .* that envfit did not make"):
        put(demo(index), link)
    file = tmp_path / "envs" / "file"
    file.write_text("mine")
    with pytest.raises(InstallError, match="a file that envfit did not make"):
        put(demo(index), file)
    assert sorted(path.name for path in prefix.parent.iterdir()) == ["asr", "file", "link"]
    assert not index.log


def test_an_empty_directory_is_taken(index: Index, prefix: Path) -> None:
    prefix.mkdir(parents=True)
    put(demo(index), prefix)
    assert prefix.readlink() == Path(".asr.envfit/0001")


def test_two_at_once_do_not_mix(index: Index, prefix: Path) -> None:
    put(demo(index), prefix)
    with (prefix.parent / ".asr.envfit" / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(InstallError, match="another envfit is installing"):
            put(demo(index, "1.1"), prefix)
    assert state(prefix) == [".asr.envfit", "0001", "asr -> .asr.envfit/0001", "history", "lock"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written_is_a_file_error(index: Index, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o555)
    with pytest.raises(FileError):
        put(demo(index), tmp_path / "closed" / "env")


def test_a_path_through_a_file_is_a_file_error(index: Index, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot install into"):
        put(demo(index), tmp_path / "file" / "env")


def test_a_dry_run_touches_nothing(index: Index, prefix: Path) -> None:
    report = put(demo(index), prefix, dry_run=True)
    assert [package.name for package in report.plan.to_install] == ["app", "lib", "src"]
    assert report.version is None
    assert not prefix.parent.exists()
    assert not index.log


def test_a_package_to_compile_is_refused_and_the_rest_installed_with_skip(index: Index, prefix: Path) -> None:
    lock = demo(index)
    flash = entry_of(
        make_sdist(index.directory, "flash-attn", "2.8.3.post2"),
        f"{index.root}/files",
        build=True,
        depends=["lib"],
    )
    lock = locked(*lock.packages, flash, python=HERE)
    with pytest.raises(Refused) as caught:
        put(lock, prefix)
    assert caught.value.message == "flash-attn must be compiled, and nothing is compiled now"
    assert caught.value.hints == ("install the rest with --skip flash-attn",)
    assert not prefix.parent.exists()
    report = put(lock, prefix, skip=frozenset({"flash-attn"}))
    assert report.plan.skipped == ("flash-attn",)
    assert run(prefix, "import importlib.util; print(importlib.util.find_spec('flash_attn'))") == "None"


def test_a_skipped_package_is_left_out_and_nothing_points_at_it(index: Index, prefix: Path) -> None:
    put(demo(index), prefix, skip=frozenset({"src"}))
    installed = read_lock(prefix / "pylock.toml")
    assert [package.name for package in installed.packages] == ["app", "lib"]
    assert installed.packages[0].dependencies == [{"name": "lib"}]
    assert run(prefix, "import importlib.util; print(importlib.util.find_spec('src'))") == "None"


def test_an_empty_lock_is_an_environment_too(prefix: Path) -> None:
    put(locked(python=HERE), prefix)
    assert run(prefix, "print('here')") == "here"


def test_a_refusal_carries_its_reasons_and_touches_nothing(prefix: Path) -> None:
    lock = locked(
        entry("demo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"),
        entry("new-1.0-cp311-cp311-manylinux_2_39_x86_64.whl"),
    )
    with pytest.raises(Refused, match="the lock does not run on this machine") as caught:
        put(lock, prefix)
    assert [item.packages for item in caught.value.reasons] == [("demo 1.0",), ("new 1.0",)]
    assert list(caught.value.details) == ["demo 1.0", "new 1.0"]
    assert not prefix.parent.exists()


def test_the_environment_moves_with_the_directory_above(index: Index, prefix: Path) -> None:
    put(demo(index), prefix)
    moved = prefix.parent.with_name("moved")
    prefix.parent.rename(moved)
    assert run(moved / "asr", "import app; print(app.__version__)") == "1.0"


def test_old_source_distributions_find_pkg_resources(prefix: Path, index: Index) -> None:
    put(demo(index), prefix)
    assert (prefix / "build-constraints.txt").read_text() == "setuptools<82\n"


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (["error: Failed to install: x.whl", "  cause: No space left on device (os error 28)"], FileError),
        (["error: Failed to build `x`", "  No space left on device"], FileError),
        (
            ["  \N{MULTIPLICATION SIGN} Failed to download `x`", "  ╰─▶ error sending request for url"],
            SourceError,
        ),
        (["error: Failed to build `x`", "  cause: dns error"], InstallError),
        (["error: Failed to download and build `x`", "  cause: Git operation failed"], SourceError),
        (["Resolved", "error: something else"], InstallError),
        ([], InstallError),
    ],
)
def test_what_uv_says_becomes_the_right_error(lines: list[str], error: type[Exception]) -> None:
    from envfit.install.run_uv import _error

    assert type(_error("failed", lines, [])) is error
