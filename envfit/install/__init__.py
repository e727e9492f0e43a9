"""From a lock to an environment: judged, made, proved, and only then put in place."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.pylock import Package, Pylock
from packaging.version import Version

from envfit.detect.interpreter import Interpreter
from envfit.distribution import Distribution, Sdist
from envfit.errors import FileError, InstallError, VerificationError
from envfit.frozen import frozen
from envfit.install.activation import serve_plain_shells
from envfit.install.addresses import handed_over
from envfit.install.environment import Environment
from envfit.install.exposure import check_exposed, expose
from envfit.install.guard import Line, constraints_text, guard
from envfit.install.guard_files import write_guard
from envfit.install.hidden_gpus import hide_gpus, visible_indexes
from envfit.install.module import Module
from envfit.install.plan import HealthCheck, Plan, plan
from envfit.install.refusal import Refused
from envfit.install.run_uv import create_venv, sync
from envfit.installed.import_names import import_names
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.lock.file import write_lock
from envfit.lock.provided import counted_on
from envfit.lock.reading import LockedPackage, locked_packages, locked_target
from envfit.lock.refusal import Refusal, Unproved, named
from envfit.prove.imports import ImportResult, Outcome, verify
from envfit.reference import ReferenceKind
from envfit.target import Target

__all__ = [
    "BUILD_CONSTRAINTS",
    "Environment",
    "HealthCheck",
    "ImportResult",
    "InstallReport",
    "Line",
    "Outcome",
    "Plan",
    "Refusal",
    "Refused",
    "Unproved",
    "install",
    "plan",
]

#: Bounds on what source distributions are built with.  setuptools 82 no longer has
#: pkg_resources, which the setup.py of many older releases imports.
BUILD_CONSTRAINTS = ("setuptools<82",)


@frozen
class InstallReport:
    """What an installation did, or would do."""

    plan: Plan
    prefix: Path
    version: Path | None = None  # where the environment lies; None where nothing was done
    former: Path | None = None  # the version that it replaced, where there was one
    imports: tuple[ImportResult, ...] = ()
    interpreter: Interpreter | None = None  # whose packages the environment sees
    proof_seconds: float | None = None  # that the imports took
    guard: tuple[Line, ...] = ()  # what later installations are held to


def install(
    lock: Pylock,
    target: Target,
    knowledge: KnowledgeBase,
    prefix: Path,
    *,
    skip: frozenset[str] = frozenset(),
    ignored: frozenset[str] = frozenset(),
    notify: Callable[[str], None] = lambda _: None,
    python: str | None = None,
    interpreter: Interpreter | None = None,
    keep: int = 1,
    build_constraints: tuple[str, ...] = BUILD_CONSTRAINTS,
    locate: Callable[[Sequence[Distribution]], Mapping[str, str]] = lambda _: {},
    build_variables: Callable[[], Mapping[str, str]] = dict,
    guarded: bool = True,
    dry_run: bool = False,
) -> InstallReport:
    """Install a lock at a prefix, which is as before unless everything works.

    ``skip`` names packages to leave out, ``ignored`` rules that are switched
    off; ``python`` is an interpreter to use instead of the one that uv finds, and
    ``interpreter`` one whose packages the environment sees besides its own;
    ``keep`` is how many former versions stay; ``guarded`` holds later installations
    by pip and uv to what the lock chose for the GPU; ``dry_run`` stops before anything
    is touched.  ``locate`` returns, by address in the lock, where files are
    fetched from instead; ``build_variables`` returns settings for uv, where a
    source distribution is among them.  Both may hold credentials; the
    environment's record of its lock has none.

    Raises Refused where the lock does not run on the target, counts on packages
    that are not provided, or has packages to compile, VerificationError where
    something does not import, InstallError, SourceError or FileError where it
    cannot be installed.
    """
    _require_interpreter(lock, interpreter)
    planned = plan(lock, target, knowledge, skip=skip, ignored=ignored, module=_module(interpreter))
    _refuse(planned)
    environment = Environment.at(prefix)
    environment.check_own()
    _require_paths(planned.to_install)
    if dry_run:
        return InstallReport(plan=planned, prefix=environment.prefix, interpreter=interpreter)
    reduced = _reduced(lock, planned)
    files = [package.distribution for package in locked_packages(reduced)]
    addresses = locate(files)
    variables = build_variables() if any(isinstance(file, Sdist) for file in files) else {}
    former = environment.current
    with environment.replacement(keep=keep) as version:
        notify(f"making an environment with Python {planned.python}")
        create_venv(
            version,
            planned.python,
            interpreter=interpreter.executable if interpreter is not None else python,
            prompt=environment.prefix.name,
            notify=notify,
        )
        _require_python(version, planned.python)
        serve_plain_shells(version)
        record = version / "pylock.toml"
        write_lock(reduced, record)
        constraints = version / "build-constraints.txt"
        constraints.write_text("".join(f"{line}\n" for line in build_constraints), encoding="utf-8")
        own = version / "bin" / "python"
        with handed_over(reduced, record, addresses) as given:
            sync(
                own,
                given,
                # uv demands one of everything or of nothing, and checks those that a lock has in any case.
                require_hashes=not any(package.is_source_tree for package in planned.to_install),
                build_constraints=constraints,
                variables=variables,
                notify=notify,
            )
        visible = visible_indexes(target)
        if visible is not None:
            hide_gpus(version, visible)
        site_packages = version / "lib" / f"python{planned.python}" / "site-packages"
        if interpreter is not None:
            expose(interpreter, site_packages)
            check_exposed(interpreter, own, planned.to_install)
        lines: tuple[Line, ...] = ()
        if guarded:
            query = Query(knowledge, _meant(lock, target), ignored=ignored)
            lines = guard(_versions(lock, planned), query)
            write_guard(version, constraints_text(lines, query.target))
        names = [
            name
            for check in planned.checks
            for name in check.imports or import_names(site_packages, check.package)
        ]
        begun = time.perf_counter()
        results = verify(own, names, gpu=bool(target.gpus), notify=notify)
        proof_seconds = time.perf_counter() - begun
        _require_working(results)
    return InstallReport(
        plan=planned,
        prefix=environment.prefix,
        version=version,
        former=former,
        imports=results,
        interpreter=interpreter,
        proof_seconds=proof_seconds,
        guard=lines,
    )


def _meant(lock: Pylock, target: Target) -> Target:
    """Return the target that an environment is for: a login node's is that of its lock."""
    locked = None if target.gpus else locked_target(lock)
    return target if locked is None or not locked.gpus else locked


