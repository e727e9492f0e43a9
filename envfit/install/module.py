"""What an interpreter provides, held against a lock that is to be installed beside it.

Of the lock's ``[tool]`` only this is read, and it changes nothing that is
installed: a lock that counts on torch 2.8.0 is refused where 2.7.1 is provided.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from packaging.pylock import Pylock
from packaging.version import Version

from envfit.frozen import frozen
from envfit.lock.provided import counted_on
from envfit.lock.reading import LockedPackage, locked_target
from envfit.lock.refusal import Cause, Refusal
from envfit.resolve.reason import Reason
from envfit.target import Provided

__all__ = ["Module", "counted_packages", "refusals_of_module"]


@frozen
class Module:
    """An interpreter's Python and packages."""

    python: Version
    provided: tuple[Provided, ...]
    unreadable: tuple[str, ...] = ()  # names that are there in a version that nobody can compare


def counted_packages(lock: Pylock) -> tuple[Provided, ...]:
    """Return the provided packages that a lock counts on: all of them where they were only stated."""
    counted = counted_on(lock)
    if counted is None:
        target = locked_target(lock)
        return target.provided if target is not None else ()
    return counted


def refusals_of_module(
    module: Module, counted: Sequence[Provided], packages: Sequence[LockedPackage], python: Version
) -> Iterator[Refusal]:
    """Yield each way in which what is provided is not what a lock was made beside."""
    if (module.python.major, module.python.minor) != (python.major, python.minor):
        yield _refusal(
            f"The lock is for Python {python.major}.{python.minor}, and the interpreter that provides "
            f"packages is {module.python}."
        )
        return
    found = {package.name: package for package in module.provided}
    for package in counted:
        subject = f"{package.name} {package.version}"
        here = found.get(package.name)
        if here is None:
            unreadable = package.name in module.unreadable
            has = "has it in no readable version" if unreadable else "has none"
            yield _refusal(f"The lock counts on it, and the interpreter {has}.", subject)
        elif here.version != package.version:
            yield _refusal(f"The lock counts on it, and the interpreter provides {here.version}.", subject)
        elif package.cuda is not None and here.cuda != package.cuda:
            yield _refusal(
                f"The lock counts on one {_built(package)}, the interpreter's is {_built(here)}.", subject
            )
    for locked in packages:
        if locked.name in found or locked.name in module.unreadable:
            here = found.get(locked.name)
            version = f" {here.version}" if here is not None else ""
            yield _refusal(
                f"The interpreter provides {locked.name}{version}, which it would shadow; lock again with "
                "--provided-from.",
                f"{locked.name} {locked.version}",
            )


def _built(package: Provided) -> str:
    if package.cuda is None:
        return "built with a CUDA runtime that is not known"
    return f"built with CUDA {package.cuda}" if package.cuda.major else "built without CUDA"


def _refusal(sentence: str, *packages: str) -> Refusal:
    return Refusal(packages=packages, reason=Reason(sentence=sentence), cause=Cause.PROVIDED)
