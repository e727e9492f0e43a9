"""The plan of an installation: what would be installed, what speaks against it, what would prove it.

Pure: the lock, the target and the rules decide, and nothing of the lock's
``[tool]`` does.  Whether the locked distributions run here is what is judged.  A
fact that is absent or unknown stops nothing (an image is built without a GPU):
it is named as a condition still to be proved.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from packaging.markers import Marker
from packaging.pylock import Pylock
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.errors import InputError, LockError
from envfit.frozen import frozen
from envfit.install.module import Module, refusals_of_module
from envfit.knowledge.model import KnowledgeBase
from envfit.lock.reading import LockedPackage, locked_packages
from envfit.lock.refusal import Cause, Refusal, Unproved
from envfit.lock.verdict import SetVerdict
from envfit.requirement import RuleOrigin
from envfit.resolve.reason import Reason
from envfit.target import Provided, Target

__all__ = ["HealthCheck", "Plan", "plan"]


@frozen
class HealthCheck:
    """The imports that prove one package; none where they are read from its files once installed."""

    package: str
    imports: tuple[str, ...] = ()


@frozen
class Plan:
    """What an installation would do, before anything is touched."""

    python: str  # minor version, such as 3.11
    to_install: tuple[LockedPackage, ...]
    to_build: tuple[LockedPackage, ...]  # must be compiled for a GPU, and are not skipped
    skipped: tuple[str, ...]  # sorted
    refusals: tuple[Refusal, ...]
    conditions: tuple[Unproved, ...]
    warnings: tuple[RuleOrigin, ...]
    checks: tuple[HealthCheck, ...]

    @property
    def download_size(self) -> int:
        """Bytes to download where nothing is cached; files of unstated size count as none."""
        return sum(package.distribution.size or 0 for package in self.to_install)


def plan(
    lock: Pylock,
    target: Target,
    knowledge: KnowledgeBase,
    *,
    skip: frozenset[str] = frozenset(),
    ignored: frozenset[str] = frozenset(),
    module: Module | None = None,
) -> Plan:
    """Judge a lock on a target.

    The target's Python is not looked at: the environment gets the one that the
    lock requires.  ``skip`` names packages to leave out, ``ignored`` rules that
    are switched off; ``module`` is what an interpreter provides.  Raises LockError
    on a lock that cannot be installed anywhere and InputError on a name in ``skip``
    that it does not have.
    """
    packages = locked_packages(lock)
    _require_hashes(packages)
    skipped = _skipped(packages, skip)
    python = _python(lock, target, knowledge)
    target = replace(target, python=python, provided=module.provided if module is not None else ())
    wanted = [package for package in packages if package.name not in skipped]
    to_install = tuple(package for package in wanted if not package.build)
    to_build = tuple(package for package in wanted if package.build)
    verdict = SetVerdict(target, knowledge, ignored)
    if foreign := _foreign(lock.environments or (), target):
        # That the lock is for another platform explains every single wheel.
        verdict.refuse(Reason(sentence=foreign), cause=Cause.PLATFORM)
    else:
        for refusal in refusals_of_module(module, to_install, python) if module is not None else ():
            verdict.refuse(refusal.reason, *refusal.packages, cause=refusal.cause)
        verdict.judge((*to_install, *to_build))
    return Plan(
        python=target.python_minor,
        to_install=to_install,
        to_build=to_build,
        skipped=tuple(sorted(skipped)),
        refusals=verdict.refusals(),
        conditions=verdict.conditions(to_install),
        warnings=tuple(verdict.warnings),
        checks=tuple(_checks(target.provided, to_install, knowledge)),
    )


def _require_hashes(packages: Iterable[LockedPackage]) -> None:
    for package in packages:
        if package.distribution.sha256 is None and not package.is_source_tree:
            raise LockError(
                f"{package.distribution.filename} is locked without a sha256, so nobody can tell what it is",
                hints=["lock again with envfit lock"],
            )


def _skipped(packages: Sequence[LockedPackage], skip: Iterable[str]) -> frozenset[str]:
    names = [package.name for package in packages]
    skipped = frozenset(map(str, map(canonicalize_name, skip)))
    for name in sorted(skipped.difference(names)):
        near = difflib.get_close_matches(name, names)
        raise InputError(
            f"{name} cannot be skipped: it is not in the lock",
            hints=[f"did you mean {' or '.join(near)}?"] if near else [],
        )
    return skipped


def _python(lock: Pylock, target: Target, knowledge: KnowledgeBase) -> Version:
    """Return the newest release of the Python that a lock is for."""
    required = lock.requires_python
    if required is None:
        return target.python
    newest = {entry.minor: entry.newest for entry in knowledge.pythons}
    if minor := re.fullmatch(r"==(\d+\.\d+)\.\*", str(required)):
        return newest.get(minor[1]) or Version(minor[1])
    for version in (target.python, *reversed(newest.values())):
        if required.contains(version, prereleases=True):
            return version
    raise LockError(f"the lock requires Python {required}, and no such Python is known")


def _foreign(environments: Sequence[Marker], target: Target) -> str | None:
    """Return in one sentence that a lock is for other machines, or None where it is for the target."""
    environment = target.marker_environment()
    if not environments or any(marker.evaluate(environment) for marker in environments):
        return None
    return f"The lock is for {' or '.join(map(str, environments))}, and this is {target.platform}."


# -- what proves it -----------------------------------------------------------


def _checks(
    provided: Sequence[Provided], packages: Sequence[LockedPackage], knowledge: KnowledgeBase
) -> Iterator[HealthCheck]:
    """Yield what to import: the packages that nothing else brought in, and those with a known check.

    Of what is provided, what decides which CUDA runtime there is: a lock that needs nothing of it
    would hardly be installed beside it.
    """
    for package in provided:
        known = knowledge.packages.get(package.name)
        if known is not None and known.cuda_choice is not None and known.imports:
            yield HealthCheck(package=package.name, imports=known.imports)
    roots = _roots(packages)
    for name in (package.name for package in packages):
        known = knowledge.packages.get(name)
        if known is not None and known.imports:
            yield HealthCheck(package=name, imports=known.imports)
        elif name in roots:
            yield HealthCheck(package=name)


def _roots(packages: Sequence[LockedPackage]) -> frozenset[str]:
    """Return the packages that none depends on, except those that they depend on themselves."""
    dependencies = {package.name: package.dependencies for package in packages}
    reached = {name: _reachable(name, dependencies) for name in dependencies}
    return frozenset(
        name
        for name in dependencies
        if all(other in reached[name] for other in dependencies if name in reached[other])
    )


def _reachable(name: str, dependencies: Mapping[str, Sequence[str]]) -> frozenset[str]:
    found: set[str] = set()
    pending = list(dependencies[name])
    while pending:
        other = pending.pop()
        if other not in found and other in dependencies:
            found.add(other)
            pending += dependencies[other]
    return frozenset(found)
