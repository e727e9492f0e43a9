"""Checking a locked file: read, put to a target, and what it leaves open asked of an index if wanted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from envfit.api.ignored import ignored_rules
from envfit.api.targets import TargetRequest, describe_target, python_for, target_of
from envfit.doctor import kinds_of_files as kinds
from envfit.doctor.finding import Finding, Remedy, Severity, Stage
from envfit.doctor.locked_file import Asked, check_locked
from envfit.doctor.report import Report
from envfit.errors import ProjectError, TargetImpossibleError
from envfit.project.locked_read import read_locked

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
    environ: Mapping[str, str],  # noqa: ARG001 - the index is asked in the next step
    notify: Notify,
) -> Report:
    """Judge a file on a target, or on this machine where none is named."""
    file = read_locked(path)
    ignored = ignored_rules(ignore_rules, base)
    asked = Asked(
        words=_words(target),
        without_gpu=any(name.lower() == "none" for name in target.gpus),
        extras=extras,
        groups=groups,
    )
    try:
        machine = target_of(_with_python(target, file.requires_python, base), base, notify=_silent)
    except TargetImpossibleError as error:
        return _impossible(file, error)
    notify(f"for {describe_target(machine)}")
    return check_locked(file, machine, base, asked, ignored=ignored, stages=stages)


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
    return TargetRequest(
        gpus=request.gpus,
        driver=request.driver,
        python=python,
        glibc=request.glibc,
        platform=request.platform,
    )


def _words(request: TargetRequest) -> tuple[str, ...]:
    """Return the words of a command line that ask for a target."""
    words = [word for name in request.gpus for word in ("--gpu", name)]
    for option, value in (
        ("--driver", request.driver),
        ("--python", request.python),
        ("--glibc", request.glibc),
        ("--platform", request.platform),
    ):
        if value is not None:
            words += [option, value]
    return tuple(words)


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
