"""The lock as a file: locked again, checked, named, and the same on every machine."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

import pytest

from envfit import api
from tests.cli.conftest import CommandLine
from tests.loopback import Index, make_wheel

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

V100 = ("--gpu", "V100", "--driver", "580.95.05")


def document(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def versions(path: Path) -> dict[str, str]:
    return {item["name"]: item["version"] for item in document(path)["packages"]}


@pytest.fixture
def own(bare_envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line with an index of its own that has app and lib."""
    monkeypatch.setenv("PIP_INDEX_URL", own_index.url)
    own_index.cache_control = "max-age=0"  # else an answer counts as new for some minutes
    make_wheel(own_index.directory, "app", "1.0", requires=["lib"])
    make_wheel(own_index.directory, "lib", "1.0")
    bare_envfit("lock", "app", "--gpu", "none")
    return bare_envfit


def release(index: Index, *, app: str | None = "2.0", lib: str | None = "2.0") -> None:
    """Upload newer releases."""
    if app is not None:
        make_wheel(index.directory, "app", app, requires=["lib"])
    if lib is not None:
        make_wheel(index.directory, "lib", lib)


# -- locked again -------------------------------------------------------------


def test_locking_again_keeps_the_versions(own: CommandLine, own_index: Index) -> None:
    before = (own.cwd / "pylock.toml").read_bytes()
    release(own_index)
    answer = own("lock", "app", "--gpu", "none")
    assert "pylock.toml is unchanged" in answer.out
    assert (own.cwd / "pylock.toml").read_bytes() == before


def test_upgrade_takes_the_newest(own: CommandLine, own_index: Index) -> None:
    release(own_index)
    answer = own("lock", "app", "--gpu", "none", "--upgrade")
    assert "wrote pylock.toml" in answer.out
    assert versions(own.cwd / "pylock.toml") == {"app": "2.0", "lib": "2.0"}


def test_upgrade_package_takes_the_newest_of_that_one(own: CommandLine, own_index: Index) -> None:
    release(own_index)
    own("lock", "app", "--gpu", "none", "--upgrade-package", "LIB")
    assert versions(own.cwd / "pylock.toml") == {"app": "1.0", "lib": "2.0"}


def test_a_version_that_is_gone_or_no_longer_wanted_is_replaced(own: CommandLine, own_index: Index) -> None:
    release(own_index)
    own("lock", "app>=2", "--gpu", "none")
    assert versions(own.cwd / "pylock.toml") == {"app": "2.0", "lib": "1.0"}
    (own_index.directory / "lib-1.0-py3-none-any.whl").unlink()
    own("lock", "app>=2", "--gpu", "none")
    assert versions(own.cwd / "pylock.toml") == {"app": "2.0", "lib": "2.0"}


def test_locking_again_keeps_the_target(envfit: CommandLine) -> None:
    envfit("lock", "torch", *V100, "--glibc", "2.31", "--python", "3.11.5")
    path = envfit.cwd / "pylock.toml"
    target = document(path)["tool"]["envfit"]["target"]
    answer = envfit("lock", "torch", "plain")
    assert answer.err.startswith(
        "for the target of the existing lock: V100 (capability 7.0), driver 580.95.05"
    )
    assert versions(path)["torch"] == "2.10.0"
    assert document(path)["tool"]["envfit"]["target"] == target


def test_a_gpu_that_is_named_replaces_the_target_of_the_lock(envfit: CommandLine) -> None:
    envfit("lock", "torch", *V100)
    envfit("lock", "torch", "--gpu", "GTX 1080 Ti")
    assert versions(envfit.cwd / "pylock.toml")["torch"] == "2.7.1"


def test_a_driver_alone_says_nothing_of_which_gpu(envfit: CommandLine) -> None:
    answer = envfit("lock", "plain", "--driver", "580.95.05", code=2)
    assert "--driver" in answer.err
    assert envfit.files() == set()


def test_provided_packages_and_options_are_not_lost_when_locking_again(envfit: CommandLine) -> None:
    envfit("lock", "plain", "--gpu", "none", "--provided", "lib==1.0")
    assert "lib" not in versions(envfit.cwd / "pylock.toml")
    envfit("lock", "plain")
    assert "lib" not in versions(envfit.cwd / "pylock.toml")


TARGETS = [
    ("torch", *V100),  # held back by its GPU code, and a hint names another index
    ("torch", *V100, "--if-supported", "flash-attn"),
    ("torch", "--gpu", "A100", "--driver", "580.95.05", "--if-supported", "flash-attn"),
    ("torch", "torchaudio", *V100),
    ("plain<2", "--gpu", "none"),
]


