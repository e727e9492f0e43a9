"""The guard of an environment: told of, put on, taken off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.version import Version

from envfit.api.checking_prefix import current_prefix
from envfit.api.ignored import ignored_rules
from envfit.api.knowing import load_knowledge
from envfit.api.targets import Notify, TargetRequest, this_machine
from envfit.errors import FileError, InputError
from envfit.install.guard import CONSTRAINTS, Line, constraints_text, guard, read_constraints
from envfit.install.guard_files import has_guard, remove_guard, write_guard
from envfit.install.record import read_record
from envfit.installed.model import InstalledEnvironment, PrefixKind
from envfit.installed.read import read_environment
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.target import Target

__all__ = ["guard_of", "put_on", "take_off"]


def guard_of(prefix: Path | None, environ: Mapping[str, str]) -> tuple[Path, tuple[Line, ...] | None]:
    """Return the prefix of an environment, and what it is held to; None where it has no guard.

    The prefix is the one that stays when envfit's own link points to another version.
    """
    environment = _environment(prefix, environ)
    place = _place(environment)
    if not has_guard(place):
        return environment.prefix, None
    try:
        return environment.prefix, read_constraints((place / CONSTRAINTS).read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(
            f"{place}/pip.conf names {CONSTRAINTS}, and it cannot be read: {error.strerror}",
            hints=["envfit guard --on writes it anew", "envfit guard --off takes the rest away"],
        ) from error


def put_on(
    prefix: Path | None,
    *,
    target: TargetRequest,
    ignore_rules: Sequence[str],
    environ: Mapping[str, str],
    notify: Notify,
) -> tuple[Path, tuple[Line, ...]]:
    """Hold an environment to what is installed in it now."""
    environment = _environment(prefix, environ)
    if environment.kind is PrefixKind.SYSTEM:
        raise InputError(f"{environment.prefix} is the system's Python, which is not envfit's to guard")
    base = load_knowledge()
    meant = _target(environment, target, base, notify)
    query = Query(base, meant, ignored=ignored_rules(tuple(ignore_rules), base))
    versions = {name: item.version for name, item in environment.seen().items() if item.version is not None}
    lines = guard(versions, query)
    write_guard(_place(environment), constraints_text(lines, meant))
    return environment.prefix, lines


def take_off(prefix: Path | None, environ: Mapping[str, str]) -> tuple[Path, bool]:
    """Hold an environment to nothing any more; tells whether it was held to anything."""
    environment = _environment(prefix, environ)
    place = _place(environment)
    had = has_guard(place)
    remove_guard(place)
    return environment.prefix, had


def _environment(prefix: Path | None, environ: Mapping[str, str]) -> InstalledEnvironment:
    return read_environment(prefix or current_prefix(environ), environ)


def _place(environment: InstalledEnvironment) -> Path:
    """Return the directory itself: the link of envfit's own may point to another one later."""
    return environment.prefix.resolve()


def _target(
    environment: InstalledEnvironment, request: TargetRequest, base: KnowledgeBase, notify: Notify
) -> Target:
    """Return what an environment is for: what is named, else what it was installed for, else this machine."""
    is_own = not request.gpus and environment.kind is PrefixKind.ENVFIT
    record = read_record(environment.prefix) if is_own else None
    if record is None or not record.gpus:
        return this_machine(request, base, notify=notify)
    python = environment.python_version or Version(base.default_python)
    return Target(platform=record.platform, python=python, gpus=record.gpus, facts=record.facts)
