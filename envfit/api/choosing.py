"""Which lock is installed where none is named: of those in a directory, one that runs; else one is made.

Of several that run, the first by this order: one that leaves nothing to be proved before one that
does, one without warnings before one with them, newer releases of what has GPU builds (torch
first), then of everything that all have, ``pylock.toml`` before the others, and by name.  What
counts is in the files that are locked; what a lock tells of its target does not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.pylock import Pylock, is_valid_pylock_path
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.api.reading import with_kept_code
from envfit.api.targets import Notify
from envfit.errors import EnvfitError, InputError, InstallRefusedError
from envfit.frozen import frozen
from envfit.install import Plan, plan
from envfit.lock.file import placed_lock
from envfit.lock.reading import rebased

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envfit.api.installing import InstallRequest
    from envfit.install.module import Module
    from envfit.knowledge.model import KnowledgeBase
    from envfit.target import Target

__all__ = ["Judged", "Judging", "chosen", "locks_in"]

_PLAIN = "pylock.toml"


@frozen
class Judged:
    """A lock, and what would come of installing it."""

    path: Path
    lock: Pylock
    plan: Plan

    @property
    def runs(self) -> bool:
        """Whether nothing is known to speak against it."""
        return not self.plan.refusals

    @property
    def versions(self) -> dict[str, Version]:
        """Its releases by name, those that are built where they are installed too."""
        packages = (*self.plan.to_install, *self.plan.to_build)
        return {item.name: item.version for item in packages if item.version is not None}

    def __str__(self) -> str:
        return self.path.name if self.path.parent == Path() else str(self.path)


@frozen
class Judging:
    """What locks are judged by: the machine, the rules and what is asked for."""

    target: Target
    base: KnowledgeBase
    ignored: frozenset[str]
    module: Module | None
    environ: Mapping[str, str]

    def judge(self, path: Path, lock: Pylock, skip: Iterable[str] = ()) -> Judged:
        """Return a lock with its plan; names to skip that it does not have are passed over."""
        names = {package.name for package in lock.packages}
        skipped = frozenset(map(canonicalize_name, skip))
        made = plan(
            lock,
            self.target,
            self.knowledge(lock),
            skip=frozenset(name for name in skipped if name in names),
            ignored=self.ignored,
            module=self.module,
        )
        return Judged(path=path, lock=lock, plan=made)

    def knowledge(self, lock: Pylock) -> KnowledgeBase:
        """Return the knowledge with what was read of the files of a lock."""
        return with_kept_code(self.base, lock, self.environ)


def locks_in(directory: Path) -> list[Path]:
    """Return the locks of a directory, ``pylock.toml`` first, the others by name."""
    found = [path for path in directory.glob("pylock*.toml") if is_valid_pylock_path(path)]
    return sorted(found, key=lambda path: (path.name != _PLAIN, path.name))


def chosen(directory: Path, request: InstallRequest, judging: Judging, notify: Notify) -> tuple[Path, Pylock]:
    """Return the lock of a directory that is to be installed; where there is none, one that was made.

    Raises InstallRefusedError where there are several and none runs, InputError where there is
    neither a lock nor anything to lock, and the errors of locking.
    """
    paths = locks_in(directory)
    if not paths:
        return _made(directory, request, judging, notify)
    if len(paths) == 1:
        return paths[0], placed_lock(paths[0])
    judged, faults = [], {}
    for path in paths:
        try:
            judged.append(judging.judge(path, placed_lock(path), request.skip))
        except EnvfitError as error:
            faults[str(path)] = error.message
    running = [one for one in judged if one.runs]
    if not running:
        raise InstallRefusedError(
            f"no lock here runs on this machine: there is {', '.join(path.name for path in paths)}",
            details={str(one): str(one.plan.refusals[0]) for one in judged} | faults,
            hints=[
                "lock for this machine: envfit lock --gpu auto",
                "the reasons in full: envfit install LOCK",
            ],
        )
    ordered, reasons = _ordered(running, judging.base)
    best, *others = ordered
    notify(f"{best} is taken: {reasons[0]}")
    for one, why in zip(others, reasons[1:], strict=True):
        notify(f"not {one}, which runs here too: {why}")
    for one in judged:
        if not one.runs:
            notify(f"not {one}: {one.plan.refusals[0]}")
    for name, fault in faults.items():
        notify(f"not {name}: {fault}")
    return best.path, best.lock


# -- the order -----------------------------------------------------------------


def _ordered(running: Sequence[Judged], base: KnowledgeBase) -> tuple[list[Judged], list[str]]:
    """Return locks that run, best first, and why the first is taken and each other is not."""
    common = frozenset.intersection(*(frozenset(one.versions) for one in running))
    known = {name: package for name in common if (package := base.packages.get(name)) is not None}
    with_gpu = [name for name, package in known.items() if package.gpu_builds]
    # What decides on the CUDA runtime comes first: the rest follows it.
    first = sorted(with_gpu, key=lambda name: (known[name].cuda_choice is None, name))
    names = [*first, *sorted(common.difference(first))]
    order = sorted(running, key=lambda one: (one.path.name != _PLAIN, one.path.name))
    order.sort(key=lambda one: tuple(one.versions[name] for name in names), reverse=True)
    order.sort(key=lambda one: (bool(one.plan.conditions), bool(one.plan.warnings)))
    best, *others = order
    if not others:
        return order, ["it alone runs here"]
    reasons = [_why_not(one, best, names) for one in others]
    return order, ["it is the first of those that run here", *reasons]


def _why_not(one: Judged, best: Judged, names: Sequence[str]) -> str:
    """Return why another lock comes first."""
    if one.plan.conditions and not best.plan.conditions:
        return f"{one.plan.conditions[0]}"
    if one.plan.warnings and not best.plan.warnings:
        return f"{one.plan.warnings[0]}"
    for name in names:
        mine, its = one.versions[name], best.versions[name]
        if mine != its:
            return f"it has {name} {mine}, and {best} has {its}"
    return f"{best} comes before it by name"


# -- where there is none -------------------------------------------------------


def _made(directory: Path, request: InstallRequest, judging: Judging, notify: Notify) -> tuple[Path, Pylock]:
    """Lock what the directory asks for, and return it; a dry run writes nothing."""
    from envfit.api.locking import lock_request
    from envfit.api.request import LockRequest

    files = _inputs(directory)
    notify(f"there is no lock here; locking {files[0] if files else directory / 'pyproject.toml'} first")
    result = lock_request(
        LockRequest(
            files=files,
            target=request.target,
            provided_from=request.provided_from,
            mirrors=request.mirrors,
            ignore_rules=request.ignore_rules,
            offline=request.offline,
            check=request.dry_run,
            directory=directory,
        ),
        judging.base,
        environ=judging.environ,
        notify=notify,
        watch=lambda _: None,
    )
    asked = {requirement.name for requirement in result.resolution.requirements}
    pins = ", ".join(f"{pin.name} {pin.version}" for pin in result.resolution.pins if pin.name in asked)
    notify(f"{'would write' if request.dry_run else 'wrote'} {result.path}: {pins or 'nothing is asked for'}")
    return result.path, rebased(result.lock, result.path.parent.absolute())


def _inputs(directory: Path) -> tuple[Path, ...]:
    """Return the files to lock, none where it is the project of the directory; raises InputError."""
    from envfit.project import read_files

    project = directory / "pyproject.toml"
    if project.is_file():
        asked = read_files([project])
        if asked.requirements or asked.settings.if_supported:
            return ()
    for name in ("requirements.txt", "environment.yml"):
        if (directory / name).is_file():
            return (directory / name,)
    place = Path(os.path.abspath(directory))  # noqa: PTH100 - as the user sees it
    raise InputError(
        f"{place} has no lock, and nothing to lock: no {_PLAIN}, no pyproject.toml that asks for packages, "
        "no requirements.txt",
        hints=["lock what is needed: envfit lock NAME", "or name a lock: envfit install LOCK"],
    )
