"""From a lock to an environment: judged, made, proved, and only then put in place.

The steps, each of which may fail or be killed without harm to what is there: judge (the lock on
this machine, the prefix, the room on the disk), build what the lock marks so, make, prove, switch,
confirm through the prefix, clean.  What is begun is in the journal first, from "make" on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.pylock import Package, Pylock

from envfit.detect.interpreter import Interpreter
from envfit.errors import FileError
from envfit.install.confirmation import confirm
from envfit.install.environment import Environment
from envfit.install.journal import Step
from envfit.install.make import Downloads, make
from envfit.install.module import Module
from envfit.install.options import Options
from envfit.install.plan import Plan, plan
from envfit.install.refusal import Refused
from envfit.install.replacement import file_errors, replacement
from envfit.install.report import InstallReport
from envfit.install.space import require_room, space_for
from envfit.install.verification import prove
from envfit.knowledge.model import KnowledgeBase
from envfit.lock.provided import counted_on
from envfit.lock.reading import LockedPackage
from envfit.lock.refusal import named
from envfit.reference import ReferenceKind
from envfit.target import Target

__all__ = ["install"]


def install(
    lock: Pylock,
    target: Target,
    knowledge: KnowledgeBase,
    prefix: Path,
    *,
    options: Options | None = None,
    downloads: Downloads | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> InstallReport:
    """Install a lock at a prefix, which is as before unless everything works.

    Raises Refused where the lock does not run on the target, counts on packages
    that are not provided, or has packages to compile, VerificationError where
    something does not import, SpaceError where it surely does not fit, InstallError,
    SourceError or FileError where it cannot be installed.
    """
    options = Options() if options is None else options
    interpreter = options.interpreter
    _require_interpreter(lock, interpreter)
    planned = plan(
        lock, target, knowledge, skip=options.skip, ignored=options.ignored, module=_module(interpreter)
    )
    _refuse(planned)
    environment = Environment.at(prefix)
    with file_errors(environment.prefix):
        environment.check_own(adopt=options.adopt)
        space = space_for(planned.to_install, environment.prefix, os.environ)
        adopts = environment.has_directory
    _require_paths(planned.to_install)
    report = InstallReport(
        plan=planned, prefix=environment.prefix, interpreter=interpreter, space=space, adopts=adopts
    )
    if options.dry_run:
        return report
    require_room(space)
    for sentence in report.intentions("installing"):
        notify(sentence)
    # Builds belong here: what is compiled is judged, and not begun; nothing is at the prefix yet.
    with replacement(environment, keep=options.keep, adopt=options.adopt, notify=notify) as new:
        lines = make(
            new.version,
            _reduced(lock, planned),
            planned,
            target=target,
            knowledge=knowledge,
            options=options,
            downloads=downloads or Downloads(),
            prompt=environment.prefix.name,
            notify=notify,
        )
        new.begin(Step.PROVE)
        proof = prove(new.version, planned, target, options, notify=notify)
        new.put_in_place()
        confirm(environment.prefix, proof, target, notify=notify)
    former = new.former
    return replace(
        report,
        version=new.version,
        former=environment.path_of(former) if former is not None else None,
        kept=environment.others(),
        imports=proof.imports,
        proof_seconds=proof.seconds,
        guard=lines,
    )


def _require_interpreter(lock: Pylock, interpreter: Interpreter | None) -> None:
    counted = counted_on(lock) if interpreter is None else None
    if counted is not None:
        names = named([f"{package.name} {package.version}" for package in counted])
        raise Refused(
            f"the lock counts on packages that an interpreter provides{': ' if names else ''}{names}",
            [],
            hints=["name that interpreter: --provided-from PYTHON"],
        )


def _require_paths(packages: Sequence[LockedPackage]) -> None:
    """Raise FileError where a directory or file that a lock names by its path is not there."""
    for package in packages:
        file = package.distribution
        if (file.reference is not None and file.reference.kind is ReferenceKind.GIT) or "://" in file.url:
            continue
        if not Path(file.url).exists():
            raise FileError(
                f"{package} is locked as {file.url}, and there is nothing",
                hints=["paths in a lock are relative to it: a lock that was moved needs them moved along"],
            )


def _module(interpreter: Interpreter | None) -> Module | None:
    if interpreter is None:
        return None
    return Module(python=interpreter.python, provided=interpreter.provided, unreadable=interpreter.unreadable)


def _refuse(planned: Plan) -> None:
    if planned.refusals:
        raise Refused("the lock does not run on this machine", planned.refusals)
    if planned.to_build:
        names = [package.name for package in planned.to_build]
        options = " ".join(f"--skip {name}" for name in names)
        raise Refused(
            f"{', '.join(names)} must be compiled, and envfit does not build yet",
            [],
            hints=[f"install the rest with {options}"],
        )


def _reduced(lock: Pylock, planned: Plan) -> Pylock:
    """Return a lock without what is skipped; nothing in it points at what is left out."""
    left_out = frozenset(planned.skipped)
    if not left_out:
        return lock
    return replace(
        lock,
        packages=[_pruned(package, left_out) for package in lock.packages if package.name not in left_out],
    )


def _pruned(package: Package, left_out: frozenset[str]) -> Package:
    kept = [item for item in package.dependencies or () if item.get("name") not in left_out]
    return replace(package, dependencies=kept or None)
