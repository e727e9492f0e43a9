"""Bad input and a failing outside: a clear error, the right exit code, and nothing written."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.loopback import Index

V100 = ("--gpu", "V100")
NONE = ("--gpu", "none")


@pytest.fixture(autouse=True)
def _nothing_is_written(envfit: CommandLine) -> Iterator[None]:
    """Whatever went wrong, no lock and no temporary file lies in the directory."""
    yield
    assert [name for name in envfit.files() if name.startswith((".", "pylock"))] == []


# -- wrong usage or input: 2 --------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("no-such-name",), ["no-such-name", "you ask for no-such-name (the command line)"]),
        (("torch", "no-such-name", "nor-this"), ["no-such-name, nor-this"]),
        (("torch=2.10",), ["the command line: 'torch=2.10'", "torch==2.10"]),
        (("torch>>2",), ["'torch>>2' is not a requirement"]),
        (("torch; python_version",), ["is not a requirement"]),
        (("https://index.example/torch.whl",), ["has no name that a wheel can have"]),
        (("-r", "pyproject.toml", "--extra", "docs"), ["pyproject.toml"]),
        (("torch", "--provided", "torch==not a version"), ["torch"]),
        (("torch", "--exclude-newer", "yesterday"), ["'yesterday' is not a date", "2026-01-31"]),
        (("torch", "--ignore-rule", "no/such"), ["no rule 'no/such'"]),
        (("torch", "--python", "4.1"), ["unknown Python '4.1'", "3.11"]),
        (("torch", "--glibc", "new"), ["'new' is not a glibc version", "2.28"]),
        (("torch", "--platform", "windows"), ["unknown platform 'windows'", "linux-x86_64"]),
    ],
)
def test_malformed_words_are_named(envfit: CommandLine, words: tuple[str, ...], said: list[str]) -> None:
    code = 3 if "-r" in words else 2  # the file is not there
    answer = envfit("lock", *words, *V100, code=code)
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    for text in said:
        assert text in answer.err


@pytest.mark.parametrize(
    ("gpu", "near"), [("V1000", "V100"), ("RTX 5900", "RTX 5090"), ("GTX 1080Ti Super", "GTX 1080 Ti")]
)
def test_an_unknown_gpu_is_answered_with_the_nearest_names(envfit: CommandLine, gpu: str, near: str) -> None:
    answer = envfit("lock", "torch", "--gpu", gpu, code=2)
    assert f"unknown GPU {gpu!r}" in answer.err
    (hint,) = [line for line in answer.err.splitlines() if "nearest names" in line]
    assert near in hint.partition("nearest names: ")[2].split(", ")


@pytest.mark.parametrize("driver", ["5x", "v580", "580.95.05.1", "580,95", "12.8", "99", ""])
def test_a_malformed_driver_is_answered_with_what_one_looks_like(envfit: CommandLine, driver: str) -> None:
    answer = envfit("lock", "torch", *V100, "--driver", driver, code=2)
    assert repr(driver) in answer.err
    assert "580" in answer.err


@pytest.mark.parametrize("gpus", [("none", "V100"), ("auto", "V100"), ("none", "auto")])
def test_gpus_that_exclude_each_other_are_refused(envfit: CommandLine, gpus: tuple[str, ...]) -> None:
    words = [word for gpu in gpus for word in ("--gpu", gpu)]
    assert "cannot be combined" in envfit("lock", "torch", *words, code=2).err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[project\n", ["pyproject.toml line 1", "not TOML"]),
        ('[project]\ndependencies = "torch"\n', ["pyproject.toml project.dependencies"]),
        ('[project]\ndependencies = ["torch =="]\n', ["'torch =='", "is not a requirement"]),
        ('[project]\ndependencies = ["torch"]\n[tool.envfit]\ngpus = "V100"\n', ["tool.envfit.gpus", "gpu?"]),
        ('[project]\ndependencies = ["torch"]\n[tool.envfit]\nconcede = "some"\n', ["concede", "minor"]),
        ("[project]\nname = 'x'\n", ["asks for no package"]),
    ],
)
def test_a_malformed_pyproject_is_named_by_place(envfit: CommandLine, text: str, said: list[str]) -> None:
    (envfit.cwd / "pyproject.toml").write_text(text)
    answer = envfit("lock", *V100, code=2)
    for word in said:
        assert word in answer.err
    assert envfit.files() == {"pyproject.toml"}


def test_every_fault_of_a_file_is_told_at_once(envfit: CommandLine) -> None:
    (envfit.cwd / "pyproject.toml").write_text(
        '[project]\ndependencies = ["torch =="]\n[tool.envfit]\nconcede = "some"\npre = 1\n'
    )
    answer = envfit("lock", *V100, code=2)
    for word in ("torch ==", "concede", "tool.envfit.pre"):
        assert word in answer.err


def test_a_requirements_file_is_named_by_line(envfit: CommandLine) -> None:
    (envfit.cwd / "requirements.txt").write_text("plain\n\n# more\ntorch==\n")
    answer = envfit("lock", "-r", "requirements.txt", *V100, code=2)
    assert "requirements.txt line 4" in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lock", "torch", "--gup", "V100"), "--gpu"),
        (("lock", "torch", "--concede", "some"), "some"),
        (("install", "--prefix"), "--prefix"),
        (("lokc", "torch"), "lokc"),
        (("export", "--format", "conda-lock"), "formats: requirements, constraints, conda, uv"),
    ],
)
def test_a_typo_is_wrong_usage(envfit: CommandLine, words: tuple[str, ...], said: str) -> None:
    answer = envfit(*words, code=2)
    assert answer.out == ""
    assert said in answer.err


def test_nothing_to_lock_comes_with_a_hint(envfit: CommandLine) -> None:
    answer = envfit("lock", code=2)
    assert "there is no pyproject.toml" in answer.err
    assert "hint: " in answer.err
    assert "envfit lock torch" in answer.err


def test_envfit_alone_shows_what_it_can(envfit: CommandLine) -> None:
    answer = envfit(code=2)
    assert "Usage: envfit" in answer.out + answer.err


# -- the outside fails: 3 -----------------------------------------------------


@pytest.mark.parametrize(
    "name", ["missing.txt", "missing.toml", "pyproject.toml", "environment.yml", "folder"]
)
def test_a_file_that_cannot_be_read_is_named(envfit: CommandLine, name: str) -> None:
    if name == "folder":
        (envfit.cwd / name).mkdir()
    code = 2 if name == "missing.toml" else 3  # no such TOML file is read at all
    answer = envfit("lock", "-r", name, *V100, code=code)
    assert name in answer.err


def test_a_lock_that_is_not_there_is_named(envfit: CommandLine) -> None:
    for words in (("install", "pylock.toml"), ("export",)):
        assert "cannot read pylock.toml" in envfit(*words, code=3).err
    assert "no pylock.toml" in envfit("install", code=2).err


def test_without_network_the_index_is_named(envfit: CommandLine) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/simple/"
    answer = envfit("lock", "torch", *V100, "--index-url", url, code=3)
    assert url in answer.err
    assert "could not be reached" in answer.err


def test_offline_with_an_empty_cache_says_so(envfit: CommandLine, index: Index) -> None:
    answer = envfit("lock", "torch", *V100, "--offline", code=3)
    assert "offline" in answer.err
    assert index.log == []


@pytest.mark.parametrize(
    "page",
    [
        ("text/html", b"<html><body>Please log in to the wireless network</body></html>"),
        ("application/vnd.pypi.simple.v1+json", b"{"),
        ("application/vnd.pypi.simple.v1+json", b'{"files": 7}'),
        ("application/vnd.pypi.simple.v1+json", b"[]"),
        ("image/png", b"\x89PNG"),
    ],
)
def test_an_index_that_returns_garbage_is_named(
    envfit: CommandLine, index: Index, page: tuple[str, bytes]
) -> None:
    index.bodies["/simple/torch/"] = page
    answer = envfit("lock", "torch", *V100, code=3)
    assert f"{index.url}torch/" in answer.err


def test_an_index_directory_that_is_not_there_is_named(envfit: CommandLine) -> None:
    answer = envfit("lock", "torch", *V100, "--index-url", "no/such/directory", code=3)
    assert "no/such/directory" in answer.err


def test_an_index_that_fails_is_named_with_its_status(envfit: CommandLine, index: Index) -> None:
    index.statuses["/simple/torch/"] = 503
    answer = envfit("lock", "torch", *V100, code=3)
    assert f"{index.url}torch/" in answer.err
    assert "503" in answer.err


def _full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("function", ["Path.replace", "os.fsync"])
def test_a_full_disk_leaves_the_old_lock(
    envfit: CommandLine, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    envfit("lock", "plain==1.0", *NONE, "-o", "pylock.toml")
    path = envfit.cwd / "pylock.toml"
    before = path.read_bytes()
    with monkeypatch.context() as full:
        # The cache is warm, so that the lock is all that is written.
        full.setattr("envfit.lock.file." + function, _full)
        answer = envfit("lock", "plain==2.0", *NONE, code=3)
    assert "pylock.toml" in answer.err
    assert "No space left on device" in answer.err
    assert envfit.files() == {"pylock.toml"}
    assert path.read_bytes() == before
    path.unlink()


def test_a_directory_that_is_not_there_is_named(envfit: CommandLine, index: Index) -> None:
    answer = envfit("lock", "plain", *NONE, "-o", "nowhere/pylock.toml", code=3)
    assert "nowhere" in answer.err
    assert index.log == []


def test_a_cache_that_cannot_be_written_is_no_error(
    envfit: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ENVFIT_CACHE_DIR", str(tmp_path / "file" / "cache"))
    answer = envfit("lock", "plain", *NONE)
    assert "cache" in answer.err
    (envfit.cwd / "pylock.toml").unlink()


# -- it cannot be: 1 ----------------------------------------------------------


def test_a_dependency_that_no_index_has_is_a_refusal_with_the_reason(envfit: CommandLine) -> None:
    answer = envfit("lock", "needs-nowhere", *NONE, code=1)
    assert "needs-nowhere 1.0: it requires nowhere>=1" in answer.err
    assert "no index in use has nowhere" in answer.err


def test_requirements_that_exclude_each_other_are_both_named(envfit: CommandLine) -> None:
    answer = envfit("lock", "plain<2", "plain>=2", "lib", *NONE, code=1)
    assert "plain<2" in answer.err
    assert "plain>=2" in answer.err
    assert "you ask for lib" not in answer.err


def test_a_version_that_does_not_exist_is_answered_with_those_that_do(envfit: CommandLine) -> None:
    answer = envfit("lock", "plain==3.0", *NONE, code=1)
    assert "plain==3.0" in answer.err
    assert "2.0" in answer.err.replace("plain==3.0", "")


# -- interrupted: 130 ---------------------------------------------------------


@pytest.mark.parametrize(
    "function", ["envfit.api.lock", "envfit.api.solving.resolve", "envfit.api.locking.write_lock"]
)
def test_an_interrupt_ends_with_130(
    envfit: CommandLine, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(function, interrupt)
    answer = envfit("lock", "torch", *V100, code=130)
    assert answer.err.endswith("interrupted\n")
    assert answer.out == ""