def _versions(lock: Pylock, planned: Plan) -> dict[str, Version]:
    """Return what programs in the environment will see, by name."""
    provided = {package.name: package.version for package in counted_on(lock) or ()}
    own = {item.name: item.version for item in planned.to_install if item.version is not None}
    return {**provided, **own}


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
        if file.reference is None or file.reference.kind is ReferenceKind.GIT or "://" in file.url:
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


def _require_python(version: Path, wanted: str) -> None:
    """Raise InstallError where the interpreter that was taken is not of the lock's Python."""
    settings = (version / "pyvenv.cfg").read_text(encoding="utf-8")
    found = re.search(r"^version(?:_info)?\s*=\s*((\d+\.\d+)\S*)", settings, re.MULTILINE)
    if found is None or found[2] != wanted:
        has = f"is Python {found[1]}" if found else "does not say what it is"
        raise InstallError(f"the lock is for Python {wanted}, and the interpreter {has}")


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


def _require_working(results: tuple[ImportResult, ...]) -> None:
    failed = [result for result in results if result.outcome is Outcome.FAILED]
    if not failed:
        return
    others = f"; {', '.join(item.name for item in failed[1:])} failed too" if failed[1:] else ""
    raise VerificationError(
        f"everything was installed, but {failed[0]}{others}; the environment was not put in place",
        details={item.name: str(item) for item in failed},
    )
