"""A lock on disk: only over locks, in one step, with nothing left behind."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from packaging.pylock import Pylock

from envfit.errors import FileError, LockError
from envfit.lock.file import check_writable, lock_text, read_lock, write_lock
from envfit.lock.reading import parse_lock


def a_lock(created_by: str = "envfit") -> Pylock:
    return parse_lock({"lock-version": "1.0", "created-by": created_by, "packages": []}, "a test")


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "pylock.toml"
    write_lock(a_lock(), path)
    assert path.read_text(encoding="utf-8") == lock_text(a_lock())
    assert lock_text(read_lock(path)) == lock_text(a_lock())
    assert names(tmp_path) == ["pylock.toml"]


def test_a_lock_replaces_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "pylock.v100.toml"
    write_lock(a_lock("other"), path)
    write_lock(a_lock(), path)
    assert read_lock(path).created_by == "envfit"


@pytest.mark.parametrize(
    "name", ["lock.toml", "pylock.a.b.toml", "pylock.txt", "requirements.txt", "pylock..toml"]
)
def test_a_name_that_is_none_for_a_lock_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LockError, match="is not a name for a lock"):
        write_lock(a_lock(), tmp_path / name)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "content", [b"", b"[project]\nname = 'x'\n", b"no toml", b"\xff\xfe", b"lock-version = '1.0'\n"]
)
def test_a_file_that_is_no_lock_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pylock.toml"
    path.write_bytes(content)
    with pytest.raises(LockError, match="left alone"):
        write_lock(a_lock(), path)
    assert path.read_bytes() == content
    assert names(tmp_path) == ["pylock.toml"]


def test_a_place_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="is not a directory"):
        check_writable(tmp_path / "nowhere" / "pylock.toml")
    (tmp_path / "pylock.toml").mkdir()
    with pytest.raises(FileError, match="it is a directory"):
        check_writable(tmp_path / "pylock.toml")


def no_space(*_: object, **__: object) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("module", "name"),
    [(Path, "replace"), (os, "fsync")],
    ids=["replace", "fsync"],
)
@pytest.mark.parametrize("exists", [True, False])
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, exists: bool
) -> None:
    path = tmp_path / "pylock.toml"
    if exists:
        write_lock(a_lock("other"), path)
    with monkeypatch.context() as full:
        full.setattr(module, name, no_space)
        with pytest.raises(FileError, match=r"cannot write .*No space left on device"):
            write_lock(a_lock(), path)
    assert names(tmp_path) == (["pylock.toml"] if exists else [])
    if exists:
        assert read_lock(path).created_by == "other"


def test_an_interrupted_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_lock(a_lock(), tmp_path / "pylock.toml")
    assert names(tmp_path) == []


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_the_mode_is_that_of_an_ordinary_file(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_lock(a_lock(), tmp_path / "pylock.toml")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert (tmp_path / "pylock.toml").stat().st_mode & 0o777 == mode


def test_a_lock_in_the_working_directory_needs_no_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_lock(a_lock(), Path("pylock.toml"))
    assert read_lock(Path("pylock.toml")).created_by == "envfit"


def test_a_file_that_cannot_be_read_is_a_fault_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot read .*No such file") as missing:
        read_lock(tmp_path / "pylock.toml")
    assert missing.value.hints == ("envfit lock NAME makes a lock; -o says where",)
    with pytest.raises(FileError, match="cannot read") as directory:
        read_lock(tmp_path)
    assert directory.value.hints == ("name the lock in it, such as pylock.toml",)
