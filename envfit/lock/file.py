"""A lock as a file: read, compared and replaced in one step."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from packaging.pylock import Pylock, is_valid_pylock_path

from envfit.errors import FileError, LockError
from envfit.lock.reading import parse_lock, rebased
from envfit.lock.table import table_of
from envfit.toml_text import parse_toml

__all__ = ["check_writable", "differences", "lock_text", "placed_lock", "read_lock", "write_lock"]

# Under [tool.envfit]: what a lock tells its reader and does not depend on.
_TOLD = frozenset({"conditions", "knowledge", "left-out", "pythons-not-taken", "warnings", "why-not-newer"})
_HEADER = "# Written by envfit. pip install -r and uv pip sync install it too.\n"


def lock_text(lock: Pylock) -> str:
    """Return the text of a lock; the same lock always gives the same bytes."""
    import tomli_w

    return _HEADER + tomli_w.dumps(table_of(lock), multiline_strings=False)


def differences(former: Pylock, now: Pylock) -> tuple[str, ...]:
    """Return how a lock differs from what would be locked now, in packages, target or what it is for.

    One phrase each, by name.  What a lock tells besides, such as why no newer release was
    taken, changes with every release that is published, and makes no lock stale.
    """
    before = {package.name: package for package in former.packages}
    after = {package.name: package for package in now.packages}
    found = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            found.append(f"{name} is needed no more" if new is None else f"{name} is not in it")
        elif old.version != new.version:
            found.append(f"{name} {old.version} would be {new.version}")
        elif old != new:
            found.append(f"{name} would be another file, or with other dependencies")
    mine, others = _besides(former), _besides(now)
    keys = sorted(mine.keys() | others.keys())
    found += [f"{key}: not the same" for key in keys if mine.get(key) != others.get(key)]
    return tuple(found)


def _besides(lock: Pylock) -> dict[str, object]:
    """Return what counts in a lock besides its packages, by key."""
    document = table_of(lock)
    document.pop("packages", None)
    tool = document.pop("tool", {})
    own = tool.get("envfit", {}) if isinstance(tool, dict) else {}
    return {**document, **{key: value for key, value in own.items() if key not in _TOLD}}


def read_lock(path: Path) -> Pylock:
    """Read a lock.

    Raises FileError where the file cannot be read and LockError where it is no lock.
    """
    try:
        data = parse_toml(path.read_text(encoding="utf-8"))
    except OSError as error:
        hints = {
            errno.ENOENT: "envfit lock NAME makes a lock; -o says where",
            errno.EISDIR: "name the lock in it, such as pylock.toml",
        }
        raise FileError(
            f"cannot read {path}: {error.strerror or error}",
            hints=[hints[error.errno]] if error.errno in hints else [],
        ) from error
    except ValueError as error:
        raise LockError(f"{path} is not a lock: {error}") from error
    if "lock-version" not in data:
        raise LockError(f"{path} is not a lock: it has no lock-version")
    return parse_lock(data, str(path))


def check_writable(path: Path) -> None:
    """Raise unless a lock may be written there, before any work is done for it.

    LockError for a name that PEP 751 does not allow, or a file that is not a
    lock; FileError for a directory that is not there.
    """
    if not is_valid_pylock_path(path):
        raise LockError(
            f"{path.name!r} is not a name for a lock",
            hints=["PEP 751 allows pylock.toml and pylock.NAME.toml, NAME without dots"],
        )
    if not path.parent.is_dir():
        raise FileError(f"cannot write {path}: {path.parent} is not a directory")
    if path.is_dir():
        raise FileError(f"cannot write {path}: it is a directory")
    if not os.access(path.parent, os.W_OK):
        raise FileError(f"cannot write {path}: {path.parent} cannot be written to")
    if path.exists():
        try:
            read_lock(path)
        except LockError as error:
            raise LockError(
                f"{path} exists and is not a lock, so it is left alone: {error.message}"
            ) from error


def placed_lock(path: Path) -> Pylock:
    """Return a lock whose paths are absolute, from where it lies; raises what ``read_lock`` raises."""
    return rebased(read_lock(path), path.parent.absolute())


def write_lock(lock: Pylock, path: Path) -> None:
    """Write a lock in one step: another reader sees the old file or the new one.

    Raises as ``check_writable`` does, and FileError where the write fails; the
    file that was there is then untouched.
    """
    check_writable(path)
    text = lock_text(lock).encode()
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
    try:
        with temporary.open("xb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        # Gone already where it took its place; an interrupt must not leave it behind either.
        temporary.unlink(missing_ok=True)
