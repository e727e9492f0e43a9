"""Versions, the switch, the journal, the lock, adopting and going back: with environments of two files each."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envfit.errors import FileError, InputError, InstallError, RefusalError, SourceError
from envfit.install import holding, switching
from envfit.install.environment import Environment
from envfit.install.holding import alone, is_held
from envfit.install.journal import Entry, Journal, Step
from envfit.install.recovery import interrupted, left_to_do
from envfit.install.replacement import replacement
from envfit.install.rollback import roll_back, versions_of


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk of this machine, on which others write too."""
    monkeypatch.setattr("envfit.install.replacement.sync_file_system", lambda _: None)
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return tmp_path / "env"


def fill(directory: Path, version: str) -> None:
    """Make an environment, as far as anything here looks at it."""
    (directory / "bin").mkdir(parents=True)
    python = directory / "bin" / "python"
    python.write_text("#!/bin/sh\nexit 0\n")
    python.chmod(0o755)
    (directory / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (directory / "version").write_text(version)


def put(prefix: Path, version: str, **options) -> list[str]:
    told: list[str] = []
    with replacement(Environment.at(prefix), notify=told.append, **options) as new:
        fill(new.version, version)
        new.begin(Step.PROVE)
        new.put_in_place()
    return told


def is_version(prefix: Path) -> str:
    return (prefix / "version").read_text()


def left(prefix: Path) -> list[str]:
    """What is beside the prefix."""
    return sorted(path.name for path in Environment.at(prefix).versions.iterdir())


# -- going back ---------------------------------------------------------------


def test_a_rollback_goes_back_and_the_next_takes_that_back(prefix: Path) -> None:
    put(prefix, "one")
    put(prefix, "two")
    done = roll_back(prefix)
    assert (done.before, done.now, is_version(prefix)) == ("0002", "0001", "one")
    done = roll_back(prefix)
    assert (done.before, done.now, is_version(prefix)) == ("0001", "0002", "two")
    assert left(prefix) == ["0001", "0002", "history", "lock"]


def test_after_a_rollback_the_next_installation_keeps_the_one_that_was_in_use(prefix: Path) -> None:
    for version in ("one", "two"):
        put(prefix, version, keep=2)
    roll_back(prefix)
    put(prefix, "three")
    assert left(prefix) == ["0001", "0003", "history", "lock"]
    roll_back(prefix)
    assert is_version(prefix) == "one"


def test_versions_are_listed_the_one_in_use_first(prefix: Path) -> None:
    for version in ("one", "two", "three"):
        put(prefix, version, keep=5)
    found = versions_of(prefix)
    assert [(item.name, item.is_in_use, item.is_next) for item in found] == [
        ("0003", True, False),
        ("0002", False, True),
        ("0001", False, False),
    ]
    roll_back(prefix, to="0001")
    assert is_version(prefix) == "one"
    roll_back(prefix)
    assert is_version(prefix) == "three"


def test_where_there_is_nothing_to_go_back_to_it_says_so(prefix: Path) -> None:
    with pytest.raises(RefusalError, match="envfit made no environment at"):
        roll_back(prefix)
    put(prefix, "one")
    with pytest.raises(RefusalError, match="has no former version") as caught:
        roll_back(prefix)
    assert any("--keep" in hint for hint in caught.value.hints)
    with pytest.raises(InputError, match="has no former version 0007"):
        roll_back(prefix, to="0007")
    with pytest.raises(InputError, match="is the one in use"):
        roll_back(prefix, to="0001")
    assert is_version(prefix) == "one"
    assert not Environment.at(prefix.with_name("other")).versions.exists()


def test_a_version_whose_python_does_not_start_is_not_switched_to(prefix: Path) -> None:
    put(prefix, "one")
    put(prefix, "two")
    (prefix.parent / ".env.envfit" / "0001" / "bin" / "python").write_text(
        "#!/bin/sh\necho gone >&2\nexit 3\n"
    )
    with pytest.raises(InstallError, match="does not start: gone"):
        roll_back(prefix)
    assert is_version(prefix) == "two"
    assert left(prefix) == ["0001", "0002", "history", "lock"]


def test_keep_0_keeps_none(prefix: Path) -> None:
    put(prefix, "one")
    put(prefix, "two", keep=0)
    assert left(prefix) == ["0002", "history", "lock"]


# -- a directory that envfit did not make -------------------------------------


@pytest.fixture
def exchanges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the file system can have two names change places."""
    if not request.param:
        monkeypatch.setattr(switching, "_exchange", lambda *_: False)
    return bool(request.param)


@pytest.mark.parametrize("exchanges", [True, False], indirect=True)
def test_an_adopted_directory_comes_back_to_where_it_was(prefix: Path, exchanges: bool) -> None:
    fill(prefix, "mine")
    with pytest.raises(InstallError, match="left alone") as caught:
        put(prefix, "one")
    assert caught.value.hints[0].startswith("--adopt")
    put(prefix, "one", adopt=True)
    assert prefix.is_symlink()
    assert left(prefix) == ["0002", "adopted-0001", "history", "lock"]
    roll_back(prefix)
    assert not prefix.is_symlink()
    assert is_version(prefix) == "mine"
    assert left(prefix) == ["0002", "history", "lock"]
    assert [(item.name, item.path, item.was_adopted) for item in versions_of(prefix)] == [
        ("adopted-0001", prefix, True),
        ("0002", prefix.parent / ".env.envfit" / "0002", False),
    ]
    roll_back(prefix)
    assert is_version(prefix) == "one"
    for version in ("two", "three"):
        put(prefix, version)
    assert left(prefix) == ["0003", "0004", "adopted-0001", "history", "lock"]


@pytest.mark.parametrize("exchanges", [True, False], indirect=True)
def test_what_was_moved_back_is_adopted_again_only_if_that_is_said(prefix: Path, exchanges: bool) -> None:
    fill(prefix, "mine")
    put(prefix, "one", adopt=True)
    roll_back(prefix)
    with pytest.raises(InstallError, match="left alone"):
        put(prefix, "two")
    put(prefix, "two", adopt=True)
    assert is_version(prefix) == "two"
    roll_back(prefix)
    assert is_version(prefix) == "mine"


@pytest.mark.parametrize("exchanges", [True, False], indirect=True)
def test_a_failure_after_the_switch_brings_an_adopted_directory_back(prefix: Path, exchanges: bool) -> None:
    fill(prefix, "mine")
    told: list[str] = []
    with (
        pytest.raises(SourceError) as caught,
        replacement(Environment.at(prefix), adopt=True, notify=told.append) as new,
    ):
        fill(new.version, "one")
        new.put_in_place()
        assert is_version(prefix) == "one"
        raise SourceError("the last proof failed")
    assert not prefix.is_symlink()
    assert is_version(prefix) == "mine"
    assert told == [f"{prefix} is as it was"]
    assert any("same command again" in hint for hint in caught.value.hints)
    assert not Environment.at(prefix).versions.exists()


def test_what_is_no_environment_is_not_adopted(prefix: Path) -> None:
    prefix.mkdir()
    (prefix / "thesis.tex").write_text("")
    with pytest.raises(InstallError, match="--adopt takes virtual environments alone"):
        put(prefix, "one", adopt=True)
    (prefix / "conda-meta").mkdir()
    (prefix / "pyvenv.cfg").write_text("")
    with pytest.raises(InstallError, match="an environment of conda's"):
        put(prefix, "one", adopt=True)
    link = prefix.with_name("link")
    link.symlink_to(prefix)
    with pytest.raises(InstallError, match="conda"):
        put(link, "one", adopt=True)


# -- interrupted between any two operations ------------------------------------


class Stopped(BaseException):
    """As if the process were not there any more: nothing of envfit catches it for long."""


def stop_at(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop before the operation of that number, and let nothing be done after it."""
    done = 0

    def counted(function: Callable) -> Callable:
        def call(*arguments, **options):
            nonlocal done
            done += 1
            if done >= count:
                raise Stopped
            return function(*arguments, **options)

        return call

    for name in ("rename", "replace", "symlink_to", "unlink", "rmdir", "mkdir", "touch"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))
    monkeypatch.setattr(switching, "_exchange", counted(switching._exchange))


