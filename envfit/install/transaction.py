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
from envfit.install.activation import write_file
from envfit.install.builder import Builder, NoBuilder
from envfit.install.confirmation import confirm
from envfit.install.environment import Environment
from envfit.install.journal import Step
from envfit.install.make import Downloads, make
from envfit.install.module import Module, told_of_module
from envfit.install.options import Options, Verify
from envfit.install.plan import Plan, plan
from envfit.install.record import Record, overridden, write_record
from envfit.install.refusal import Refused
from envfit.install.replacement import file_errors, replacement
from envfit.install.report import InstallReport
from envfit.install.space import require_room, space_for
from envfit.install.verification import VERIFIED, Proof, Prover, prove_imports, requested_imports
from envfit.knowledge.model import KnowledgeBase
from envfit.lock.reading import LockedPackage
from envfit.lock.refusal import Cause, Refusal
from envfit.prove.imports import Outcome
from envfit.reference import ReferenceKind
from envfit.target import Target

__all__ = ["can_be_forced", "install", "module_of"]

#: What stands in the way of installing, and not only of running.
_FIXED = frozenset({Cause.PLATFORM, Cause.PYTHON, Cause.TAGS, Cause.GLIBC, Cause.PROVIDED})


def install(
    lock: Pylock,
    target: Target,
    knowledge: KnowledgeBase,
    prefix: Path,
    *,
    options: Options | None = None,
    downloads: Downloads | None = None,
    builder: Builder | None = None,
    prover: Prover = prove_imports,
    notify: Callable[[str], None] = lambda _: None,
) -> InstallReport:
    """Install a lock at a prefix, which is as before unless everything works.

    Raises Refused where the lock does not run on the target or has packages to
    compile, VerificationError where what was asked for does not work, SpaceError
    where it surely does not fit, InstallError, SourceError or FileError where it
    cannot be installed.
    """
    options = Options() if options is None else options
    interpreter = options.interpreter
    builder = builder or NoBuilder()
    module = module_of(interpreter)

    def judged(lock: Pylock) -> Plan:
        known = builder.knowledge(knowledge)
        made = plan(lock, target, known, skip=options.skip, ignored=options.ignored, module=module)
        _refuse(made, force=options.force)
        return made

    for told in told_of_module(lock, module):
        notify(f"note: {told}")
    lock = builder.reuse(lock)
    planned = judged(lock)
    builds = builder.reports(planned)
    against = overridden(planned.refusals)
    for reason in against:
        notify(f"overridden: {reason}")
    environment = Environment.at(prefix)
    with file_errors(environment.prefix):
        environment.check_own(adopt=options.adopt)
        space = space_for(planned.to_install, environment.prefix, os.environ)
        adopts = environment.has_directory
    _require_paths(planned.to_install)
    report = InstallReport(
        plan=planned,
        prefix=environment.prefix,
        interpreter=interpreter,
        overridden=against,
        space=space,
        adopts=adopts,
        builds=builds,
    )
    if options.dry_run:
        return report
    require_room(space)
    for sentence in report.intentions("installing"):
        notify(sentence)
    if builds:  # nothing is at the prefix yet
        lock = builder.compile(lock)
        planned = judged(lock)
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
        proof = Proof()
        if options.verify is not Verify.NONE:
            proof = prover(new.version, planned, target, options, notify)
        _record(new.version, planned, target, options, proof)
        new.put_in_place()
        works = {item.name for item in proof.imports if item.outcome is Outcome.WORKS}
        names = [name for name in requested_imports(new.version, planned) if name in works]
        confirm(environment.prefix, names, target, notify=notify)
    former = new.former
    return replace(
        report,
        plan=planned,
        version=new.version,
        former=environment.path_of(former) if former is not None else None,
        kept=environment.others(),
        proof=proof,
        guard=lines,
    )


def _record(version: Path, planned: Plan, target: Target, options: Options, proof: Proof) -> None:
    """Leave in an environment what check reads later; raises FileError."""
    record = Record(
        platform=target.platform,
        gpus=target.gpus,
        facts=target.facts,
        words=options.words,
        conditions=planned.conditions,
        overridden=overridden(planned.refusals),
        skipped=planned.skipped,
    )
    write_record(version, record)
    if proof.report is not None:
        write_file(version / VERIFIED, proof.report)


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


def module_of(interpreter: Interpreter | None) -> Module | None:
    """Return what of an interpreter a plan looks at."""
    if interpreter is None:
        return None
    return Module(python=interpreter.python, provided=interpreter.provided, unreadable=interpreter.unreadable)


def can_be_forced(refusals: Sequence[Refusal]) -> bool:
    """Tell whether what speaks against a lock stands in the way of running alone, not of installing."""
    return all(refusal.cause not in _FIXED for refusal in refusals)


def _refuse(planned: Plan, *, force: bool) -> None:
    """Raise Refused unless nothing speaks against a plan; ``force`` overrides what can be overridden."""
    fixed = [refusal for refusal in planned.refusals if refusal.cause in _FIXED]
    if planned.refusals and not force:
        raise Refused("the lock does not run on this machine", planned.refusals)
    if fixed:
        raise Refused(
            "the lock does not run on this machine, and --force-incompatible does not help: no installer "
            "takes these files here",
            fixed,
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