@pytest.mark.parametrize("words", TARGETS)
def test_locking_again_at_once_changes_nothing(envfit: CommandLine, words: tuple[str, ...]) -> None:
    first = envfit("lock", *words)
    before = (envfit.cwd / "pylock.toml").read_text()
    again = envfit("lock", *words)
    assert (envfit.cwd / "pylock.toml").read_text() == before
    assert "pylock.toml is unchanged" in again.out
    for line in first.err.splitlines():
        if line.startswith(("why not newer", "hint", "left out")):
            assert line in again.err


@pytest.mark.parametrize("words", TARGETS)
def test_a_lock_is_not_stale_at_once(envfit: CommandLine, words: tuple[str, ...]) -> None:
    envfit("lock", *words)
    envfit("lock", *words, "--check")


# -- checked ------------------------------------------------------------------


def test_check_of_a_fresh_lock_ends_with_0_and_writes_nothing(own: CommandLine, own_index: Index) -> None:
    path = own.cwd / "pylock.toml"
    before = path.read_bytes(), path.stat().st_mtime_ns
    release(own_index)  # newer releases make no lock stale
    answer = own("lock", "app", "--check")
    assert "pylock.toml is up to date" in answer.out
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_check_of_a_stale_lock_ends_with_1_and_writes_nothing(own: CommandLine, own_index: Index) -> None:
    release(own_index)
    path = own.cwd / "pylock.toml"
    before = path.read_bytes()
    answer = own("lock", "app>=2", "--check", code=1)
    assert "pylock.toml is stale" in answer.out
    assert path.read_bytes() == before
    assert own("lock", "app>=2", "--check", "--json", code=1).data["changed"] is True


def test_check_without_a_lock_ends_with_1_and_writes_nothing(envfit: CommandLine) -> None:
    envfit("lock", "plain", "--gpu", "none", "--check", code=1)
    assert envfit.files() == set()


# -- names --------------------------------------------------------------------


def test_a_named_target_has_a_lock_of_its_own(envfit: CommandLine) -> None:
    envfit("lock", "torch", *V100, "--target", "Node.V100")
    envfit("lock", "torch", "--gpu", "none")
    assert envfit.files() == {"pylock.node-v100.toml", "pylock.toml"}
    assert versions(envfit.cwd / "pylock.node-v100.toml")["torch"] == "2.10.0"
    answer = envfit("lock", "torch", "--target", "Node.V100")
    assert "V100" in answer.err
    assert "pylock.node-v100.toml is unchanged" in answer.out


def test_the_output_may_be_named(envfit: CommandLine) -> None:
    (envfit.cwd / "locks").mkdir()
    envfit("lock", "plain", "--gpu", "none", "-o", "locks/pylock.cluster.toml")
    assert envfit.files() == {"locks"}
    assert versions(envfit.cwd / "locks" / "pylock.cluster.toml")["plain"] == "2.0"


@pytest.mark.parametrize("name", ["requirements.txt", "my.lock.toml", "pylock.a.b.toml", "pylock..toml"])
def test_a_name_that_is_not_one_of_a_lock_is_refused(envfit: CommandLine, name: str) -> None:
    answer = envfit("lock", "plain", "--gpu", "none", "-o", name, code=2)
    assert "pylock.NAME.toml" in answer.err
    assert envfit.files() == set()


@pytest.mark.parametrize("name", ["a/b", ""])
def test_a_target_cannot_be_called_what_no_lock_can(envfit: CommandLine, name: str) -> None:
    envfit("lock", "plain", "--gpu", "none", "--target", name, code=2)
    assert envfit.files() == set()


@pytest.mark.parametrize(
    "text", ["notes of mine\n", "[project]\nname = 'x'\n", "lock-version = '1.0'\n", "\0"]
)
def test_a_file_that_is_not_a_lock_is_left_alone(envfit: CommandLine, index: Index, text: str) -> None:
    path = envfit.cwd / "pylock.toml"
    path.write_text(text)
    answer = envfit("lock", "plain", "--gpu", "none", code=2)
    assert "pylock.toml" in answer.err
    assert "left alone" in answer.err
    assert path.read_text() == text
    assert index.log == []


# -- the same everywhere ------------------------------------------------------