def install_again(prefix: Path) -> None:
    put(prefix, "new", adopt=True)


STATES: dict[str, tuple[Callable[[Path], object], str | None]] = {
    "nothing": (lambda _: None, None),
    "an empty directory": (Path.mkdir, None),
    "a version": (lambda prefix: put(prefix, "old"), "old"),
    "a directory": (lambda prefix: fill(prefix, "old"), "old"),
}


@pytest.mark.parametrize("exchanges", [True, False], indirect=True)
@pytest.mark.parametrize("state", STATES)
def test_whenever_it_stops_the_next_run_finds_one_version_or_the_other(
    tmp_path: Path, state: str, exchanges: bool
) -> None:
    make, before = STATES[state]
    for count in range(1, 60):
        prefix = tmp_path / str(count) / "env"
        prefix.parent.mkdir()
        make(prefix)
        with pytest.MonkeyPatch.context() as patch:
            if not exchanges:
                patch.setattr(switching, "_exchange", lambda *_: False)
            stop_at(count, patch)
            try:
                install_again(prefix)
                break
            except Stopped:
                pass
        is_there = (prefix / "version").exists()
        # Only without an exchange is there a moment with nothing at the prefix of a directory.
        assert is_there or before is None or (state == "a directory" and not exchanges)
        if is_there:
            assert is_version(prefix) in {before, "new"}
        was_switched = is_there and is_version(prefix) == "new"
        install_again(prefix)
        assert is_version(prefix) == "new"
        assert interrupted(Environment.at(prefix)) is None
        names = [name for name in left(prefix) if name not in {"history", "lock"}]
        assert len(names) == 1 + (before is not None or was_switched) + (
            state == "a directory" and was_switched
        )
        if before is not None and not was_switched:
            roll_back(prefix)
            assert is_version(prefix) == before
    else:
        pytest.fail("it never came to its end")
    assert count > 12


