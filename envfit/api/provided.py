"""What is provided: stated, read from an interpreter, or kept from the existing lock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from envfit.api.targets import Notify, TargetRequest
from envfit.errors import InputError, RefusalError, TargetError
from envfit.project import Declared, TargetSettings, read_provided
from envfit.resolve.provided import broken_requirements
from envfit.resolve.resolution import Resolution
from envfit.target import GLIBC, Target

if TYPE_CHECKING:
    from envfit.detect.interpreter import Interpreter

__all__ = ["ask_interpreter", "check_module", "refuse_addresses", "request_for", "with_provided"]


def ask_interpreter(
    python: str | None, provided: Sequence[str], environ: Mapping[str, str], notify: Notify
) -> Interpreter | None:
    """Read the interpreter that provides packages, and say what was read; None where none is named.

    Raises InputError where packages are stated as well, and as ``read_interpreter`` does.
    """
    if python is None:
        return None
    if provided:
        raise InputError(
            "--provided and --provided-from exclude each other",
            hints=["the interpreter says itself what it provides"],
        )
    from envfit.detect.interpreter import read_interpreter

    interpreter = read_interpreter(python, environ)
    notify(f"provided: {interpreter}")
    for note in interpreter.notes:
        notify(f"note: {note}")
    return interpreter


def request_for(
    interpreter: Interpreter | None, said: TargetRequest, stated: TargetSettings
) -> TargetRequest:
    """Fill what is not said of the target from the interpreter whose packages it uses.

    Raises TargetError where another Python or platform is said.
    """
    if interpreter is None:
        return said
    python = interpreter.python
    asked = str(said.python or stated.python or python)
    if not _admits(asked, python):
        raise TargetError(
            f"Python {asked} is asked for, and {interpreter.path}, which provides packages, is {python}"
        )
    filled = replace(said, python=str(python))
    gpus = said.gpus or stated.gpus
    if not gpus or any(name.lower() == "auto" for name in gpus):
        return filled  # this machine or the existing lock says the rest
    platform = said.platform or stated.platform
    return replace(
        filled,
        platform=str(platform or interpreter.platform),
        glibc=said.glibc or (str(stated.glibc) if stated.glibc is not None else None) or interpreter.glibc,
    )


def _admits(asked: str, python: Version) -> bool:
    """Tell whether ``3.11``, ``3.11.4`` or ``>=3.10`` goes with a Python, whose patch release is given."""
    try:
        return SpecifierSet(asked).contains(python, prereleases=True)
    except InvalidSpecifier:
        return asked.split(".")[:2] == [str(python.major), str(python.minor)]


def with_provided(
    target: Target,
    interpreter: Interpreter | None,
    provided: Sequence[str],
    *,
    said: TargetRequest,
    former: Target | None,
) -> Target:
    """Return a target with what is provided there; what the existing lock says stays where nothing is said.

    Raises TargetError where the interpreter is not of the target's Python and platform.
    """
    if provided:
        return replace(target, provided=read_provided(provided))
    if interpreter is None:
        read = any(package.requires is not None for package in target.provided)
        if read and former is not None and former.python_minor != target.python_minor:
            raise TargetError(
                f"the lock counts on packages of a Python {former.python_minor}, and Python "
                f"{target.python_minor} is asked for",
                hints=["name the interpreter that provides them: --provided-from PYTHON"],
            )
        return target
    if interpreter.platform != target.platform:
        raise TargetError(
            f"the target is {target.platform}, and {interpreter.path}, which provides packages, runs on "
            f"{interpreter.platform}"
        )
    facts = target.facts
    if said.glibc is None and interpreter.glibc is not None:
        # A named target takes it for an option.
        facts = tuple(
            replace(fact, source="the interpreter that provides packages")
            if (fact.name, fact.value, fact.source) == (GLIBC, interpreter.glibc, "--glibc")
            else fact
            for fact in facts
        )
    return replace(target, facts=facts, provided=interpreter.provided)


def refuse_addresses(wanted: Iterable[Declared], target: Target) -> None:
    """Raise RefusalError where a package is wanted from an address that is provided already."""
    provided = {package.name: package for package in target.provided}
    for one in wanted:
        if one.direct is not None and one.shown in provided:
            raise RefusalError(
                f"{one.shown} is asked for from an address ({one.where}), and {one.shown} "
                f"{provided[one.shown].version} is provided, which nothing may shadow",
                hints=[f"ask for {one.shown} without its address to use what is provided"],
            )


def check_module(resolution: Resolution, interpreter: Interpreter | None, notify: Notify) -> None:
    """Say where a module does not hold together.

    Raises RefusalError where a package that is there in no readable version would be locked.
    """
    pinned = [pin.name for pin in resolution.pins if pin.candidate.distribution is None]
    for fault in broken_requirements(resolution.target, pinned):
        notify(f"note: {fault}")
    for pin in resolution.pins:
        if interpreter is not None and pin.name in interpreter.unreadable:
            raise RefusalError(
                f"{pin.name} {pin.version} is needed, and {interpreter.path} has a {pin.name} whose version "
                "cannot be compared",
                hints=[f"nothing that is provided is shadowed; give that {pin.name} a version of PEP 440"],
            )