def test_the_lock_does_not_depend_on_cache_machine_or_python(
    envfit: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("lock", "torch", "plain", *V100, "--if-supported", "flash-attn")
    path = envfit.cwd / "pylock.toml"
    envfit(*words)
    first = path.read_bytes()

    path.unlink()
    envfit(*words)  # from the cache
    assert path.read_bytes() == first

    path.unlink()
    monkeypatch.setenv("ENVFIT_CACHE_DIR", str(tmp_path / "another-cache"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("CONDA_OVERRIDE_CUDA", "11.8")
    monkeypatch.setenv("CONDA_OVERRIDE_GLIBC", "2.17")
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.1")
    monkeypatch.setattr(platform, "libc_ver", lambda *_: ("glibc", "2.99"))
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    envfit(*words)
    assert path.read_bytes() == first


def test_the_lock_says_nothing_of_the_machine_that_made_it(
    envfit: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: Index
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", index.url.replace("//", "//user:secret@"))
    envfit("lock", "torch", "--python", "3.11", "--gpu", "none")
    text = (envfit.cwd / "pylock.toml").read_text()
    for word in ("secret", "user:", str(tmp_path), platform.node() or "no-name"):
        assert word not in text
    assert sys.version.split()[0] == "3.11.18" or sys.version.split()[0] not in text


def test_without_tool_a_lock_is_installed_all_the_same(envfit: CommandLine) -> None:
    envfit("lock", "torch", *V100, "--if-supported", "flash-attn")
    machine = ("--gpu", "V100", "--driver", "580.95.05", "--dry-run", "--json")
    path = envfit.cwd / "pylock.toml"
    whole = envfit("install", *machine).data
    text = path.read_text()
    path.write_text(text[: text.index("[tool.envfit]")])
    assert "tool" not in document(path)
    assert envfit("install", *machine).data == whole
    wrong = ("--gpu", "GTX 1080 Ti", "--dry-run", "--json")
    refused = envfit("install", *wrong, code=1).data
    path.write_text(text)
    assert envfit("install", *wrong, code=1).data == refused


def test_a_lock_whose_target_table_is_malformed_is_said(envfit: CommandLine) -> None:
    envfit("lock", "torch", *V100)
    path = envfit.cwd / "pylock.toml"
    path.write_text(path.read_text().replace('platform = "linux-x86_64"', "platform = 7"))
    before = path.read_text()
    answer = envfit("lock", "torch", code=2)
    assert "tool.envfit.target" in answer.err
    assert path.read_text() == before


def test_knowledge_is_named_in_the_lock(envfit: CommandLine) -> None:
    envfit("lock", "torch", *V100)
    told = document(envfit.cwd / "pylock.toml")["tool"]["envfit"]
    assert told["knowledge"] == api.knowledge().version
    assert told["requirements"] == ["torch"]
    assert told["contract"].endswith("linux x86_64")
    assert [item["name"] for item in told["target"]["facts"] if item.get("assumed")] == ["__glibc"]
    assert told["why-not-newer"][0]["rule"] == "torch/device-code"


def test_the_lock_is_a_standard_one(envfit: CommandLine) -> None:
    envfit("lock", "torch", *V100)
    data = document(envfit.cwd / "pylock.toml")
    assert data["lock-version"] == "1.0"
    assert data["requires-python"] == "==3.11.*"
    assert len(data["environments"]) == 1
    for package in data["packages"]:
        (wheel,) = package["wheels"]
        assert set(wheel["hashes"]) == {"sha256"}
        assert wheel["size"] > 0
        assert "upload-time" in wheel
        assert package["index"].endswith("/simple/")
    (torch,) = [item for item in data["packages"] if item["name"] == "torch"]
    assert [item["name"] for item in torch["dependencies"]] == ["filelock", "nvidia-cublas-cu12"]


def test_the_versions_of_a_lock_that_another_tool_wrote_are_kept(own: CommandLine, own_index: Index) -> None:
    entry = '[[packages]]\nname = "lib"\nversion = "1.0"\nindex = "{}"\nwheels = [{}]\n'
    wheel = '{{ url = "https://index.example/lib-1.0-{}-any.whl", hashes = {{ sha256 = "{}" }} }}'
    wheels = ", ".join(wheel.format(tag, "0" * 64) for tag in ("py2-none", "py3-none"))
    make_wheel(own_index.directory, "lib", "1.0")
    make_wheel(own_index.directory, "lib", "2.0")
    text = 'lock-version = "1.0"\ncreated-by = "uv"\n' + entry.format(own_index.url, wheels)
    (own.cwd / "pylock.toml").write_text(text, encoding="utf-8")
    assert "kept from the existing lock: lib" in own("lock", "lib", "--gpu", "none").err
    assert 'created-by = "envfit"' in (own.cwd / "pylock.toml").read_text()


def test_an_empty_lock_says_so(own: CommandLine, own_index: Index) -> None:
    make_wheel(own_index.directory, "lib", "1.0")
    said = own("lock", "lib; sys_platform == 'win32'", "--gpu", "none").err
    assert "note: the lock is empty: nothing is asked for on this target" in said
    said = own("lock", "lib", "--exclude", "lib", "--gpu", "none").err
    assert "note: the lock is empty: what is asked for is excluded" in said