@pytest.mark.parametrize("adopted", [True, False])
def test_whenever_a_rollback_stops_the_next_one_works(tmp_path: Path, adopted: bool) -> None:
    for count in range(1, 40):
        prefix = tmp_path / str(count) / "env"
        prefix.parent.mkdir()
        if adopted:
            fill(prefix, "old")
        else:
            put(prefix, "old")
        put(prefix, "new", adopt=True)
        with pytest.MonkeyPatch.context() as patch:
            stop_at(count, patch)
            try:
                roll_back(prefix)
                break
            except Stopped:
                pass
        now = is_version(prefix)
        roll_back(prefix)
        assert is_version(prefix) == {"old": "new", "new": "old"}[now]
        roll_back(prefix)
        assert is_version(prefix) == now
        assert not (Environment.at(prefix).versions / "journal").exists()
    else:
        pytest.fail("it never came to its end")
    assert count > 4


def test_what_was_interrupted_is_told(prefix: Path) -> None:
    put(prefix, "one")
    environment = Environment.at(prefix)
    fill(environment.versions / "0002", "half")
    entry = Entry(step=Step.MAKE, version="0002", former="0001", begun="2026-11-28 00:00:00 UTC")
    Journal(directory=environment.versions).write(entry)
    assert interrupted(environment) == entry
    assert left_to_do(prefix) == (
        f"the installation of 2026-11-28 00:00:00 UTC into {prefix} was interrupted while its files were put in "
        "place: what it made is given up; the next envfit install or rollback there ends that"
    )
    assert [item.name for item in versions_of(prefix)] == ["0001"]
    told = put(prefix, "three")
    assert "was interrupted while its files were put in place" in told[0]
    # The number is not used again: a uv whose envfit was killed may still write there.
    assert left(prefix) == ["0001", "0003", "history", "lock"]
    assert left_to_do(prefix) is None


