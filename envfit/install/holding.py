"""Holding an environment: one run at a time may change it.

The kernel's lock ends with whoever holds it, however he ends.  A file system without locks (some
network ones) gets a file instead that says who holds it; one whose holder is gone counts for nothing.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from envfit.errors import InstallError

__all__ = ["alone", "is_held"]

_LOCK = "lock"
_HOLDER = "holder"


@contextlib.contextmanager
def alone(directory: Path, prefix: Path) -> Iterator[None]:
    """Hold the environment whose versions are in a directory, which is made where it is not there.

    Raises InstallError where somebody else holds it, OSError where the directory cannot be written.
    """
    handle = _locked(directory, prefix)
    try:
        if handle is None:
            with _holding(directory / _HOLDER, prefix):
                yield
        else:
            yield
    finally:
        if handle is not None:
            os.close(handle)


def is_held(directory: Path) -> bool:
    """Tell whether somebody holds an environment at this moment."""
    holder = _read_holder(directory / _HOLDER)
    if holder is not None:
        return not _is_gone(holder)
    try:
        handle = os.open(directory / _LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def _locked(directory: Path, prefix: Path) -> int | None:
    """Return the handle by which the lock is held; None on a file system without locks."""
    while True:
        directory.mkdir(parents=True, exist_ok=True)
        # Not for writing: a file that is open for writing keeps a file system from being made read-only.
        handle = os.open(directory / _LOCK, os.O_RDONLY | os.O_CREAT, 0o666)
        try:
            held = _flock(handle)
            if held is None:
                os.close(handle)
                handle = os.open(directory / _LOCK, os.O_RDWR)  # NFS: an exclusive lock is a writer's
                held = _flock(handle)
        except BlockingIOError as error:
            os.close(handle)
            raise _busy(prefix) from error
        if not held:
            os.close(handle)
            return None
        # Whoever held it last may have removed the directory with the lock in it.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), (directory / _LOCK).stat()):
                return handle
        os.close(handle)


def _flock(handle: int) -> bool | None:
    """Tell whether the lock was had; None where it takes a handle for writing.

    Raises BlockingIOError where somebody else has it.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        return None if error.errno == errno.EBADF else False
    return True


@contextlib.contextmanager
def _holding(path: Path, prefix: Path) -> Iterator[None]:
    holder = _read_holder(path)
    if holder is not None and _is_gone(holder):
        path.unlink(missing_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError as error:
        who = f"process {holder['pid']} on {holder['host']}" if holder else "somebody"
        raise _busy(
            prefix, f"{path} says that it is {who}; if that has ended for sure, remove the file"
        ) from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(
            json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "start": _start(os.getpid())})
        )
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _busy(prefix: Path, hint: str = "wait until it is done") -> InstallError:
    return InstallError(f"another envfit is installing into {prefix}", hints=[hint])


def _read_holder(path: Path) -> dict[str, object] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"host", "pid", "start"} <= found.keys() else None


def _is_gone(holder: dict[str, object]) -> bool:
    """Tell whether a holder surely has ended: a process of this host that is not there any more."""
    return holder["host"] == socket.gethostname() and _start(holder["pid"]) != holder["start"]


def _start(pid: object) -> str | None:
    """Return when a process of this host began, in ticks of its clock: numbers are used again."""
    try:
        said = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    return said.rpartition(")")[2].split()[19]
