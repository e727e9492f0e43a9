"""Mending an environment: what would change is found out and judged, told, kept, and then done.

The order is the point.  A dry run of the environment's own tool says which packages would
change; a change that breaks another package is left alone; before the first change all that
changes is kept, and the script that restores it is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from envfit.api.checking_prefix import begin_check
from envfit.doctor.finding import Change
from envfit.doctor.fix import Fix, Left, Step, choose_remedies
from envfit.errors import EnvfitError, InstallError
from envfit.frozen import frozen
from envfit.install.run_tool import dry_run, run_tool
from envfit.installed.keeping import Kept, keep
from envfit.installed.model import InstalledDistribution, InstalledEnvironment
from envfit.installed.read import read_environment
from envfit.knowledge.objections import object_to
from envfit.knowledge.query import Query

if TYPE_CHECKING:
    from envfit.api.checking_prefix import Check
    from envfit.api.targets import Notify, TargetRequest
    from envfit.doctor.report import Report

__all__ = ["Fixed", "apply_fix", "plan_fix"]


@frozen
class Fixed:
    """What was done, and how it is taken back."""

    fix: Fix
    script: Path


def plan_fix(
    report: Report,
    *,
    target: TargetRequest | None,
    ignore_rules: Sequence[str],
    environ: Mapping[str, str],
    notify: Notify,
) -> Fix:
    """Return what would mend the findings of a report, exactly; nothing is changed.

    Installations are tried dry, all together: one that would fail, or would break what works,
    is left, with the reason.
    """
    check = begin_check(
        Path(report.subject),
        target=target,
        quick=True,
        ignore_rules=ignore_rules,
        environ=environ,
        notify=notify,
    )
    chosen = choose_remedies(report.findings)
    steps, left = list(chosen.steps), list(chosen.left)
    while steps:
        try:
            fix = _exact(steps, check.environment, environ)
            _refuse_harm(fix, check)
        except InstallError as error:
            guilty = _last_install(steps)
            if guilty is None:
                raise
            steps.remove(guilty)
            left.append(Left(finding=guilty.finding, why=error.message))
        else:
            return replace(fix, left=tuple(left))
    return replace(chosen, steps=(), left=tuple(left))


def _last_install(steps: Sequence[Step]) -> Step | None:
    return next(
        (step for step in reversed(steps) if any(change.after for change in step.remedy.changes)), None
    )


def _exact(steps: Sequence[Step], environment: InstalledEnvironment, environ: Mapping[str, str]) -> Fix:
    """Return steps as exact changes and commands; raises InstallError where an installation would fail."""
    seen = environment.seen()
    installed = {name: item.says for name, item in seen.items()}
    changes: dict[str, Change] = {}
    commands: list[tuple[str, ...]] = []
    undo: list[tuple[str, ...]] = []
    moves: list[str] = []
    for step in steps:
        remedy = step.remedy
        moves += remedy.moves
        if remedy.moves:
            continue
        # Several commands are a removal and an installation of exact versions; nothing is left to find out.
        exact = remedy.undo or len(remedy.commands) > 1 or all(item.after is None for item in remedy.changes)
        if exact:
            changes.update((change.name, change) for change in remedy.changes)
            commands += remedy.commands
            undo += remedy.undo
            continue
        found = dry_run(remedy.commands[0], installed, environ)
        for name, (before, after) in found.items():
            changes[name] = Change(name=name, before=before or installed.get(name), after=after)
        commands += _pinned(remedy.commands[0], {name: after for name, (_, after) in found.items() if after})
    return Fix(
        steps=tuple(steps),
        changes=tuple(changes[name] for name in sorted(changes)),
        moves=tuple(dict.fromkeys(moves)),
        commands=tuple(dict.fromkeys(commands)),
        undo=tuple(dict.fromkeys(undo)),
    )


def _pinned(command: Sequence[str], versions: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """Yield an installation of exactly what its dry run found: nothing else is to happen in its place."""
    words = list(command)
    options = words[: _first_name(words)]
    if versions:
        no_dependencies = [] if "--no-deps" in options else ["--no-deps"]
        specs = [f"{name}=={version}" for name, version in sorted(versions.items())]
        yield (*options, *no_dependencies, *specs)


def _first_name(words: Sequence[str]) -> int:
    """Return where the names begin in an installation command of ``doctor.tool``: after the last option."""
    place = words.index("install") + 1
    while place < len(words) and words[place].startswith("--"):
        place += 2 if words[place] in ("--python", "--reinstall-package") else 1
    return place


def _refuse_harm(fix: Fix, check: Check) -> None:
    """Raise InstallError where what works now would not work any more after the changes."""
    seen = check.environment.seen()
    before = {name: item.version for name, item in seen.items() if item.version is not None}
    after = dict(before)
    for change in fix.changes:
        after.pop(change.name, None)
        if change.after is not None:
            try:
                after[change.name] = Version(change.after)
            except InvalidVersion:
                continue
    for demand in check.dependencies.demands:
        if demand.by.name not in after or demand.by.name in {change.name for change in fix.changes}:
            continue
        held = _holds(demand.requirement.specifier, before.get(demand.name))
        if held and not _holds(demand.requirement.specifier, after.get(demand.name)):
            raise InstallError(f"{demand.by} requires {demand}, and would not have it")
    query = Query(check.knowledge, check.target)
    known = {str(item) for item in object_to(query, before) if item.blocks}
    for objection in object_to(query, after):
        if objection.blocks and str(objection) not in known:
            raise InstallError(f"then {objection.origin.package} {objection.origin.version}: {objection}")


def _holds(specifier: SpecifierSet, version: Version | None) -> bool:
    return version is not None and specifier.contains(version, prereleases=True)


def apply_fix(
    fix: Fix,
    prefix: Path,
    *,
    now: datetime,
    environ: Mapping[str, str],
    notify: Notify,
) -> Fixed:
    """Do what a fix says; raises InstallError where it failed, with the environment restored.

    FileError where nothing could be kept, and nothing was changed then.
    """
    environment = read_environment(prefix, environ)
    kept = _keep(fix, environment, now)
    try:
        kept.take_away()
        for words in fix.commands:
            run_tool(words, environ, notify=notify)
        _require(fix, read_environment(prefix, environ))
    except BaseException as error:
        _restore(kept, environ, notify)
        if isinstance(error, EnvfitError):
            raise InstallError(f"{error.message}; the environment was restored") from error
        raise
    return Fixed(fix=fix, script=kept.script)


def _keep(fix: Fix, environment: InstalledEnvironment, now: datetime) -> Kept:
    own = [item for item in environment.distributions if environment.is_own(item)]
    names = {change.name for change in fix.changes}
    changed: list[InstalledDistribution] = [item for item in own if item.name in names]
    return keep(
        environment.prefix,
        now.strftime("%Y-%m-%dT%H-%M-%S"),
        changed=changed,
        added=[change.name for change in fix.changes if change.before is None],
        sites=environment.own_directories,
        moves=fix.moves,
        commands=fix.undo,
        told=list(fix.diff()),
    )


def _require(fix: Fix, environment: InstalledEnvironment) -> None:
    """Raise InstallError unless an environment has become what a fix says."""
    own = {item.name: item for item in environment.distributions if environment.is_own(item)}
    for change in fix.changes:
        there = own.get(change.name)
        if (there.says if there is not None else None) != change.after and not fix.undo:
            found = f"is {there.says}" if there is not None else "is not there"
            raise InstallError(f"{change.name} {found}, and {change.after or 'it'} was to be")


def _restore(kept: Kept, environ: Mapping[str, str], notify: Callable[[str], None]) -> None:
    notify("putting everything back")
    try:
        run_tool(["sh", str(kept.script)], environ)
    except InstallError as error:
        raise InstallError(
            f"not everything could be put back: {error.message}", hints=[f"sh {kept.script} tries it again"]
        ) from error
    kept.forget()
