"""What an interpreter provides, held against a lock that is to be installed beside it.

The files and the rules decide.  What a lock tells of the packages that it was made beside is
information: where others are provided, that is said, and the rules judge those that are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from packaging.pylock import Pylock
from packaging.version import Version

from envfit.errors import LockError
from envfit.frozen import frozen
from envfit.lock.provided import counted_on
from envfit.lock.reading import LockedPackage, locked_target
from envfit.lock.refusal import Cause, Refusal, named
from envfit.resolve.reason import Reason
from envfit.target import Provided

__all__ = ["Module", "refusals_of_module", "told_of_module"]


@frozen
class Module:
    """An interpreter's Python and packages."""

    python: Version
    provided: tuple[Provided, ...]
    unreadable: tuple[str, ...] = ()  # names that are there in a version that nobody can compare


def refusals_of_module(
    module: Module, packages: Sequence[LockedPackage], python: Version
) -> Iterator[Refusal]:
    """Yield why an environment of locked packages cannot see what is provided besides."""
    if (module.python.major, module.python.minor) != (python.major, python.minor):
        yield _refusal(
            f"The lock is for Python {python.major}.{python.minor}, and the interpreter that provides "
            f"packages is {module.python}."
        )
        return
    found = {package.name: package for package in module.provided}
    for locked in packages:
        if locked.name in found or locked.name in module.unreadable:
            here = found.get(locked.name)
            version = f" {here.version}" if here is not None else ""
            yield _refusal(
                f"The interpreter provides {locked.name}{version}, which it would shadow; lock again with "
                "--provided-from.",
                f"{locked.name} {locked.version}",
            )


def _refusal(sentence: str, *packages: str) -> Refusal:
    return Refusal(packages=packages, reason=Reason(sentence=sentence), cause=Cause.PROVIDED)


# -- what the lock tells, for information -------------------------------------


def told_of_module(lock: Pylock, module: Module | None) -> Iterator[str]:
    """Yield how what is provided differs from what a lock tells that it was made beside; for information."""
    try:
        read, target = counted_on(lock), locked_target(lock)
    except LockError:
        return  # nothing depends on it
    if module is None:
        if read is not None:
            names = named([f"{package.name} {package.version}" for package in read])
            yield (
                f"the lock was made beside an interpreter that provides {names or 'packages'}; "
                "--provided-from PYTHON lets the environment see them"
            )
        return
    counted = read if read is not None else target.provided if target is not None else ()
    found = {package.name: package for package in module.provided}
    for package in counted:
        beside = f"the lock was made beside {package.name} {package.version}"
        here = found.get(package.name)
        if here is None:
            unreadable = package.name in module.unreadable
            yield f"{beside}, and the interpreter has {'it in no readable version' if unreadable else 'none'}"
        elif here.version != package.version:
            yield f"{beside}, and the interpreter provides {here.version}"
        elif package.cuda is not None and here.cuda != package.cuda:
            yield f"{beside} {_built(package)}, and the interpreter's is {_built(here)}"


def _built(package: Provided) -> str:
    if package.cuda is None:
        return "built with a CUDA runtime that is not known"
    return f"built with CUDA {package.cuda}" if package.cuda.major else "built without CUDA"
