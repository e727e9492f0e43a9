"""A lock as a requirements file and as constraints files, for pip and uv pip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from packaging.pylock import Pylock

from envfit.export.header import comment_header, provided_pins
from envfit.export.pin import pin_line
from envfit.lock.reading import LockedPackage, locked_packages
from envfit.target import Provided

__all__ = ["constraints", "extra_indexes", "provided_constraints", "requirements"]


def requirements(lock: Pylock) -> str:
    """Return the text of a requirements file: every package pinned to its version and its one hash.

    No index is named except those that carry builds with a local label, such as
    2.14.1+cu126, which no other index has.  Packages that must be compiled are
    comments, and packages that a module provides are not in it (``provided_constraints``).
    Raises LockError on a lock that envfit did not write.
    """
    packages = sorted(locked_packages(lock), key=lambda package: package.name)
    lines = list(comment_header(lock))
    lines += [f"# must be compiled: {pin_line(package)}" for package in packages if package.build]
    lines += [f"--extra-index-url {index}" for index in extra_indexes(packages)]
    trees = [package.name for package in packages if package.is_source_tree and not package.build]
    if trees:
        # pip checks the hashes of all or of none.
        lines.append(f"# without hashes, since none is known of a source tree: {', '.join(trees)}")
    for package in packages:
        if not package.build:
            lines += [pin_line(package)] if trees else _hashed(package)
    return "".join(f"{line}\n" for line in lines)


def constraints(lock: Pylock) -> str:
    """Return the text of a constraints file: the version of everything locked or provided by a module.

    A constraint installs nothing, so what must be compiled is held too.  Source
    trees, whose version no lock states, are comments.  Raises LockError on a lock
    that envfit did not write.
    """
    packages = sorted(locked_packages(lock), key=lambda package: package.name)
    held = [f"{package.name}=={package.version}" for package in packages if package.version is not None]
    lines = [
        *comment_header(lock),
        *(f"# not held, it has no version: {pin_line(item)}" for item in packages if item.version is None),
        *sorted([*held, *provided_pins(lock)]),
    ]
    return "".join(f"{line}\n" for line in lines)


def provided_constraints(lock: Pylock, provided: Sequence[Provided] | None = None) -> str:
    """Return the text of a constraints file with nothing but the packages that a module provides.

    Where they are not given, those that the lock tells of.  Empty where there are none.
    """
    pins = (
        [f"{package.name}=={package.version}" for package in provided]
        if provided is not None
        else provided_pins(lock)
    )
    if not pins:
        return ""
    lines = [*comment_header(lock), "# Provided by a loaded module, and not to be replaced:", *sorted(pins)]
    return "".join(f"{line}\n" for line in lines)


def extra_indexes(packages: Sequence[LockedPackage]) -> list[str]:
    """Return the indexes of the builds with a local label."""
    return sorted(
        {
            package.distribution.index
            for package in packages
            if package.version is not None
            and package.version.local
            and not package.build
            and package.distribution.index
        }
    )


def _hashed(package: LockedPackage) -> Iterator[str]:
    if package.distribution.sha256 is None:
        yield pin_line(package)
        return
    yield f"{pin_line(package)} \\"
    yield f"    --hash=sha256:{package.distribution.sha256}"