def test_an_unreadable_journal_is_that_of_nobody(prefix: Path) -> None:
    put(prefix, "one")
    (Environment.at(prefix).versions / "journal").write_text("{")
    assert left_to_do(prefix) is None
    put(prefix, "two")
    assert is_version(prefix) == "two"
    assert not (Environment.at(prefix).versions / "journal").exists()


# -- what the operating system refuses ----------------------------------------


@pytest.mark.parametrize(
    ("number", "hint"),
    [(errno.ENOSPC, "make room"), (errno.EROFS, "mount it for writing"), (errno.EACCES, "you may write")],
)
def test_a_refusal_of_the_system_says_what_to_do(
    prefix: Path, monkeypatch: pytest.MonkeyPatch, number: int, hint: str
) -> None:
    put(prefix, "one")

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number), str(prefix))

    monkeypatch.setattr(Path, "symlink_to", refuse)
    with pytest.raises(FileError, match="cannot install into") as caught:
        put(prefix, "two")
    assert hint in caught.value.hints[0]
    monkeypatch.undo()
    assert is_version(prefix) == "one"
    assert left(prefix) == ["0001", "history", "lock"]


# -- one at a time ------------------------------------------------------------

WITHOUT_LOCKS = [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS]


def _without_locks(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_two_at_once_do_not_mix(prefix: Path) -> None:
    put(prefix, "one")
    versions = Environment.at(prefix).versions
    assert not is_held(versions)
    with alone(versions, prefix):
        assert is_held(versions)
        for do in (lambda: put(prefix, "two"), lambda: roll_back(prefix)):
            with pytest.raises(InstallError, match="another envfit is installing"):
                do()
        assert interrupted(Environment.at(prefix)) is None
    put(prefix, "two")


@pytest.mark.parametrize("number", WITHOUT_LOCKS)
def test_a_file_system_without_locks_gets_a_file_that_says_who(
    prefix: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    _without_locks(number, monkeypatch)
    put(prefix, "one")
    versions = Environment.at(prefix).versions
    with alone(versions, prefix):
        assert is_held(versions)
        with pytest.raises(InstallError, match="another envfit is installing") as caught:
            put(prefix, "two")
        assert f"process {os.getpid()} on " in caught.value.hints[0]
    assert left(prefix) == ["0001", "history", "lock"]


def test_a_holder_that_is_gone_holds_nothing(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _without_locks(errno.ENOLCK, monkeypatch)
    put(prefix, "one")
    holder = Environment.at(prefix).versions / "holder"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = {"host": holding.socket.gethostname(), "start": "1"}
    for pid in (ended.pid, os.getpid()):  # the second: its number, and another process
        holder.write_text(json.dumps({**here, "pid": pid}))
        put(prefix, "two")
    holder.write_text(json.dumps({"host": "another", "pid": ended.pid, "start": "1"}))
    with pytest.raises(InstallError, match="another envfit is installing") as caught:
        put(prefix, "three")
    assert "if that has ended for sure, remove the file" in caught.value.hints[0]


def test_a_lock_that_takes_a_handle_for_writing_is_had(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = fcntl.flock

    def as_on_nfs(handle: int, operation: int) -> None:
        if operation & fcntl.LOCK_EX and fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        real(handle, operation)

    monkeypatch.setattr(fcntl, "flock", as_on_nfs)
    put(prefix, "one")
    with alone(Environment.at(prefix).versions, prefix), pytest.raises(InstallError, match="another envfit"):
        put(prefix, "two")
