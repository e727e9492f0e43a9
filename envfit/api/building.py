"""Compiling what a lock marks as builds: each from the cache, or in an environment made for it.

The environment of a build holds exactly the torch that is locked, its dependencies and what the
build needs; where an interpreter provides torch, that interpreter builds.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.pylock import Pylock

from envfit.api.build_pythons import isolated_python, provided_python
from envfit.api.build_sources import Sources
from envfit.api.buildable import Buildable, BuildRequest, buildable, built_directory, for_gpus_of
from envfit.api.indexes import IndexRequest
from envfit.build.cache import BuildCache, BuiltWheel
from envfit.build.compile import BuildPython, compile_wheel
from envfit.build.report import BuildReport, refuse_impossible, report_on
from envfit.errors import BuildError, FileError
from envfit.install.options import Build
from envfit.knowledge.model import KnowledgeBase
from envfit.target import Target

if TYPE_CHECKING:
    from envfit.api.targets import Notify, TargetRequest

__all__ = [
    "BuildRequest",
    "build_file",
    "build_locked",
    "build_reports",
    "built_directory",
    "cached_builds",
    "compile_one",
]

Watch = Callable[[Callable[[], str]], None]


def build_locked(
    lock: Pylock,
    target: Target,
    base: KnowledgeBase,
    request: BuildRequest,
    *,
    watch: Watch | None = None,
    notify: Notify = lambda _: None,
) -> tuple[BuiltWheel, ...]:
    """Return a wheel for each package that a lock marks as a build, in the order of the lock.

    ``target`` is this machine, with the GPUs to build for.  ``watch`` is given what returns a line of
    status, where somebody shows it.  Nothing is returned for NEVER.  Raises BuildError where one cannot
    be built, or is not in the cache and may not be built, and the errors of fetching and installing.
    """
    found = cached_builds(lock, target, base, request, notify=notify)
    # All of them: that the second cannot be built is better known before an hour goes to the first.
    build_reports([one for one, wheel in found if wheel is None], request)
    return tuple(wheel or compile_one(one, lock, request, watch=watch, notify=notify) for one, wheel in found)


def build_reports(
    pending: Sequence[Buildable], request: BuildRequest, *, hints: Sequence[str] = ()
) -> tuple[BuildReport, ...]:
    """Return the reports on what is still to be compiled.

    Raises BuildError where nothing may be, and BuildImpossibleError where a gate is closed; both
    with ``hints`` after their own.
    """
    if request.mode is Build.ONLY_CACHED and pending:
        names = ", ".join(str(one.package) for one in pending)
        raise BuildError(
            f"not among the wheels that were compiled here before: {names}",
            hints=["envfit build LOCK compiles them", *hints],
        )
    reports = tuple(report_on(one.judged, request.environ) for one in pending)
    for report in reports:
        refuse_impossible(report, hints=hints)
    return reports


def cached_builds(
    lock: Pylock,
    target: Target,
    base: KnowledgeBase,
    request: BuildRequest,
    *,
    notify: Notify = lambda _: None,
) -> tuple[tuple[Buildable, BuiltWheel | None], ...]:
    """Return what a lock marks as builds, each with its wheel where it was compiled before.

    Where nothing is compiled, or there is no nvcc, any wheel serves that runs here, whatever
    compiled it.  Nothing is returned for NEVER.
    """
    if request.mode is Build.NEVER:
        return ()
    cache = BuildCache(built_directory(request.environ), notify=notify)
    found = []
    for one in buildable(lock, target, base, request):
        key = one.order.key
        wheel = cache.find(key)
        if wheel is None and (request.mode is Build.ONLY_CACHED or not key.nvcc):
            wheel = cache.find_any(key)
        if wheel is not None:
            notify(f"{one.package} was compiled before: {wheel.path.name}")
        found.append((one, wheel))
    return tuple(found)


def build_file(
    path: Path,
    *,
    target: TargetRequest,
    output: Path | None = None,
    provided_from: str | None = None,
    skip: Sequence[str] = (),
    jobs: int | None = None,
    network: bool = False,
    find_links: Sequence[Path] = (),
    ignore_rules: Sequence[str] = (),
    mirrors: Sequence[str] = (),
    offline: bool = False,
    environ: Mapping[str, str] | None = None,
    watch: Watch | None = None,
    notify: Notify = lambda _: None,
) -> tuple[BuiltWheel, ...]:
    """Compile what a lock file marks as builds for the GPUs of a target, on this machine.

    No GPU is needed for GPUs that are named.  ``output`` is a directory that gets the wheels besides
    the cache.  Raises what ``build_locked`` raises, and the errors of reading the lock.
    """
    from packaging.utils import canonicalize_name

    from envfit.api.ignored import ignored_rules
    from envfit.api.knowing import load_knowledge
    from envfit.api.provided import ask_interpreter
    from envfit.api.targets import this_machine
    from envfit.lock.file import placed_lock
    from envfit.project import mirrors_of, rules_of

    environ = os.environ if environ is None else environ
    lock = placed_lock(path)
    base = load_knowledge(rules_of(path.parent / "pyproject.toml"))
    machine = for_gpus_of(lock, this_machine(target, base, notify=notify))
    request = BuildRequest(
        environ=environ,
        indexes=IndexRequest(
            directory=path.parent,
            mirrors=tuple(mirrors),
            project_mirrors=mirrors_of(path.parent / "pyproject.toml"),
            offline=offline,
        ),
        interpreter=ask_interpreter(provided_from, (), environ, notify),
        skip=frozenset(map(canonicalize_name, skip)),
        jobs=jobs,
        ignored=ignored_rules(ignore_rules, base),
        network=network,
        find_links=tuple(find_links),
    )
    wheels = build_locked(lock, machine, base, request, watch=watch, notify=notify)
    if output is None:
        return wheels
    return tuple(replace(wheel, path=_copied(wheel.path, output)) for wheel in wheels)


def _copied(wheel: Path, directory: Path) -> Path:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy2(wheel, directory))
    except OSError as error:
        raise FileError(
            f"{wheel.name} cannot be written to {directory}: {error.strerror or error}"
        ) from error


def compile_one(
    one: Buildable,
    lock: Pylock,
    request: BuildRequest,
    *,
    watch: Watch | None = None,
    notify: Notify = lambda _: None,
) -> BuiltWheel:
    """Return the wheel of one build; raises BuildError, and the errors of fetching and installing."""
    sources = Sources(
        find_links=request.find_links, indexes=request.indexes, environ=request.environ, notify=notify
    )

    def python(tree: Path, source: Path) -> BuildPython:
        if request.interpreter is not None:
            return provided_python(one.judged.case.build.needs, request.interpreter)
        return isolated_python(
            lock,
            one.judged.case.build.needs,
            one.python,
            tree,
            source=source,
            indexes=request.indexes,
            environ=request.environ,
            notify=notify,
        )

    return compile_wheel(
        one.order,
        BuildCache(built_directory(request.environ), notify=notify),
        unpack=lambda folder: sources.unpack(one.sdist, folder),
        interpreter=python,
        watch=watch,
        notify=notify,
    )
