"""Checking environments and files: options in, one call for each, a report, an exit code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from envfit import api
from envfit.cli import render
from envfit.cli.reports import answer_of, report_lines, reports_data
from envfit.doctor.finding import Stage
from envfit.doctor.report import Answer
from envfit.errors import FileError, InputError

if TYPE_CHECKING:
    from envfit.doctor.report import Report

__all__ = ["check"]

# What a directory that is an environment has, and a project's does not.
_OF_ENVIRONMENTS = ("pyvenv.cfg", "conda-meta", "bin/python", "bin/python3")
_OF_PROJECTS = ("uv.lock", "pylock.toml", "poetry.lock", "pdm.lock", "requirements.txt", "pyproject.toml")


def check(
    *,
    places: Sequence[Path],
    gpus: Sequence[str],
    driver: str | None,
    python: str | None,
    glibc: str | None,
    platform: str | None,
    extras: Sequence[str],
    groups: Sequence[str],
    quick: bool,
    stages: Sequence[str],
    fix: bool,
    yes: bool,
    strict: bool,
    ignore_rules: Sequence[str],
    online: bool,
    read_limit: int | None,
    json: bool,
    verbose: bool,
) -> None:
    """Check environments and files; the exit code is 1 where the answer is no."""
    target = api.TargetRequest(gpus=tuple(gpus), driver=driver, python=python, glibc=glibc, platform=platform)
    wanted = frozenset(map(Stage, stages)) or None
    files = [place for place in places if _is_file(place)]
    if not files:
        _refuse_options_of_files(python=python, extras=extras, groups=groups, online=online)
    if yes and not fix:
        raise InputError("--yes goes with --fix")
    if fix and files:
        raise InputError(
            f"--fix mends environments, and {files[0]} is a file",
            hints=["the remedies of a file are commands that lock it again"],
        )

    def check_one(place: Path | None) -> Report:
        if place in files and place is not None:
            return api.check_file(
                place,
                target=target,
                extras=tuple(extras),
                groups=tuple(groups),
                stages=wanted,
                ignore_rules=tuple(ignore_rules),
                online=online or read_limit is not None,
                read_limit=read_limit,
                notify=render.talk,
            )
        return api.check_prefix(
            place,
            target=target,
            quick=quick,
            stages=wanted,
            ignore_rules=tuple(ignore_rules),
            notify=render.talk,
        )

    reports = [check_one(place) for place in places or (None,)]
    if not json:
        for number, report in enumerate(reports):
            print("\n".join(["", *report_lines(report, verbose=verbose)][not number :]))
    if fix:
        from envfit.cli.fixing import fix as mend

        reports = mend(
            reports,
            yes=yes,
            plan=lambda report: api.plan_fix(
                report, target=target, ignore_rules=tuple(ignore_rules), notify=render.talk
            ),
            check=lambda report: check_one(Path(report.subject)),
        )
    if json:  # what is so in the end, as the exit code is
        render.print_json(reports_data(reports))
    _leave(answer_of(reports), strict=strict)


def _refuse_options_of_files(
    *, python: str | None, extras: Sequence[str], groups: Sequence[str], online: bool
) -> None:
    """Raise InputError where something is asked of a file, and none is named."""
    for option, said, what in (
        ("--extra", extras, "chooses parts of a file"),
        ("--group", groups, "chooses parts of a file"),
        ("--python", python, "is asked of a file, an environment having its own Python"),
        ("--online", online, "asks an index about a file"),
    ):
        if said:
            raise InputError(f"{option} {what}, and none is named")


def _is_file(place: Path) -> bool:
    """Tell whether a place is a file; raises on what is neither that nor an environment."""
    if place.is_file() and place.parent.name == "bin" and place.name.startswith("python"):
        raise InputError(
            f"{place} is an interpreter",
            hints=[f"name its environment: envfit check {place.parent.parent}"],
        )
    if str(place) == "-" or place.is_file():
        return True
    if not place.exists():
        raise FileError(f"there is nothing at {place}")
    if any((place / name).exists() for name in _OF_ENVIRONMENTS):
        return False
    inside = [str(place / name) for name in _OF_PROJECTS if (place / name).is_file()]
    if inside:
        locks = [name for name in inside if not name.endswith("pyproject.toml")]
        hints = [f"name what it is locked in: envfit check {' '.join(locks)}"] if locks else []
        if not locks:
            hints = [f"lock it for a target: cd {place} && envfit lock --gpu NAME"]
        if (place / ".venv").is_dir():
            hints.append(f"or its environment: envfit check {place / '.venv'}")
        raise InputError(f"{place} is a project and no environment", hints=hints)
    raise InputError(
        f"{place} is no environment: it has no python",
        hints=["name the directory of an environment (venv or conda), or a lock or requirements file"],
    )


def _leave(answer: Answer, *, strict: bool) -> None:
    """End with 1 on a no, and on an unknown where that counts as one."""
    if answer is Answer.UNKNOWN:
        told = (
            "counts as a no, for --strict is given"
            if strict
            else "ends with exit code 0; --strict makes it 1"
        )
        render.talk(f"note: what is unknown {told}")
    if answer is Answer.NO or (strict and answer is Answer.UNKNOWN):
        raise SystemExit(1)
