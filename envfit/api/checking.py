"""Checking a locked file: read, put to a target, and what it leaves open asked of an index if wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from envfit.api.ignored import ignored_rules
from envfit.api.targets import TargetRequest, describe_target, python_for, target_of, target_words
from envfit.distribution import Wheel
from envfit.doctor import kinds_of_files as kinds
from envfit.doctor.finding import Finding, Remedy, Severity, Stage
from envfit.doctor.locked_choice import choose
from envfit.doctor.locked_file import STAGES, Asked, check_locked
from envfit.doctor.report import Report
from envfit.errors import InputError, ProjectError, TargetImpossibleError
from envfit.knowledge.query import Query
from envfit.lock.fit import Fit
from envfit.lock.reading import LockedPackage
from envfit.lock.refusal import named
from envfit.project.locked import PYLOCK, REQUIREMENTS
from envfit.project.locked_read import read_locked
from envfit.target import Provided, Target

if TYPE_CHECKING:
    from envfit.api.targets import Notify
    from envfit.knowledge.model import KnowledgeBase
    from envfit.project.locked import LockedFile

__all__ = ["check_locked_file"]


def check_locked_file(
    path: Path,
    base: KnowledgeBase,
    *,
    target: TargetRequest,
    extras: tuple[str, ...],
    groups: tuple[str, ...],
    stages: frozenset[Stage] | None,
    ignore_rules: tuple[str, ...],
    online: bool,
    read_limit: int | None,
    environ: Mapping[str, str],
    notify: Notify,
) -> Report:
    """Judge a file on a target, or on this machine where none is named."""
    if stages is not None and not stages.intersection(STAGES):
        raise InputError(
            f"{path} is a file, and of that {' and '.join(stage.value for stage in STAGES)} alone are checked"
        )
    file = read_locked(path)
    ignored = ignored_rules(ignore_rules, base)
    asked = Asked(
        words=target_words(target),
        without_gpu=any(name.lower() == "none" for name in target.gpus),
        extras=extras,
        groups=groups,
    )
    try:
        machine = target_of(_with_python(target, file.requires_python, base), base, notify=_silent)
    except TargetImpossibleError as error:
        return _impossible(file, error)
    machine = replace(machine, provided=_counted_on(file))
    if online:
        from envfit.api.locked_online import open_online

        with open_online(file, environ, notify, limit=read_limit) as index:
            file = index.with_files(file)
            chosen = _chosen(file, machine, base, asked)
            if file.form == REQUIREMENTS:
                file = index.with_needs(file, machine, chosen)
            base = index.with_code(base, machine, chosen)
    else:
        base = _with_kept_code(base, _chosen(file, machine, base, asked), environ)
    return check_locked(file, machine, base, asked, ignored=ignored, stages=stages, notes=_notes_on(machine))


def _counted_on(file: LockedFile) -> tuple[Provided, ...]:
    """Return the packages of a module that a lock of envfit counts on."""
    if file.form != PYLOCK:
        return ()
    from envfit.lock.file import read_lock
    from envfit.lock.provided import counted_on
    from envfit.lock.reading import locked_target

    lock = read_lock(Path(file.path))
    counted = counted_on(lock)
    if counted is not None:
        return counted
    target = locked_target(lock)
    return target.provided if target is not None else ()


def _chosen(
    file: LockedFile, machine: Target, base: KnowledgeBase, asked: Asked
) -> tuple[LockedPackage, ...]:
    """Return what of a file is installed on a target, with one file of each."""
    return choose(file, Query(base, machine), Fit(machine), extras=asked.extras, groups=asked.groups).packages


def _with_kept_code(
    base: KnowledgeBase, chosen: Sequence[LockedPackage], environ: Mapping[str, str]
) -> KnowledgeBase:
    """Return knowledge with what earlier runs read in wheels."""
    from envfit.api.reading import kept_device_code
    from envfit.index.cache import Cache, default_cache_dir

    wheels = [package.distribution for package in chosen if isinstance(package.distribution, Wheel)]
    unknown = [wheel for wheel in wheels if wheel.sha256 and wheel.sha256 not in base.device_code]
    cache = Cache(default_cache_dir(environ, home=Path.home()))
    return base.with_device_code(kept_device_code(unknown, cache))


def _notes_on(machine: Target) -> tuple[str, ...]:
    """Say which target is meant, and what of it nobody said."""
    assumed = [f"{fact.name} {fact.value}" for fact in machine.facts if fact.assumed]
    if "python" in machine.assumed:
        assumed.append(f"Python {machine.python}")
    note = f" (assumed: {', '.join(assumed)})" if assumed else ""
    counted = [f"{package.name} {package.version}" for package in machine.provided]
    return (
        f"on {describe_target(machine)}{note}",
        *([f"beside what a module provides: {named(counted)}"] if counted else []),
    )


def _silent(_: str) -> None:
    """Say nothing: what the target is, is said once for all."""


def _with_python(request: TargetRequest, required: SpecifierSet | None, base: KnowledgeBase) -> TargetRequest:
    """Return a request with a Python that the file is for, where none is said."""
    if request.python is not None or required is None:
        return request
    try:
        python = python_for(required, base)
    except ProjectError:
        return request  # the file is for no Python that is known, and the report says so
    return replace(request, python=python)


def _impossible(file: LockedFile, error: TargetImpossibleError) -> Report:
    """Return that nothing runs on a target that cannot be."""
    return Report(
        subject=file.path,
        findings=(
            Finding(
                kind=kinds.DRIVER_DRIVES_NOT,
                severity=Severity.BREAKS,
                subject=tuple(
                    error.details.get(key, "") for key in ("gpu", "driver") if key in error.details
                ),
                text=f"Nothing runs there: {error.message}.",
                measured=tuple(filter(None, [error.details.get("evidence", "")])),
                remedies=(Remedy(text=kinds.DRIVER_DRIVES_NOT.remedy),),
            ),
        ),
        stages=(Stage.KNOWLEDGE,),
    )
